"""`redeemonce up` and `redeemonce down`: a real Kafka and a real Redis on this machine."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy import kafka, record, redis
from deploy.jars import cache_directory, exclusive
from deploy.kafka import start_kafka, wait_for_kafka
from deploy.process import (
    Report,
    Server,
    StackError,
    alive,
    choose_port,
    kill,
    port_is_free,
    silent,
    stop,
    strays,
)
from deploy.redis import start_redis, wait_for_redis

__all__ = [
    "Server",
    "Stack",
    "StackError",
    "down",
    "kill",
    "running",
    "start_kafka",
    "start_redis",
    "up",
    "wait_for_kafka",
    "wait_for_redis",
]

LOCK = "stack.lock"
CODE_SECRET_FILE = "code_secret"
CODE_SECRET_BYTES = 32
ANSWER_TIMEOUT_S = 5.0
ATTEMPTS = 3


@dataclass(frozen=True)
class Stack:
    """A running Kafka and Redis of one directory.

    `code_secret` (hex) keys the codes made on this stack and stays with its directory. `started`
    is True when this call started one of them.
    """

    kafka_bootstrap_servers: str
    redis_url: str
    code_secret: str
    kafka_pid: int
    redis_pid: int
    started: bool


def up(directory: Path | None = None, report: Report = silent) -> Stack:
    """Start what doesn't run of the directory's Kafka and Redis; return once both answer.

    Data and ports of an earlier start are used again. What this call started is stopped again
    where it fails or is interrupted. `report` gets a line for what takes time. Raises StackError.
    """
    directory = stack_directory(directory)
    _make(directory)
    with exclusive(directory / LOCK):
        before = {server.pid for server in _strays(directory)}
        try:
            secret = _secret(directory)
            redis_server = _redis(directory, report)
            kafka_server = _kafka(directory, report)
        except BaseException:
            stop(server for server in _strays(directory) if server.pid not in before)
            raise
        started = not {redis_server.pid, kafka_server.pid} <= before
        return _stack(kafka_server, redis_server, secret, started)


def down(directory: Path | None = None, report: Report = silent) -> list[str]:
    """Stop the servers that `up` of this directory started; their data stay.

    Returns their names.
    """
    directory = stack_directory(directory)
    if not directory.is_dir():
        return []
    with exclusive(directory / LOCK):
        servers = [server for server in record.read(directory).values() if alive(server)]
        known = {server.pid for server in servers}
        servers += [stray for stray in _strays(directory) if stray.pid not in known]
        if servers:
            report(f"stopping {' and '.join(server.name for server in servers)} of {directory}")
        return [server.name for server in stop(servers)]


def running(directory: Path | None = None) -> Stack | None:
    """The directory's stack where both servers run and answer, else None; starts nothing."""
    directory = stack_directory(directory)
    servers = record.read(directory)
    try:
        secret = (directory / CODE_SECRET_FILE).read_text("ascii").strip()
        wait_for_redis(servers["redis"], ANSWER_TIMEOUT_S)
        wait_for_kafka(servers["kafka"], ANSWER_TIMEOUT_S)
    except (KeyError, OSError, StackError):
        return None
    return _stack(servers["kafka"], servers["redis"], secret, started=False)


def stack_directory(directory: Path | None = None) -> Path:
    """That directory, else REDEEMONCE_LOCAL_DIR, else the user's cache folder; absolute."""
    chosen = directory or os.environ.get("REDEEMONCE_LOCAL_DIR") or cache_directory() / "local"
    return Path(chosen).expanduser().resolve()


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        (directory / LOCK).touch()
    except OSError as error:
        raise StackError(
            f"The local stack can't use the folder {directory}: {error.strerror}. "
            "Name one that you may write to in REDEEMONCE_LOCAL_DIR."
        ) from error


def _redis(directory: Path, report: Report) -> Server:
    noted = record.read(directory).get(redis.NAME)
    if noted and _answers(noted, wait_for_redis):
        return noted
    stop(strays(redis.NAME, redis.redis_home(directory), redis.COMMANDS))

    def start() -> Server:
        port = choose_port(noted.port if noted else None, redis.USUAL_PORT)
        report(f"starting Redis on port {port}")
        return start_redis(directory, port)

    return _start(start, wait_for_redis)


def _kafka(directory: Path, report: Report) -> Server:
    noted = record.read(directory).get(kafka.NAME)
    if noted and _answers(noted, wait_for_kafka):
        return noted
    stop(strays(kafka.NAME, kafka.kafka_home(directory), kafka.COMMANDS))

    def start() -> Server:
        port = choose_port(noted.port if noted else None, kafka.USUAL_PORT)
        report(f"starting Kafka on port {port}")
        controller_port = choose_port(noted.controller_port if noted else None)
        return start_kafka(directory, port, controller_port, report)

    return _start(start, wait_for_kafka)


#: What Kafka and Redis say in their logs.
_IN_USE = "Address already in use"


def _start(start: Callable[[], Server], wait: Callable[[Server], None]) -> Server:
    """Start a server and wait for it; where another took its port meanwhile, on the next port."""
    for attempt in range(1, ATTEMPTS + 1):
        server = start()
        try:
            wait(server)
        except StackError as error:
            stop([server])
            ports = (server.port, server.controller_port)
            # Who took it may be gone again by now: the log tells.
            taken = _IN_USE in str(error) or not all(port_is_free(port) for port in ports if port)
            if attempt == ATTEMPTS or not taken:
                raise
        else:
            return server
    raise AssertionError("the last attempt returns or raises")


def _answers(server: Server, wait: Callable[[Server], None]) -> bool:
    """Whether it runs and answers; one that runs without answering is ended."""
    if not alive(server):
        return False
    try:
        wait(server)  # it may be loading its data
    except StackError:
        stop([server])
        return False
    return True


def _strays(directory: Path) -> list[Server]:
    return [
        *strays(kafka.NAME, kafka.kafka_home(directory), kafka.COMMANDS),
        *strays(redis.NAME, redis.redis_home(directory), redis.COMMANDS),
    ]


def _secret(directory: Path) -> str:
    """The directory's secret, made at the first start, readable by its owner only."""
    path = directory / CODE_SECRET_FILE
    if not path.exists():
        unfinished = directory / f"{CODE_SECRET_FILE}.new"
        unfinished.unlink(missing_ok=True)
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(CODE_SECRET_BYTES))
        unfinished.rename(path)
    secret = path.read_text("ascii", errors="replace").strip()
    if len(secret) != 2 * CODE_SECRET_BYTES:
        raise StackError(
            f"{path} is damaged: it should hold {2 * CODE_SECRET_BYTES} hex digits. Put the old "
            f"one back, or remove {directory} and begin anew: the codes issued with it are lost."
        )
    return secret


def _stack(kafka_server: Server, redis_server: Server, secret: str, started: bool) -> Stack:
    return Stack(
        kafka_bootstrap_servers=f"127.0.0.1:{kafka_server.port}",
        redis_url=f"redis://127.0.0.1:{redis_server.port}/0",
        code_secret=secret,
        kafka_pid=kafka_server.pid,
        redis_pid=redis_server.pid,
        started=started,
    )
