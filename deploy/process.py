"""Server processes of the local stack: started apart from us, recognised later, stopped."""

import os
import random
import socket
import subprocess
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

STOP_TIMEOUT_S = 15.0
KILL_TIMEOUT_S = 5.0
SAME_START_S = 2.0  # the kernel gives it relative to a boot time that wanders by a second
CONSOLE = "console.log"
CONSOLE_LIMIT_BYTES = 10 * 1024 * 1024
TAIL_LINES = 15
# Below the ports that Linux and macOS give to outgoing connections: a client that dials a killed
# server again and again could otherwise be given that very port, and keep the server from it.
FREE_PORTS = range(20_000, 30_000)


Report = Callable[[str], None]


def silent(_: str) -> None:
    """A `Report` to nobody."""


class StackError(Exception):
    """The local stack can't do what was asked; the message says what, where and how to mend it."""


@dataclass(frozen=True)
class Server:
    """One server process. `started_at` (seconds since 1970) tells it from a later user of its pid.

    `home` is the server's folder and the working directory of its process.
    """

    name: str
    pid: int
    started_at: float
    port: int
    home: Path
    controller_port: int | None = None


def spawn(argv: list[str], home: Path) -> tuple[int, float]:
    """Start a server in a session of its own, so that Ctrl-C here doesn't reach it.

    Returns its pid and its start time; stdout and stderr go to `console.log` in `home`.
    """
    console = home / CONSOLE
    if console.exists() and console.stat().st_size > CONSOLE_LIMIT_BYTES:
        os.replace(console, f"{console}.1")
    with console.open("ab") as output:
        process = subprocess.Popen(
            argv,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        started_at = psutil.Process(process.pid).create_time()
    except BaseException:
        process.kill()
        raise
    process.returncode = 0  # it outlives this object on purpose; `alive` and `stop` collect it
    return process.pid, started_at


def alive(server: Server) -> bool:
    """Whether that very process still runs: the same pid, start and working directory.

    One that ended is collected if it is our child.
    """
    try:
        process = psutil.Process(server.pid)
        if abs(process.create_time() - server.started_at) > SAME_START_S:
            return False
        if process.status() != psutil.STATUS_ZOMBIE:
            return Path(process.cwd()) == server.home.resolve()
        process.wait(0)
    except psutil.Error:  # gone, another user's, or somebody else's child
        pass
    return False


def stop(servers: Iterable[Server], timeout_s: float = STOP_TIMEOUT_S) -> list[Server]:
    """End the processes: SIGTERM to all, SIGKILL to those alive after `timeout_s` seconds.

    Returns the servers that ran.
    """
    ran = [server for server in servers if alive(server)]
    processes: list[psutil.Process] = []
    for server in ran:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(server.pid)
            process.terminate()
            processes.append(process)
    _, left = psutil.wait_procs(processes, timeout=timeout_s)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=KILL_TIMEOUT_S)
    return ran


def kill(server: Server) -> None:
    """End the process as a crash would (SIGKILL) and wait until it is gone."""
    if alive(server):
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(server.pid)
            process.kill()
            process.wait(KILL_TIMEOUT_S)


def strays(name: str, home: Path, commands: tuple[str, ...]) -> list[Server]:
    """Processes with one of those command names whose working directory is `home`.

    Finds servers that `stack.json` doesn't know: it was damaged, or their starter was killed.
    """
    found = []
    folder = home.resolve()
    for process in psutil.process_iter(["name"]):
        try:
            ours = process.info["name"] in commands and Path(process.cwd()) == folder
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(Server(name, process.pid, process.create_time(), 0, home))
        except psutil.Error:
            continue  # gone in between, or of another user
    return found


def wait_for_strays(name: str, home: Path, commands: tuple[str, ...]) -> None:
    """Return once no server runs in `home`; one that was just killed is given its time to go.

    Raises StackError where one still runs.
    """
    running = [psutil.Process(stray.pid) for stray in strays(name, home, commands)]
    _, left = psutil.wait_procs(running, timeout=KILL_TIMEOUT_S)
    if left:
        raise StackError(
            f"{name} runs already in {home} as process {left[0].pid}: stop it with "
            "`redeemonce down` before another is started on the same data."
        )


def port_is_free(port: int) -> bool:
    """Whether a server may listen on that port of this machine now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # servers set it too
        try:
            probe.bind(("", port))
        except OSError:
            return False
        return True


def choose_port(*preferred: int | None, others: Sequence[int] = FREE_PORTS) -> int:
    """The first free one of the preferred ports, else any free one of the others.

    The latter isn't chosen again, by this or another process, while a server takes its time to
    start: the kernel keeps it for a minute. Raises StackError where none is free.
    """
    for port in preferred:
        if port and port_is_free(port):
            return port
    for port in random.sample(others, len(others)):
        if _reserve(port):
            return port
    raise StackError(f"No port from {min(others)} to {max(others)} is free.")


def _reserve(port: int) -> bool:
    """Whether it was free; then it is kept for servers, which set SO_REUSEADDR, for a minute.

    A connection that its server closes first stays behind in TIME_WAIT, and a socket without
    SO_REUSEADDR can't be bound to its port.
    """
    with socket.socket() as server, socket.socket() as client:
        try:
            server.bind(("", port))
        except OSError:
            return False
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what is left behind has it
        server.listen(1)
        client.connect(("127.0.0.1", port))
        server.accept()[0].close()
        return True


def died(server: Server, log: Path, why: str) -> StackError:
    """The error for a server that didn't come up, with the last lines of its log."""
    if not log.exists() or log.stat().st_size == 0:
        log = server.home / CONSOLE
    text = log.read_text("utf-8", errors="replace") if log.exists() else ""
    lines = [line for line in text.splitlines() if not line.startswith("\tat ")]  # Java's frames
    tail = "\n".join(f"  {line}" for line in lines[-TAIL_LINES:])
    return StackError(f"{server.name} {why} (port {server.port}). Its log {log} ends:\n{tail}")
