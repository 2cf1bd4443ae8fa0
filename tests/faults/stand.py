"""Kafka and Redis that a run of faults has for itself, each behind a proxy of its own."""

import shutil
import time
from pathlib import Path
from typing import NamedTuple

from redis import Redis

from deploy.kafka import start_kafka, wait_for_kafka
from deploy.process import Server, choose_port, kill, stop
from deploy.redis import start_redis, wait_for_redis
from tests.faults.proxy import Proxy

#: Where Redis keeps its append-only file, under a server's home.
AOF = "appendonlydir"
REPLICA_S = 10.0


class Addresses(NamedTuple):
    kafka_bootstrap_servers: str
    redis_url: str


class Stand:
    """``direct``: addresses for who watches; ``proxied``: for the workers."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port, self._controller, self._proxied = (choose_port() for _ in range(3))
        self.broker_link = Proxy(self._proxied)
        self._homes = [directory / "one", directory / "other"]
        self.redis = self._start_redis(self._homes[0], choose_port())
        self.redis_link = Proxy(self.redis.port)
        self.start_kafka()

    @property
    def direct(self) -> Addresses:
        return Addresses(f"127.0.0.1:{self._port}", f"redis://127.0.0.1:{self.redis.port}/0")

    @property
    def proxied(self) -> Addresses:
        return Addresses(
            f"127.0.0.1:{self.broker_link.port}", f"redis://127.0.0.1:{self.redis_link.port}/0"
        )

    def close(self) -> None:
        self.broker_link.close()
        self.redis_link.close()
        stop([self.kafka, self.redis])

    # Kafka ---------------------------------------------------------------------------------------

    def start_kafka(self) -> None:
        """A second listener is advertised under the proxy's port."""
        listeners = {
            "listeners": "PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller_port},"
            f"PROXIED://127.0.0.1:{self._proxied}",
            "advertised.listeners": "PLAINTEXT://127.0.0.1:${port},"
            f"PROXIED://127.0.0.1:{self.broker_link.port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
            "PROXIED:PLAINTEXT",
        }
        self.kafka = start_kafka(self._directory, self._port, self._controller, more=listeners)
        wait_for_kafka(self.kafka)

    def kill_kafka(self) -> None:
        kill(self.kafka)

    # Redis ---------------------------------------------------------------------------------------

    def client(self) -> Redis:
        return Redis.from_url(self.direct.redis_url)

    def kill_redis(self) -> None:
        kill(self.redis)

    def start_redis_again(self) -> None:
        self.redis = self._start_redis(self._homes[0], self.redis.port)

    def written(self) -> tuple[Path, int]:
        """The file that Redis appends its writes to, and its length in bytes."""
        newest = max(
            (self.redis.home / AOF).glob("*.incr.aof"), key=lambda path: path.stat().st_mtime
        )
        return newest, newest.stat().st_size

    def copy_redis(self) -> Path:
        """A copy of what Redis has written by now."""
        copy = self._directory / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.redis.home / AOF, copy)
        return copy

    def put_back(self, copy: Path) -> None:
        """Instead of what a Redis that is down has written."""
        shutil.rmtree(self.redis.home / AOF)
        shutil.copytree(copy, self.redis.home / AOF)

    def replica(self) -> "Replica":
        home = self._homes[1]
        shutil.rmtree(home, ignore_errors=True)
        return Replica(self._start_redis(home, choose_port()), self.redis)

    def promote(self, replica: "Replica") -> None:
        """The replica is what workers speak to from now on; its primary is down."""
        replica.promote()
        self.redis, self._homes = replica.server, self._homes[::-1]
        self.redis_link.point_to(self.redis.port)

    def _start_redis(self, directory: Path, port: int) -> Server:
        server = start_redis(directory, port)
        wait_for_redis(server)
        return server


class Replica:
    """Follows a Redis over a link that can be cut."""

    def __init__(self, server: Server, primary: Server) -> None:
        self.server, self.link = server, Proxy(primary.port)
        self._client = Redis(port=server.port)
        self._client.replicaof("127.0.0.1", str(self.link.port))
        until = time.monotonic() + REPLICA_S
        while self._client.info("replication")["master_link_status"] != "up":
            assert time.monotonic() < until, f"no replica after {REPLICA_S:g} s"
            time.sleep(0.02)

    def promote(self) -> None:
        self._client.replicaof("NO", "ONE")
        self.link.close()
