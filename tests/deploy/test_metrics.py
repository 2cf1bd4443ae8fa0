"""What a worker tells of its lag, and what an audit leaves for node-exporter."""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from schemas.topics import REDEEM
from state.ledger import Ledger
from streams.audit import Verdict
from streams.batches import Part, Record
from streams.broker import ensure_topics, producer
from streams.cli import ledger as commands
from streams.log import Clients, Log
from streams.metrics import Metrics
from streams.recovery.offsets import make_sure_of_offsets
from streams.settings import Settings
from streams.source import Source
from tests.world import wait_for


class Client:
    """A consumer and a producer in one, of a broker that has what a test says."""

    def __init__(self) -> None:
        self.ends: dict[int, int] = {}
        self.offsets: dict[int, int] = {}
        self.asked: list[list[int]] = []
        self.answers = True

    def subscribe(self, _: list[str], **callbacks: Callable[..., None]) -> None:
        self.callbacks = callbacks

    def committed(self, places: list[TopicPartition], _: float) -> list[TopicPartition]:
        self.asked.append([place.partition for place in places])
        if not self.answers:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return [TopicPartition(each.topic, each.partition, self.offsets[each.partition])
                for each in places]  # fmt: skip

    def get_watermark_offsets(self, place: TopicPartition, cached: bool) -> tuple[int, int]:
        assert cached
        return 0, self.ends[place.partition]

    def consumer_group_metadata(self) -> bytes:
        return b"CGMDv2:" + (1).to_bytes(4, "little")

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_, **__: None


class Claims:
    """A ledger that gives partitions out."""

    def claim(self) -> int:
        return 1


class Lane:
    """A log on such a client, and the lag that Prometheus is told of it."""

    def __init__(self) -> None:
        self.client, self.metrics = Client(), Metrics()
        settings: Any = Settings(_env_file=None, worker_id="w")
        clients = Clients(lambda *_, **__: self.client, lambda *_, **__: self.client)
        claims: Any = Claims()
        self.log = Log(REDEEM, settings, claims, self.metrics.lane("redeem"), clients)
        self.log.start()

    def rebalance(self, kind: str, *partitions: int) -> None:
        places = [TopicPartition("redeem.requests", partition) for partition in partitions]
        self.client.callbacks[f"on_{kind}"](self.client, places)

    def commit(self, partition: int, to: int) -> None:
        assert self.log.commit([Part(partition, 1, 0, 0, to, [])], [], time.monotonic() + 1)

    def look(self) -> dict[int, float]:
        self.log.look_at_lag()
        return lag_of(self.metrics)


def lag_of(metrics: Metrics) -> dict[int, float]:
    return {
        int(sample.labels["partition"]): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "redeemonce_lag"
    }


def test_lag_is_what_is_not_committed_of_the_partitions_that_are_ours() -> None:
    lane = Lane()
    lane.client.ends, lane.client.offsets = {0: 100, 1: 40, 2: 7}, {0: 90, 1: 40, 2: 0}

    # Partitions that nothing was read from: Kafka is asked where they stand, once.
    lane.rebalance("assign", 0, 1)
    assert lane.look() == {0: 10, 1: 0}
    assert lane.look() == {0: 10, 1: 0}
    assert lane.client.asked == [[0, 1]]

    # What is committed counts, and what comes.
    lane.commit(0, 98)
    lane.client.ends[1] = 43
    assert lane.look() == {0: 2, 1: 3}

    # After a rebalance nothing is said of what others have, and the rest is asked anew.
    lane.rebalance("revoke", 0, 1)
    lane.rebalance("assign", 1, 2)
    lane.client.offsets[1] = 41
    assert lane.look() == {1: 2, 2: 7}
    assert lane.client.asked == [[0, 1], [1, 2]]


def test_lag_that_nobody_knows_is_not_made_up() -> None:
    lane = Lane()
    lane.client.ends, lane.client.offsets = {0: 100, 1: -1001}, {0: 90, 1: 5}
    lane.rebalance("assign", 0, 1)

    lane.client.answers = False
    assert lane.look() == {}
    lane.client.answers = True
    assert lane.look() == {0: 10}  # of 1 nothing was fetched yet


