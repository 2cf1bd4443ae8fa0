"""How fast other engines drain a backlog of the same requests, measured in the same way."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
from confluent_kafka.admin import NewTopic

from deploy.java import java
from streams.broker import admin
from streams.client import Till
from streams.settings import Settings
from tests.benchmarks import load
from tests.benchmarks.ground import Ground, delete_topics
from tests.benchmarks.watch import Backlog, Usage, committed, rate, wait_until_drained

_PEERS = Path(__file__).parent / "peers"
_PARTITIONS = 4
_STOP_S = 20


@dataclass(frozen=True)
class Peer:
    """A program that gets APP_ID, BOOTSTRAP, REQUESTS, RESULTS and STATE_DIR."""

    name: str
    command: tuple[str, ...]
    compression: str


def plain_faust() -> Peer:
    """Its client reads lz4 only with a further library: nothing is compressed."""
    program = str(_PEERS / "faust_peer.py")
    command = (sys.executable, program, "worker", "--loglevel", "warn", "--without-web")
    return Peer("plain Faust", command, "none")


#: What makes Kafka Streams faster than its defaults do, where this was tried first.
_TUNED = (
    "commit.interval.ms=1000", "max.poll.records=5000", "buffered.records.per.partition=10000",
    "producer.compression.type=lz4", "producer.batch.size=262144",
)  # fmt: skip


def kafka_streams(*settings: str) -> Peer:
    """Compiled by Maven first. RuntimeError where that isn't there or fails."""
    project = _PEERS / "kafka_streams"
    maven = shutil.which("mvn")
    if maven is None:
        raise RuntimeError("Kafka Streams is compiled by Maven: install it, or leave that peer out")
    goals = ("package", "dependency:copy-dependencies")
    done = subprocess.run(
        [maven, "-q", "-B", "-f", str(project / "pom.xml"), *goals], capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"Maven failed:\n{done.stdout[-2000:]}")
    path = f"{project / 'target' / 'classes'}:{project / 'target' / 'dependency'}/*"
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    command = (str(java()), "-Xmx4g", quiet, "-cp", path, "Redemptions", *settings)
    return Peer("Kafka Streams", command, "lz4")


def tuned_kafka_streams() -> Peer:
    return kafka_streams(*_TUNED)


@dataclass(frozen=True)
class PeerDrained:
    """``results`` is ``records`` where each request got one result, which it doesn't promise."""

    redeem_rate: float
    usage: Usage
    records: int
    results: int


def drain_peer(ground: Ground, peer: Peer, name: str, records: int, seed: int) -> PeerDrained:
    settings = ground.settings(name)
    requests, results = f"{name}.requests", f"{name}.results"
    _make_topics(settings, requests, results)
    coupons = ((who, f"SAVE{n:08d}") for n, who in enumerate(load.customers(records, seed)))
    load.produce(Till(settings, compression_type=peer.compression), requests, load.redeems(coupons))
    group = f"{name}.peer"
    backlog = Backlog(settings, requests, group)
    with _started(ground, peer, group, requests, results) as program:
        pids = {"peer": program.pid, "Kafka": ground.stack.kafka_pid}
        try:
            usage = wait_until_drained(backlog, pids, lambda: program.poll() is None)
        except RuntimeError as error:
            log = (ground.folder / f"{group}.log").read_text(errors="replace")
            raise RuntimeError(f"{error}:\n{log[-4000:]}") from None
    found = [
        (message.timestamp()[1], orjson.loads(message.value()))
        for message in committed(settings, results)
    ]
    delete_topics(settings)
    return PeerDrained(rate([stamp for stamp, _ in found]), usage, records, len(found))


@contextmanager
def _started(
    ground: Ground, peer: Peer, group: str, requests: str, results: str
) -> Iterator["subprocess.Popen[bytes]"]:
    state = ground.folder / group
    state.mkdir()
    mine = {
        "APP_ID": group,
        "BOOTSTRAP": ground.stack.kafka_bootstrap_servers,
        "REQUESTS": requests,
        "RESULTS": results,
        "STATE_DIR": str(state),
    }
    with (ground.folder / f"{group}.log").open("ab") as log:
        program = subprocess.Popen(peer.command, env=os.environ | mine, stdout=log, stderr=log)
    try:
        yield program
    finally:
        program.terminate()
        try:
            program.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()


def _make_topics(settings: Settings, *names: str) -> None:
    config = {"message.timestamp.type": "LogAppendTime"}
    topics = [NewTopic(name, _PARTITIONS, 1, config=config) for name in names]
    client = admin(settings)
    for future in client.create_topics(topics).values():
        future.result(30)
