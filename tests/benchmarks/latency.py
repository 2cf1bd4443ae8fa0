"""How long a till waits: paced redeems, from the send to the committed outcome a reader sees."""

import threading
import time
from array import array
from dataclasses import dataclass

import orjson
from confluent_kafka import TopicPartition

from schemas.topics import REDEEM
from streams.broker import consumer, ends_of, partitions_of
from streams.client import Till
from streams.settings import Settings
from tests.benchmarks import load
from tests.benchmarks.drain import NotExact, issue_coupons
from tests.benchmarks.ground import Ground

_REST_S = 20.0
_TICK_S = 0.0005


@dataclass(frozen=True)
class Waited:
    """Milliseconds; ``behind_ms``: how late the sender itself was at the worst."""

    p50_ms: float
    p99_ms: float
    max_ms: float
    behind_ms: float


def latency(
    ground: Ground, name: str, rate: int, warm_s: float, seconds: float, seed: int
) -> Waited:
    """Raises `NotExact` where an outcome is missing 20 s after the last request."""
    warm, total = int(rate * warm_s), int(rate * (warm_s + seconds))
    with ground.organisation(name) as world:
        world.start()
        coupons, _, _ = issue_coupons(ground, world, total, seed)
        bodies = list(load.redeems(coupons))
        with _Reader(world.settings, total) as reader:
            sent, behind_ms = _send(world.settings, bodies, rate, warm)
            if not reader.seen_all.wait(_REST_S):
                raise NotExact(f"{reader.seen.count(0.0)} of {total} requests have no outcome")
    waits = sorted(1000 * (reader.seen[i] - sent[i]) for i in range(warm, total))
    return Waited(
        waits[len(waits) // 2], waits[int(0.99 * len(waits))], waits[-1], round(behind_ms, 1)
    )


def _send(
    settings: Settings, bodies: list[tuple[bytes, bytes]], rate: int, warm: int
) -> tuple["array[float]", float]:
    """When each was sent, and by how many milliseconds the sender was late at the worst."""
    till, topic = Till(settings), settings.topic(REDEEM.requests)
    sent = array("d")
    began, behind_s = time.perf_counter(), 0.0
    while len(sent) < len(bodies):
        elapsed = time.perf_counter() - began
        if len(sent) > warm:
            behind_s = max(behind_s, elapsed - len(sent) / rate)
        for key, value in bodies[len(sent) : int(elapsed * rate) + 1]:
            sent.append(time.perf_counter())
            till.send_bytes(topic, key, value)
        time.sleep(_TICK_S)
    till.flush()
    return sent, 1000 * behind_s


class _Reader:
    """Notes when each request's outcome can be read; reads in a thread of its own."""

    def __init__(self, settings: Settings, count: int) -> None:
        self.seen = array("d", bytes(8 * count))
        self.seen_all = threading.Event()
        self._done, self._open = threading.Event(), count
        topic = settings.topic(REDEEM.outcomes)
        self._client = consumer(settings, f"{topic}.latency", fetch_wait_max_ms=500)
        ends = ends_of(self._client, topic, partitions_of(settings, REDEEM.outcomes))
        self._client.assign([TopicPartition(topic, p, end) for p, (_, end) in enumerate(ends)])
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> "_Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._client.close()

    def _read(self) -> None:
        while not self._done.is_set():
            message = self._client.poll(0.2)
            if message is None or message.error() is not None:
                continue
            now = time.perf_counter()
            number = int(orjson.loads(message.value())["request_id"].removeprefix("r-"))
            if not self.seen[number]:  # one that is seen twice counts once
                self.seen[number] = now
                self._open -= 1
                if not self._open:
                    self.seen_all.set()
