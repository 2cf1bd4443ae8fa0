"""What the tests with workers stand on: an organisation, its workers, its tills."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import orjson
from confluent_kafka import KafkaError, Message, Producer, TopicPartition

from deploy.process import choose_port
from schemas.topics import Lane, Topic
from streams import fault_points
from streams.broker import consumer, ends_of, partitions_of, producer, read_all
from streams.client import Place, ask, new_request
from streams.settings import Settings

READY_S = 60.0
#: When offers end (never before a test runs: some things are judged by a worker's own clock),
#: coupons are issued and redeemed, unless a test says it.
ENDS, ISSUED_AT = "2098-12-31T23:59:59+05:30", "2026-11-21T10:00:00+05:30"
REDEEMED_AT = "2026-11-22T10:00:00+05:30"
#: For what a worker issues by its own clock, such as uploaded codes: a moment after that.
TOMORROW = (datetime.now(ZoneInfo("Asia/Kolkata")) + timedelta(days=1)).isoformat("T", "seconds")


class Addresses(Protocol):
    @property
    def kafka_bootstrap_servers(self) -> str: ...
    @property
    def redis_url(self) -> str: ...


def organisation(servers: Addresses, name: str) -> Settings:
    """Settings of an organisation that nobody had before, on these servers."""
    short = re.sub(r"[^a-z0-9]+", "-", name.lower())[:40].strip("-")
    return Settings(
        _env_file=None,
        kafka_bootstrap_servers=servers.kafka_bootstrap_servers,
        redis_url=servers.redis_url,
        topic_prefix=f"{short}.{uuid.uuid4().hex[:6]}.",
        time_zone="Asia/Kolkata",
        currency="INR",
        code_secret="a secret for tests",
        web_port=choose_port(),
        worker_id="",
    )


def wait_for(
    what: str, condition: Callable[[], Any], wait_s: float = 30.0, look_s: float = 0.02
) -> Any:
    """What the condition answers once that is true. Fails after ``wait_s`` seconds; between two
    looks are ``look_s``."""
    deadline = time.monotonic() + wait_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {wait_s:g} s: {what}"
        time.sleep(look_s)
    return answer


def offer(offer_id: str = "o", **sections: Any) -> dict[str, Any]:
    """An offer that sets no limit, and what a test says of it."""
    return {
        "offer_id": offer_id,
        "name": f"Offer {offer_id}",
        "expiry": {"type": "fixed_date", "at": ENDS},
        "discount": {"type": "percentage", "percent": "10"},
        "coupons": {"codes": {"type": "unique", "charset": "alphanumeric", "length": 10}},
        "claim": {"service": "dvs", "holder": "h"},
        **sections,
    }


def create(offer_id: str = "o", **sections: Any) -> dict[str, Any]:
    return new_request("create", offer_id=offer_id, actor="t", offer=offer(offer_id, **sections))


def issue(customer_id: str, offer_id: str = "o", **more: Any) -> dict[str, Any]:
    return new_request(
        "issue",
        **{"offer_id": offer_id, "customer_id": customer_id, "service": "dvs", "holder": "h",
           "occurred_at": ISSUED_AT, **more},
    )  # fmt: skip


def redeem(code: str, customer_id: str | None, **more: Any) -> dict[str, Any]:
    bill = {"number": "B-1", "amount": "1499.00", "currency": "INR"}
    return new_request(
        **{"type_": "redeem", "code": code, "customer_id": customer_id, "till_id": "t-1",
           "bill": bill, "occurred_at": REDEEMED_AT, **more},
    )  # fmt: skip


class Found(NamedTuple):
    """A committed record."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, str]

    @property
    def content(self) -> dict[str, Any]:
        return orjson.loads(self.value or b"{}")  # type: ignore[no-any-return]

    @property
    def source(self) -> Place:
        """Which request it answers: an outcome, or a dead letter by its headers."""
        said = self.headers if "offset" in self.headers else self.content["source"]
        return said["topic"], int(said["partition"]), int(said["offset"])


def found(message: Message) -> Found:
    headers = {name: content.decode() for name, content in message.headers() or []}
    return Found(
        message.topic(), message.partition(), message.offset(), message.key(), message.value(),
        headers,
    )  # fmt: skip


class Listener:
    """Hears what is committed to some topics, from their start on or from the moment it is made."""

    def __init__(self, settings: Settings, *topics: Topic, since_start: bool = False) -> None:
        self._client = consumer(settings, settings.topic_prefix + "test-listener")
        self._client.assign(
            [
                TopicPartition(settings.topic(topic), partition, first if since_start else end)
                for topic in topics
                for partition, (first, end) in enumerate(
                    ends_of(self._client, settings.topic(topic), partitions_of(settings, topic))
                )
            ]
        )
        self.heard: list[Found] = []

    def hear(self, wait_s: float = 0.02) -> list[Found]:
        """What came by now: all that was ever heard, in the order of arrival."""
        messages = self._client.consume(1_000, wait_s)
        self.heard += [found(message) for message in messages if message.error() is None]
        return self.heard

    def answers(self, *places: Place, wait_s: float = 30.0) -> list[Found]:
        """The outcomes, or where there is none the dead letters, of these requests."""

        def by_source() -> dict[Place, Found]:
            return {record.source: record for record in sorted(self.hear(), key=_outcomes_last)}

        wait_for(
            f"answers to {len(places)} requests", lambda: set(places) <= set(by_source()), wait_s
        )
        known = by_source()
        return [known[place] for place in places]

    def close(self) -> None:
        self._client.close()


