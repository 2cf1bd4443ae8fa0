"""Requests at a steady pace, whatever becomes of them, and when each one's outcome can be read."""

import gc
import sys
import threading
import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import TopicPartition

from streams.broker import consumer, ends_of
from streams.client import Till
from tests.benchmarks.engines.engine import Course
from tests.benchmarks.load import Body, number_of

#: A few requests at a time: more seldom they would come in heaps, more often the sender would take
#: the processor from the engine.
_TICK_S = 0.0005
#: A look goes through all that are waited for.
_LOOK_S = 0.05
_SWITCH_S = 0.0005
_AT_ONCE = 10_000
_ID, _QUOTE = b'"request_id":"', b'"'


@dataclass(frozen=True)
class Sent:
    """Requests ``first`` to ``first + count - 1``, by `time.perf_counter`: number ``first + n`` was
    due at ``began + n / rate`` and is taken as sent then. ``late_s``: of each, by how much the
    sender was behind that."""

    first: int
    rate: float
    began: float
    late_s: "array[float]"

    def due(self, number: int) -> float:
        return self.began + (number - self.first) / self.rate


def send(
    till: Till, topic: str, bodies: Sequence[Body], first: int, count: int, rate: float
) -> Sent:
    """Open loop: it waits for no outcome, and what it is late with it sends at once."""
    late_s, began = array("d"), time.perf_counter()
    while len(late_s) < count:
        done, now = len(late_s), time.perf_counter() - began
        for number in range(done, min(int(now * rate) + 1, count)):
            till.send_bytes(topic, *bodies[first + number])
            late_s.append(time.perf_counter() - began - number / rate)
        time.sleep(_TICK_S)
    return Sent(first, rate, began, late_s)


class Reader:
    """Notes when each request's outcome can be read, committed; reads in a thread of its own.

    ``seen``: by the request's number, `time.perf_counter`, 0 where it has none.
    """

    def __init__(self, course: Course, count: int) -> None:
        self.seen = array("d", bytes(8 * count))
        self._done = threading.Event()
        self._client = consumer(course.settings, f"{course.results}.latency", fetch_wait_max_ms=500)
        partitions = self._client.list_topics(course.results, timeout=10).topics[course.results]
        ends = ends_of(self._client, course.results, len(partitions.partitions))
        places = [TopicPartition(course.results, p, end) for p, (_, end) in enumerate(ends)]
        self._client.assign(places)
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._client.close()

    def has_all(self, first: int, count: int, wait_s: float) -> bool:
        """Whether that many requests have their outcomes, now or within so many seconds."""
        deadline = time.monotonic() + wait_s
        while 0.0 in self.seen[first : first + count]:
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_S)
        return True

    def _read(self) -> None:
        while not self._done.is_set():
            message = self._client.poll(0.2)
            if message is None:
                continue
            messages, now = [message, *self._client.consume(_AT_ONCE, 0)], time.perf_counter()
            for each in messages:
                if each.error() is None:
                    number = _number_in(each.value())
                    self.seen[number] = self.seen[number] or now  # what comes twice came first


def _number_in(result: bytes) -> int:
    """The request's number, without reading all of a result."""
    begin = result.index(_ID) + len(_ID)
    return number_of(result[begin : result.index(_QUOTE, begin)].decode())


@contextmanager
def undisturbed() -> Iterator[None]:
    """For sender and reader in one process: threads that wait for each other shortly, and no
    collection of garbage, which would go through all that is to be sent."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        sys.setswitchinterval(before)
