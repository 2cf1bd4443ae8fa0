"""How fast plain Faust drains a backlog of the same requests, measured in the same way."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
from confluent_kafka.admin import NewTopic

from streams.broker import admin
from streams.client import Till
from streams.settings import Settings
from tests.benchmarks import load
from tests.benchmarks.ground import Ground, delete_topics
from tests.benchmarks.watch import Backlog, Usage, committed, rate, wait_until_drained

_PEER = Path(__file__).parent / "peers" / "faust_peer.py"
_PARTITIONS = 4
_STOP_S = 20


@dataclass(frozen=True)
class PeerDrained:
    """``results`` is ``records`` where each request got one result, which it doesn't promise."""

    redeem_rate: float
    usage: Usage
    records: int
    results: int


def drain_peer(ground: Ground, name: str, records: int, seed: int) -> PeerDrained:
    settings = ground.settings(name)
    requests, results = f"{name}.requests", f"{name}.results"
    _make_topics(settings, requests, results)
    coupons = ((who, f"SAVE{n:08d}") for n, who in enumerate(load.customers(records, seed)))
    # Faust's client reads lz4 only with a further library: nothing is compressed here.
    load.produce(Till(settings, compression_type="none"), requests, load.redeems(coupons))
    group = f"{name}.faust"
    backlog = Backlog(settings, requests, group)
    with _peer(ground, group, requests, results) as peer:
        pids = {"peer": peer.pid, "Kafka": ground.stack.kafka_pid}
        try:
            usage = wait_until_drained(backlog, pids, lambda: peer.poll() is None)
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
def _peer(
    ground: Ground, group: str, requests: str, results: str
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
        peer = subprocess.Popen(
            [sys.executable, str(_PEER), "worker", "--loglevel", "warn", "--without-web"],
            env=os.environ | mine, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield peer
    finally:
        peer.terminate()
        try:
            peer.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            peer.kill()
            peer.wait()


def _make_topics(settings: Settings, *names: str) -> None:
    config = {"message.timestamp.type": "LogAppendTime"}
    topics = [NewTopic(name, _PARTITIONS, 1, config=config) for name in names]
    client = admin(settings)
    for future in client.create_topics(topics).values():
        future.result(30)