def _outcomes_last(record: Found) -> bool:
    return "offset" not in record.headers


class World:
    """Workers of one organisation, as processes."""

    #: Whether a worker that ends by itself is started again.
    supervised = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self._ports = {0: settings.web_port}
        self.logs = Path(mkdtemp(prefix="redeemonce-test-"))

    def port(self, number: int = 0) -> int:
        """Of the worker of that number; chosen when that is first started, and kept."""
        if number not in self._ports:
            self._ports[number] = choose_port()
        return self._ports[number]

    def environment(self, place: str = "w0", port: int | None = None) -> dict[str, str]:
        settings = self.settings
        secret = settings.code_secret.get_secret_value() if settings.code_secret else ""
        mine = {
            "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
            "REDIS_URL": settings.redis_url,
            "TOPIC_PREFIX": settings.topic_prefix,
            "TIME_ZONE": settings.time_zone,
            "CURRENCY": settings.currency,
            "CODE_SECRET": secret,
            "WEB_PORT": str(port or settings.web_port),
            "WORKER_ID": place,
            "CLOCK_OFFSET_SECONDS": str(settings.clock_offset_seconds),
        }
        return os.environ | {f"REDEEMONCE_{name}": value for name, value in mine.items()}

    def start(
        self, place: str = "w0", number: int = 0, ready: bool = True, *options: str,
        armed: str = "", as_place: str = "",
    ) -> None:  # fmt: skip
        """Start a worker; wait until it says it is ready. ``as_place``: where it isn't its own."""
        env = self.environment(as_place or place, self.port(number)) | {fault_points.SETTING: armed}
        with (self.logs / f"{place}.log").open("ab") as log:
            self.workers[place] = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", "worker", *options],
                env=env, stdout=log, stderr=log, cwd=self.logs,
            )  # fmt: skip
        if ready:
            self.wait_until_ready(place, number)

    def wait_until_ready(self, place: str = "w0", number: int = 0) -> None:
        deadline = time.monotonic() + READY_S
        while self.health(number)[0] != 200:
            if self.workers[place].poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"worker {place} isn't ready:\n{self.log(place)[-4000:]}")
            time.sleep(0.1)

    def health(self, number: int = 0) -> tuple[int, bytes]:
        return self.get("/health", number)

    def get(self, path: str, number: int = 0) -> tuple[int, bytes]:
        url = f"http://127.0.0.1:{self.port(number)}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    def log(self, place: str = "w0") -> str:
        return (self.logs / f"{place}.log").read_text(errors="replace")

    def kill(self, place: str = "w0") -> None:
        self.workers[place].kill()
        self.workers[place].wait()

    def stop(self, place: str = "w0") -> float:
        """SIGTERM; returns how many seconds the worker took."""
        began = time.monotonic()
        self.workers[place].send_signal(signal.SIGTERM)
        self.workers[place].wait(30)
        return time.monotonic() - began

    def ask(self, *requests: dict[str, Any], silence_s: float = 60.0) -> list[dict[str, Any]]:
        return ask(self.settings, requests, silence_s)

    def lay(
        self, topic: Topic, *values: bytes | None, key: bytes | None = b"k", partition: int = -1
    ) -> list[Place]:
        """Bytes as anyone may produce them, in this order; returns where they came to lie."""
        places: dict[int, Place] = {}

        def note(number: int, error: KafkaError | None, message: Message) -> None:
            assert error is None, error
            places[number] = (message.topic(), message.partition(), message.offset())

        for number, value in enumerate(values):
            laid = partial(note, number)
            self._till.produce(self.settings.topic(topic), value, key, partition, on_delivery=laid)
        assert self._till.flush(60) == 0, "Kafka doesn't answer"
        return [places[number] for number in range(len(values))]

    @cached_property
    def _till(self) -> Producer:
        return producer(self.settings, linger_ms=0)

    def outcomes(self, lane: Lane) -> list[Found]:
        """Every committed outcome, in order within a partition."""
        return [found(message) for message in read_all(self.settings, lane.outcomes)]

    def reasons(self, *requests: dict[str, Any]) -> list[str]:
        return [said["reason"] or said["outcome"] for said in self.ask(*requests)]

    def run(
        self, *arguments: str, env: dict[str, str] | None = None, **more: Any
    ) -> "subprocess.CompletedProcess[str]":
        """A command of `redeemonce`, as a person runs it."""
        return subprocess.run(
            [sys.executable, "-m", "streams.cli", *arguments], env=env or self.environment(),
            capture_output=True, text=True, timeout=280, cwd=self.logs, **more,
        )  # fmt: skip

    def close(self) -> None:
        for process in self.workers.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()


@contextmanager
def one_worker(servers: Addresses, name: str) -> Iterator[World]:
    """An organisation of its own with one worker."""
    made = World(organisation(servers, name))
    try:
        made.start()
        yield made
    finally:
        made.close()


__all__ = ["Found", "Listener", "World", "create", "issue", "offer", "one_worker",
           "organisation", "read_all", "redeem", "wait_for"]  # fmt: skip