class Waiting:
    """A log with a batch that nobody settles: the ledger is away."""

    def __init__(self) -> None:
        self.polls, self.looks, self.seen = 0, 0, threading.Event()

    def start(self) -> None: ...

    def poll(self) -> list[Part]:
        self.polls += 1
        return [Part(0, 1, 0, 0, 1, [Record(0, None, b"{}")])]

    def look_at_lag(self) -> None:
        self.looks += self.polls
        if self.looks == 3:
            self.seen.set()


def test_lag_is_looked_at_while_a_batch_waits() -> None:
    log: Any = Waiting()

    async def run_until_it_was_seen() -> None:
        channel: Any = asyncio.Queue()
        running = Source(REDEEM, log, channel, look_s=0.01)
        await running.start()
        assert await asyncio.to_thread(log.seen.wait, 10)
        await running.stop()

    asyncio.run(run_until_it_was_seen())
    assert log.polls == 1


def test_lag_on_a_real_broker(settings: Settings, ledger: Ledger) -> None:
    ensure_topics(settings)
    make_sure_of_offsets(settings)
    metrics = Metrics()
    log = Log(REDEEM, settings, ledger, metrics.lane("redeem"))
    log.start()

    def parts_and_lag() -> dict[int, float]:
        log.look_at_lag()
        return lag_of(metrics)

    def joined() -> bool:
        assert log.poll() == []
        return log.has(0)

    wait_for("partitions", joined)
    wait_for("the first look", lambda: parts_and_lag() == {0: 0, 1: 0, 2: 0, 3: 0})
    till = producer(settings)
    for number in range(5):
        till.produce(settings.topic(REDEEM.requests), b"{}", b"c", number % 2)
    till.flush()

    # Not read yet, then read and not committed, then committed.
    wait_for("lag", lambda: parts_and_lag() == {0: 3, 1: 2, 2: 0, 3: 0})
    parts: list[Part] = []
    while sum(len(part.records) for part in parts) < 5:
        parts += log.poll()
    assert parts_and_lag() == {0: 3, 1: 2, 2: 0, 3: 0}
    assert log.commit([part for part in parts if part.partition == 0], [], time.monotonic() + 10)
    assert parts_and_lag() == {0: 0, 1: 2, 2: 0, 3: 0}
    log.close()


def run(*arguments: str, found: int = 0, at_rest: bool = True) -> Result:
    """`redeemonce audit` where an audit finds so many differences."""
    verdict = Verdict(not found, {"outcomes": 3}, ["one", "two"][:found], [], found, at_rest)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "read_settings", lambda: None)
        patch.setattr(commands, "audit", lambda *_: verdict)
        return CliRunner().invoke(commands.audit_, arguments)


def figures(file: Path) -> dict[str, float]:
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(file.read_text("utf-8"))
        for sample in family.samples
    }


def test_an_audit_leaves_what_it_found(tmp_path: Path) -> None:
    file = tmp_path / "audit.prom"
    before = time.time()

    assert run("--metrics", str(file)).exit_code == 0
    told = figures(file)
    assert before <= told.pop("redeemonce_audit_timestamp_seconds") <= time.time()
    assert told == {"redeemonce_audit_ok": 1, "redeemonce_audit_differences": 0}

    assert run("--metrics", str(file), found=2).exit_code == 1
    assert figures(file)["redeemonce_audit_ok"] == 0
    assert figures(file)["redeemonce_audit_differences"] == 2
    assert file.stat().st_mode & 0o044 == 0o044  # node-exporter is another user
    assert [*tmp_path.iterdir()] == [file]


def test_an_audit_of_what_was_never_at_rest_leaves_nothing(tmp_path: Path) -> None:
    answer = run("--metrics", str(tmp_path / "audit.prom"), found=1, at_rest=False)

    assert answer.exit_code == 1
    assert [*tmp_path.iterdir()] == []


def test_an_audit_without_a_file_writes_none(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)

    assert run().exit_code == 0
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("file", "says"),
    [("audit.txt", r"only files named *.prom"), ("nowhere/audit.prom", "is no folder to write to")],
)
def test_a_file_that_nobody_would_read_is_refused_before_the_audit(
    tmp_path: Path, file: str, says: str
) -> None:
    answer = run("--metrics", str(tmp_path / file))

    assert answer.exit_code == 2
    assert says in answer.output


def test_a_file_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(commands, "write_to_textfile", full)
    answer = run("--metrics", str(tmp_path / "audit.prom"))

    assert answer.exit_code == 1
    assert "can't be written: No space left on device" in answer.output
