"""What came out of an engine: when, by the broker's own stamps, and one for each request or not."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import orjson
from confluent_kafka import Message

from streams.broker import consumer, read_between
from streams.settings import Settings
from tests.benchmarks.ground import BenchmarkError
from tests.benchmarks.load import number_of

Note = Callable[[dict[str, Any]], None]


class NotExact(BenchmarkError):
    """The outcomes are not what was sent, once each."""


@dataclass
class Results:
    """Of ``count`` requests that should all be accepted. ``stamps_ms``: when the broker wrote each
    result, in order, so nothing has to read along while an engine works."""

    count: int
    stamps_ms: "array[int]" = field(default_factory=lambda: array("q"))
    missing: int = 0
    doubled: int = 0
    refused: int = 0

    @property
    def wrong(self) -> int:
        return self.missing + self.doubled + self.refused

    @property
    def rate(self) -> float:
        """Results a second, from the first to the last."""
        return _rate(self.stamps_ms)

    @property
    def rate_of_second_half(self) -> float:
        """The same without the first half, in which a program may still be warming up."""
        return _rate(self.stamps_ms[len(self.stamps_ms) // 2 :])

    def insist(self) -> None:
        if self.wrong:
            raise NotExact(
                f"of {self.count:,} requests {self.missing} have no outcome, {self.doubled} "
                f"another one, {self.refused} one that doesn't accept"
            )


def read_results(
    settings: Settings, topic: str, begins: Sequence[int], count: int, note: Note | None = None
) -> Results:
    """Those of the requests 0 to ``count`` - 1, which lie in the topic from ``begins`` on, an
    offset for each partition. ``note`` gets each of them."""
    found, seen = Results(count), bytearray(count)
    for message in _committed(settings, topic, begins):
        said = orjson.loads(message.value())
        found.stamps_ms.append(message.timestamp()[1])
        number = number_of(said["request_id"])
        found.doubled += seen[number]
        seen[number] = 1
        found.refused += said["outcome"] != "accepted" or said.get("replayed", False)
        if note is not None:
            note(said)
    found.missing = seen.count(0)
    np.frombuffer(found.stamps_ms, np.int64).sort()
    return found


def _committed(settings: Settings, topic: str, begins: Sequence[int]) -> Iterator[Message]:
    """Every committed record of the topic from those offsets up to its present end."""
    client = consumer(settings, f"{topic}.check", enable_partition_eof=True)
    try:
        bounds = {p: (begin, begin) for p, begin in enumerate(begins)}
        yield from chain.from_iterable(read_between(client, topic, bounds))
    finally:
        client.close()


def _rate(stamps_ms: "array[int]") -> float:
    if not stamps_ms:
        return 0.0
    return len(stamps_ms) * 1000 / max(stamps_ms[-1] - stamps_ms[0], 1)
