"""Where the benchmarks run: a local stack in a folder of its own, gone at the end."""

import gc
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local import Stack, down, up
from state.ledger import Ledger
from streams.broker import admin, ensure_topics, forget_clients
from streams.settings import Settings
from tests.world import World


@dataclass(frozen=True)
class Ground:
    """The servers, and a folder for what the programs leave behind."""

    stack: Stack
    folder: Path

    def settings(self, name: str) -> Settings:
        """An organisation of its own: nothing of an earlier run is in its topics or ledger."""
        return Settings(
            _env_file=None,
            kafka_bootstrap_servers=self.stack.kafka_bootstrap_servers,
            redis_url=self.stack.redis_url,
            topic_prefix=f"{name}.",
            time_zone="Asia/Kolkata",
            currency="INR",
            code_secret="a secret for benchmarks",
            web_port=_free_port(),
            worker_id="bench",
        )

    @contextmanager
    def organisation(self, name: str) -> Iterator[World]:
        """Its topics are there; its worker isn't started yet. All of it is deleted at the end."""
        world = World(self.settings(name))
        ensure_topics(world.settings)
        try:
            yield world
        finally:
            world.close()
            Ledger(world.settings.redis_url, world.settings.topic_prefix).wipe(everything=True)
            delete_topics(world.settings)


@contextmanager
def ground() -> Iterator[Ground]:
    """Started for the block; stopped however it ends, by Ctrl-C or SIGTERM too."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with tempfile.TemporaryDirectory(
            prefix="redeemonce-bench-", ignore_cleanup_errors=True
        ) as name:
            folder = Path(name)
            try:
                yield Ground(up(folder), folder)
            finally:
                forget_clients()
                gc.collect()
                down(folder)
    finally:
        signal.signal(signal.SIGTERM, before)


def delete_topics(settings: Settings) -> None:
    """Every topic whose name begins with the organisation's prefix."""
    client = admin(settings)
    found = client.list_topics(timeout=10).topics
    mine = [name for name in found if name.startswith(settings.topic_prefix)]
    for future in client.delete_topics(mine).values() if mine else ():
        future.result(30)


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
