"""A Kafka and a Redis that let nobody in without a certificate or a password, and may do no more
than the documented lists of rights say."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from redis import Redis

from deploy.kafka import start_kafka, wait_for_kafka
from deploy.process import Server, choose_port, stop
from deploy.redis import redis_server, start_redis, wait_for_redis
from state import keys
from state.ledger import Ledger
from streams.settings import Settings
from tests.security.certificates import Authority
from tests.security.terminator import Terminator
from tests.world import World

#: Whatever must never be read in a log, an error or a page.
CODE_SECRET = "code-secret-9f3a1c7e5b"
KAFKA_PASSWORD = "kafka-password-4d81b2"
REDIS_PASSWORD = "redis-password/:@#%-77aa"
KEY_PASSWORD = "key-password-c0ffee"
OPERATOR_TOKEN = "operator-token-1b2c3d4e5f"
SECRETS = (CODE_SECRET, KAFKA_PASSWORD, REDIS_PASSWORD, KEY_PASSWORD, OPERATOR_TOKEN)
PREFIX = "shop."
#: All that the worker and the commands may do in Redis, beside the keys that begin with the base.
REDIS_RIGHTS = (
    "+get +set +del +unlink +incrby +expire +ttl +hget +hset +hsetnx +hdel +hmget +hgetall +hkeys "
    "+hvals +hexists +hincrby +hlen +hscan +exists +mget +mset +smembers +sadd +sismember +zadd "
    "+zrange +zrangebyscore +scan +info +eval +evalsha +script|load"
)
#: The same in Kafka, of whatever begins with the prefix.
KAFKA_RIGHTS = {
    ResourceType.TOPIC: (AclOperation.READ, AclOperation.WRITE, AclOperation.CREATE),
    ResourceType.GROUP: (AclOperation.READ,),
    ResourceType.TRANSACTIONAL_ID: (AclOperation.WRITE,),
}


@dataclass
class Stand:
    """The running servers, and the settings that get in."""

    folder: Path
    ssl: int
    sasl_ssl: int
    plain: int
    redis: int
    redis_plain: int
    workers: list["SecureWorld"] = field(default_factory=list)

    def settings(self, **changes: Any) -> dict[str, str]:
        """Environment of a worker or command that SASL_SSL and Redis let in, but for changes."""
        files = {name: str(self.folder / f"{name}.crt") for name in ("ours-ca", "worker")}
        return {
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{self.sasl_ssl}",
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_USERNAME": "worker",
            "KAFKA_SASL_PASSWORD": KAFKA_PASSWORD,
            "KAFKA_SSL_CA": files["ours-ca"],
            "REDIS_URL": f"rediss://127.0.0.1:{self.redis}/0",
            "REDIS_USERNAME": "worker",
            "REDIS_PASSWORD": REDIS_PASSWORD,
            "REDIS_SSL_CA": files["ours-ca"],
            "REDIS_SSL_CERTIFICATE": files["worker"],
            "REDIS_SSL_KEY": str(self.folder / "worker.key"),
            "TOPIC_PREFIX": PREFIX,
            "TIME_ZONE": "Asia/Kolkata",
            "CURRENCY": "INR",
            "CODE_SECRET": CODE_SECRET,
            "OPERATOR_TOKEN": OPERATOR_TOKEN,
            "WEB_PORT": str(choose_port()),
            **changes,
        }

    def with_certificates(self, **changes: Any) -> dict[str, str]:
        """The same through the listener that asks for a client's certificate."""
        taken = ("KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD")
        mine = {name: value for name, value in self.settings().items() if name not in taken}
        return {
            **mine,
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{self.ssl}",
            "KAFKA_SECURITY_PROTOCOL": "SSL",
            "KAFKA_SSL_CERTIFICATE": str(self.folder / "locked.crt"),
            "KAFKA_SSL_KEY": str(self.folder / "locked.key"),
            "KAFKA_SSL_KEY_PASSWORD": KEY_PASSWORD,
            **changes,
        }

    def world(self, environment: dict[str, str]) -> "SecureWorld":
        made = SecureWorld(environment)
        self.workers.append(made)
        return made


#: `redeemonce` with every logger and handler at debug level, whatever level it is told.
_ALL_SAID = """
import logging, sys
def all_of_it(self, level): self.level = logging.DEBUG
logging.Logger.setLevel = logging.Handler.setLevel = all_of_it
logging.getLogger().setLevel(0)
from streams.cli import main
main()
"""


