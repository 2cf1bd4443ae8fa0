"""Measuring from outside: a group's lag, the broker's stamps, processor time by process."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import psutil
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from streams.broker import BrokerError, consumer
from streams.settings import Settings

_LIMIT_S = 600.0
_LOOK_S = 0.05
#: A new broker answers so for a moment; the client doesn't call it retriable.
_NO_COORDINATOR_YET = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)


class Backlog:
    """The records of a topic that a consumer group has not committed yet."""

    def __init__(self, settings: Settings, topic: str, group: str) -> None:
        # Asks for the group's offsets without joining it, nor waiting for open transactions.
        self._client = consumer(settings, group, isolation_level="read_uncommitted")
        count = len(self._client.list_topics(topic, timeout=10).topics[topic].partitions)
        self._places = [TopicPartition(topic, p) for p in range(count)]
        self._ends = [self._client.get_watermark_offsets(p, timeout=10)[1] for p in self._places]

    def left(self) -> int:
        done = sum(max(each.offset, 0) for each in self._committed())
        return int(sum(self._ends) - done)

    def _committed(self) -> list[TopicPartition]:
        while True:
            try:
                return self._client.committed(self._places, 10)
            except KafkaException as error:
                if error.args[0].code() not in _NO_COORDINATOR_YET:
                    raise
                time.sleep(_LOOK_S)


@dataclass(frozen=True)
class Usage:
    """Processor seconds for a million decisions, by process; none where it was over too soon.

    ``others_cores``: how many cores were busy with anything else meanwhile. What isn't near zero
    makes the rates pessimistic.
    """

    by_process: dict[str, float]
    others_cores: float


@dataclass(frozen=True)
class _Spent:
    """Processor seconds until a moment: of each process with all its threads, and of all."""

    at: float
    by_process: dict[str, float]
    whole_machine: float

    @classmethod
    def now(cls, pids: Mapping[str, int]) -> "_Spent":
        times = {name: psutil.Process(pid).cpu_times() for name, pid in pids.items()}
        machine = psutil.cpu_times()
        busy = sum(machine) - machine.idle - getattr(machine, "iowait", 0.0)
        by_process = {name: each.user + each.system for name, each in times.items()}
        return cls(time.monotonic(), by_process, busy)

    def since(self, before: "_Spent", decisions: int) -> Usage:
        used = {name: self.by_process[name] - before.by_process[name] for name in self.by_process}
        others = self.whole_machine - before.whole_machine - sum(used.values())
        return Usage(
            {name: seconds * 1e6 / decisions for name, seconds in used.items() if decisions},
            max(others, 0.0) / max(self.at - before.at, _LOOK_S),
        )


def wait_until_drained(
    backlog: Backlog, pids: Mapping[str, int], alive: Callable[[], bool]
) -> Usage:
    """Return when nothing is left, with the processor time used since the first commit.

    What a program needs to start is not in it. RuntimeError where the program dies.
    """
    all_, deadline = backlog.left(), time.monotonic() + _LIMIT_S
    first: _Spent | None = None
    of_first = left = all_
    while left:
        if not alive():
            raise RuntimeError("the program died; its log says why")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{left} of {all_} requests are left after {_LIMIT_S:.0f} s")
        time.sleep(_LOOK_S)
        left = backlog.left()
        if first is None and left < all_:
            first, of_first = _Spent.now(pids), left
    now = _Spent.now(pids)
    return now.since(first or now, of_first)


def committed(settings: Settings, topic: str) -> Iterator[Message]:
    """Every committed record of any topic up to its present end."""
    client = consumer(settings, f"{topic}.check", enable_partition_eof=True)
    found = client.list_topics(topic, timeout=10).topics[topic]
    open_ = set(found.partitions)
    try:
        client.assign([TopicPartition(topic, p, 0) for p in sorted(open_)])
        while open_:
            for message in client.consume(10_000, 1.0):
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_.discard(message.partition())
                elif not error.retriable():
                    raise BrokerError(f"{topic} can't be read: {error.str()}")
    finally:
        client.close()


def rate(stamps_ms: list[int]) -> float:
    """Records a second from the broker's stamps of them: n / (last - first)."""
    return len(stamps_ms) * 1000 / max(max(stamps_ms) - min(stamps_ms), 1)
