"""The Kafka and Redis that tests run on: addresses already set, Docker, or the local stack."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from deploy.jars import kafka_version
from deploy.kafka import broker_settings
from deploy.local import down, up
from deploy.redis import settings as redis_settings

if TYPE_CHECKING:
    from testcontainers.community.kafka import KafkaContainer
    from testcontainers.community.redis import RedisContainer

KAFKA_SETTING = "REDEEMONCE_KAFKA_BOOTSTRAP_SERVERS"
REDIS_SETTING = "REDEEMONCE_REDIS_URL"
KAFKA_IMAGE = f"apache/kafka:{kafka_version()}"
REDIS_IMAGE = "redis:7.4-alpine"
REDIS_FILE = "/etc/redeemonce-redis.conf"
DOCKER_TIMEOUT_S = 5


@dataclass(frozen=True)
class Servers:
    """Where the servers answer and who started them; `directory` is the local stack's, if any."""

    kafka_bootstrap_servers: str
    redis_url: str
    kind: Literal["set", "docker", "local"]
    directory: Path | None = None


@contextmanager
def servers() -> Iterator[Servers]:
    """Servers for the time of the block; what it started is stopped at its end.

    Both addresses set win, then a Docker engine that answers, then the local stack in a folder of
    its own.
    """
    kafka, redis = os.environ.get(KAFKA_SETTING), os.environ.get(REDIS_SETTING)
    if kafka and redis:
        yield Servers(kafka, redis, "set")
    elif docker_answers():
        with in_docker() as started:
            yield started
    else:
        with on_this_machine() as started:
            yield started


def docker_answers() -> bool:
    """Whether a Docker engine answers, not just its client is installed."""
    import docker  # type: ignore[import-untyped]  # has no types; comes with testcontainers

    try:
        client = docker.from_env(timeout=DOCKER_TIMEOUT_S)
    except docker.errors.DockerException:
        return False
    try:
        return bool(client.ping())
    except (docker.errors.DockerException, OSError):
        return False
    finally:
        client.close()


@contextmanager
def on_this_machine() -> Iterator[Servers]:
    """The local stack in a folder that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="redeemonce-") as folder:
        directory = Path(folder)
        try:
            stack = up(directory)
            yield Servers(stack.kafka_bootstrap_servers, stack.redis_url, "local", directory)
        finally:
            down(directory)


@contextmanager
def in_docker() -> Iterator[Servers]:
    """Containers of Kafka and Redis with the settings of `deploy`."""
    with _kafka_container() as kafka, _redis_container() as redis:
        address = f"{redis.get_container_host_ip()}:{redis.get_exposed_port(redis.port)}"
        yield Servers(kafka.get_bootstrap_server(), f"redis://{address}/0", "docker")


def _redis_container() -> "RedisContainer":
    from testcontainers.community.redis import RedisContainer

    container = RedisContainer(REDIS_IMAGE)
    container.with_copy_into_container(redis_settings().encode(), REDIS_FILE)
    # reached from outside its network namespace, so not on its own 127.0.0.1
    container.with_command(f"redis-server {REDIS_FILE} --bind 0.0.0.0 --protected-mode no")
    return container


def _kafka_container() -> "KafkaContainer":
    from testcontainers.community.kafka import KafkaContainer

    class ApacheKafka(KafkaContainer):
        """testcontainers' Kafka is Confluent's; Apache's image has another start script."""

        def __init__(self) -> None:
            super().__init__(KAFKA_IMAGE)
            self.kraft_enabled = True  # with_kraft() reads the tag as a version of Confluent's
            for name, value in broker_settings().items():
                self.with_env(f"KAFKA_{name.upper().replace('.', '_')}", value)

        def tc_start(self) -> None:
            # Only now is the port known by which the host reaches the broker.
            outside = f"{self.listener_name}://{self.get_bootstrap_server()}"
            script = (
                f"export KAFKA_ADVERTISED_LISTENERS={outside},BROKER://localhost:9092\n"
                "exec /etc/kafka/docker/run\n"
            )
            self.create_file(script.encode(), self.TC_START_SCRIPT)

    return ApacheKafka()