class SecureWorld(World):
    """Workers and commands that are given all their settings by the environment."""

    def __init__(self, environment: dict[str, str]) -> None:
        given: dict[str, Any] = {name.lower(): value for name, value in environment.items()}
        super().__init__(Settings(_env_file=None, **given))
        self._given = {f"REDEEMONCE_{name}": value for name, value in environment.items()}

    def environment(self, place: str = "w0", port: int | None = None) -> dict[str, str]:
        secret = [f"REDEEMONCE_{name}" for name in ("REDIS_URL", "CODE_SECRET")]
        plain = super().environment(place, port)
        return {k: v for k, v in plain.items() if k not in secret} | self._given | {
            "REDEEMONCE_WORKER_ID": place,
            "REDEEMONCE_WEB_PORT": str(port or self.settings.web_port),
        }  # fmt: skip

    def begin(self, place: str, *words: str, port: int | None = None) -> "subprocess.Popen[bytes]":
        """A worker or command; whatever any part of it has to say is in its log."""
        log = (self.logs / f"{place}.log").open("ab")
        self.workers[place] = subprocess.Popen(
            [sys.executable, "-c", _ALL_SAID, *words],
            env=self.environment(place, port), stdout=log, stderr=log, cwd=self.logs,
        )  # fmt: skip
        return self.workers[place]

    def start(self, place: str = "w0", number: int = 0, ready: bool = True, *options: str) -> None:
        self.begin(place, "worker", *options, port=self.port(number))
        if ready:
            self.wait_until_ready(place, number)

    def run_text(self, program: str) -> str:
        """All that a Python program says that is given these settings."""
        told = subprocess.run(
            [sys.executable, "-c", program], env=self.environment(), cwd=self.logs, timeout=60,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return told.stdout + told.stderr

    def ledger(self) -> Ledger:
        return Ledger(self.settings.redis_url, self.settings.topic_prefix)


@contextmanager
def running(folder: Path) -> Iterator[Stand]:
    """The servers, in a folder of their own, until the end of the block."""
    ours, theirs = Authority(folder, "ours"), Authority(folder, "theirs")
    ours.certify("server")
    ours.certify("worker")
    ours.certify("locked", KEY_PASSWORD)
    theirs.certify("stranger")
    servers: list[Server] = []
    with Terminator(folder) as terminator:
        try:
            stand = _started(folder, servers, terminator)
            yield stand
            for world in stand.workers:
                world.close()
        finally:
            stop(servers)


def _started(folder: Path, servers: list[Server], terminator: Terminator) -> Stand:
    plain, controller, ssl, sasl_ssl, redis_plain, redis_tls = (choose_port() for _ in range(6))
    servers.append(start_kafka(folder, plain, controller, more=_kafka(folder, ssl, sasl_ssl)))
    own_tls = _speaks_tls(redis_server())
    servers.append(start_redis(folder, redis_plain, _redis(folder, redis_tls) if own_tls else {}))
    wait_for_redis(servers[1])
    if not own_tls:
        terminator.listen(redis_tls, redis_plain)
    rights = ("on", f">{REDIS_PASSWORD}", f"~{keys.base(PREFIX)}*", *REDIS_RIGHTS.split())
    with Redis(port=redis_plain) as client:
        client.execute_command("ACL", "SETUSER", "worker", "reset", *rights)
        client.execute_command("ACL", "SETUSER", "default", "-@all", "+ping", "+info", "+acl")
    wait_for_kafka(servers[0])
    _let_in(plain)
    return Stand(folder, ssl, sasl_ssl, plain, redis_tls, redis_plain)


def _kafka(folder: Path, ssl: int, sasl_ssl: int) -> dict[str, str]:
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule"
    listeners = f"SSL://127.0.0.1:{ssl},SASL_SSL://127.0.0.1:{sasl_ssl}"
    of_sasl = "listener.name.sasl_ssl"
    return {
        "listeners": "PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller_port},"
        + listeners,
        "advertised.listeners": "PLAINTEXT://127.0.0.1:${port}," + listeners,
        "listener.security.protocol.map": ",".join(
            ("PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT", "SSL:SSL", "SASL_SSL:SASL_SSL")
        ),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "server.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / "ours-ca.crt"),
        "listener.name.ssl.ssl.client.auth": "required",
        f"{of_sasl}.sasl.enabled.mechanisms": "SCRAM-SHA-512,SCRAM-SHA-256,PLAIN",
        f"{of_sasl}.scram-sha-512.sasl.jaas.config": f"{scram} required;",
        f"{of_sasl}.scram-sha-256.sasl.jaas.config": f"{scram} required;",
        f"{of_sasl}.plain.sasl.jaas.config": f'{plain} required user_worker="{KAFKA_PASSWORD}";',
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",  # whoever comes in through the listener without TLS
    }


def _let_in(plain: int) -> None:
    """Users with their passwords, and what they may do."""
    admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{plain}"})
    rights = [
        AclBinding(
            kind, PREFIX, ResourcePatternType.PREFIXED, f"User:{user}", "*", operation,
            AclPermissionType.ALLOW,
        )
        for user in ("worker", "CN=locked")
        for kind, operations in KAFKA_RIGHTS.items()
        for operation in operations
    ]  # fmt: skip
    for future in admin.create_acls(rights).values():
        future.result(30)
    for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
        kept = ScramCredentialInfo(mechanism, 4096)
        user = UserScramCredentialUpsertion("worker", kept, KAFKA_PASSWORD.encode())
        admin.alter_user_scram_credentials([user])["worker"].result(30)


def _redis(folder: Path, port: int) -> dict[str, str]:
    return {
        "tls-port": str(port),
        "tls-cert-file": str(folder / "server.crt"),
        "tls-key-file": str(folder / "server.key"),
        "tls-ca-cert-file": str(folder / "ours-ca.crt"),
        "tls-auth-clients": "yes",
    }


def _speaks_tls(server: Path) -> bool:
    """Some are built without it; they stop at once where they are told a port for it."""
    told = subprocess.run(
        [server, "--port", "0", "--tls-port", "1", "--save", ""], capture_output=True,
        text=True, check=False, timeout=10,
    )  # fmt: skip
    return "No tls-cert-file" in told.stdout
