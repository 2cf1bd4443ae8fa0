"""Where the benchmarks run: a local stack in a folder of its own, gone at the end."""

import gc
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis

from deploy.jars import kafka_version
from deploy.java import java
from deploy.local import Stack, down, up
from deploy.process import choose_port
from state.ledger import Ledger
from streams.broker import admin, ensure_topics, forget_clients
from streams.settings import Settings
from tests.world import World, wait_for

PARTITIONS = 4
#: By how many percent Redis' log grows before it is written anew; 0: never by itself.
_REWRITES = "auto-aof-rewrite-percentage"
#: Of the largest ledger there is here, and then some.
_REWRITE_S, _LOOK_S = 600.0, 0.1


class BenchmarkError(Exception):
    """It can't be measured, or came out wrong; the message is for people."""


@dataclass(frozen=True)
class Ground:
    """The servers, and a folder for what the programs leave behind."""

    stack: Stack
    folder: Path

    @property
    def servers(self) -> dict[str, list[int]]:
        """Process ids of the servers, by name."""
        return {"Redis": [self.stack.redis_pid], "Kafka": [self.stack.kafka_pid]}

    def redis(self) -> Redis:
        """A client of it, to be closed."""
        return Redis.from_url(self.stack.redis_url)

    def versions(self) -> dict[str, str]:
        """Of the servers, and of the Java that Kafka and its peers run on."""
        with self.redis() as redis:
            of_redis = str(redis.info("server")["redis_version"])
        said = subprocess.run([java(), "-version"], capture_output=True, text=True).stderr
        of_java = re.search(r'version "([^"]+)"', said)
        return {
            "Kafka": kafka_version(),
            "Redis": of_redis,
            "Java": of_java[1] if of_java else "",
        }

    def settings(self, name: str, partitions: int = PARTITIONS) -> Settings:
        """An organisation of its own: nothing of an earlier run is in its topics or ledger."""
        return Settings(
            _env_file=None,
            kafka_bootstrap_servers=self.stack.kafka_bootstrap_servers,
            redis_url=self.stack.redis_url,
            topic_prefix=f"{name}.",
            time_zone="Asia/Kolkata",
            currency="INR",
            code_secret="a secret for benchmarks",
            web_port=choose_port(),
            worker_id="bench",
            partitions=partitions,
        )

    @contextmanager
    def organisation(self, name: str, partitions: int = PARTITIONS) -> Iterator[World]:
        """Its topics are there; its worker isn't started yet. All of it is deleted at the end."""
        self.calm()
        world = World(self.settings(name, partitions))
        ensure_topics(world.settings)
        try:
            yield world
        finally:
            world.close()
            shutil.rmtree(world.logs, ignore_errors=True)
            Ledger(world.settings.redis_url, world.settings.topic_prefix).wipe(everything=True)
            delete_topics(world.settings)

    def calm(self) -> None:
        """Have Redis write its log anew and wait for that: what ran before makes it do so in no
        measurement that begins now."""
        with self.redis() as redis:
            if redis.config_get(_REWRITES)[_REWRITES] == "0":
                return
            _wait_until_written(redis)
            redis.bgrewriteaof()
            _wait_until_written(redis)

    @contextmanager
    def without_rewrites(self) -> Iterator[None]:
        """Meanwhile Redis doesn't write its log anew. After that each page of its memory takes a
        fault at its first write: of a large ledger, thousands of redeems measured right then
        would pay for it what millions share where no benchmark makes it do so."""
        with self.redis() as redis:
            before = redis.config_get(_REWRITES)[_REWRITES]
            redis.config_set(_REWRITES, 0)
            try:
                yield
            finally:
                redis.config_set(_REWRITES, before)


def _wait_until_written(redis: Redis) -> None:
    def is_written() -> bool:
        now = redis.info("persistence")
        return not now["aof_rewrite_in_progress"] and not now["aof_rewrite_scheduled"]

    wait_for("Redis has written its log anew", is_written, _REWRITE_S, _LOOK_S)


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
    """Every topic with the organisation's prefix in its name; some engines put theirs before."""
    client = admin(settings)
    found = client.list_topics(timeout=10).topics
    mine = [name for name in found if settings.topic_prefix in name]
    for future in client.delete_topics(mine).values() if mine else ():
        future.result(30)


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
