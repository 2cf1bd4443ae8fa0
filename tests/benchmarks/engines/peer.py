"""Another engine with the same work: a program that is given its topics by the environment."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka.admin import NewTopic

from state.keys import base
from state.ledger import Ledger
from streams.broker import admin
from streams.settings import Settings
from tests.benchmarks.engines.engine import Course, Program
from tests.benchmarks.ground import PARTITIONS, Ground, delete_topics
from tests.world import wait_for

_STOP_S = 20


@dataclass(frozen=True)
class Peer:
    """``command`` gets APP_ID (also its consumer group), BOOTSTRAP, REQUESTS, RESULTS, STATE_DIR,
    REDIS_URL and LEDGER (how its keys there begin) from the environment, and ``more``.
    ``servers``: those it uses."""

    name: str
    command: tuple[str, ...]
    more: tuple[tuple[str, str], ...] = ()
    servers: tuple[str, ...] = ("Kafka",)

    @contextmanager
    def course(self, ground: Ground, run: str) -> Iterator[Course]:
        settings = ground.settings(run)
        course = Course(ground, settings, f"{run}.requests", f"{run}.results", f"{run}.peer")
        _make_topics(settings, course.requests, course.results)
        try:
            yield course
        finally:
            delete_topics(settings)
            if "Redis" in self.servers:
                Ledger(settings.redis_url, settings.topic_prefix).wipe(everything=True)

    @contextmanager
    def running(self, course: Course) -> Iterator[Program]:
        state = course.ground.folder / course.group
        state.mkdir()
        mine = {
            "APP_ID": course.group,
            "BOOTSTRAP": course.ground.stack.kafka_bootstrap_servers,
            "REQUESTS": course.requests,
            "RESULTS": course.results,
            "STATE_DIR": str(state),
            "REDIS_URL": course.settings.redis_url,
            "LEDGER": base(course.settings.topic_prefix),
            **dict(self.more),
        }
        used = {name: course.ground.servers[name] for name in self.servers}
        said = course.ground.folder / f"{course.group}.log"
        with said.open("ab") as log:
            program = subprocess.Popen(self.command, env=os.environ | mine, stdout=log, stderr=log)
        try:
            yield Program(
                {"program": [program.pid], **used},
                lambda: program.poll() is None,
                lambda: said.read_text(errors="replace"),
            )
        finally:
            program.terminate()
            try:
                program.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()


def _make_topics(settings: Settings, *names: str) -> None:
    """Returns once the broker knows who leads each partition: later than it says they are made."""
    config = {"message.timestamp.type": "LogAppendTime"}
    topics = [NewTopic(name, PARTITIONS, 1, config=config) for name in names]
    client = admin(settings)
    for future in client.create_topics(topics).values():
        future.result(30)

    def led(name: str) -> bool:
        found = client.list_topics(name, timeout=10).topics[name].partitions
        return len(found) == PARTITIONS and all(one.leader >= 0 for one in found.values())

    wait_for("leaders of new topics", lambda: all(map(led, names)))
