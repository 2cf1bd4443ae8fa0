"""`stack.json`: which servers a stack directory started last, and on which ports.

Only a note: where it is missing or damaged, servers are found by their working directory.
"""

import fcntl
import json
import os
from pathlib import Path

from deploy.process import Server

FILE = "stack.json"


def read(directory: Path) -> dict[str, Server]:
    """The servers last started, by name; empty where the file is missing or can't be read."""
    try:
        noted = json.loads((directory / FILE).read_text("utf-8"))
        return {name: _server(directory, name, fields) for name, fields in noted.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def write(directory: Path, server: Server) -> Server:
    """Note that server, keeping the others; the file is replaced whole."""
    path = directory / FILE
    with (directory / f"{FILE}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        servers = {**read(directory), server.name: server}
        unfinished = directory / f"{FILE}.new"
        unfinished.write_text(json.dumps({n: _fields(s) for n, s in servers.items()}, indent=2))
        os.replace(unfinished, path)
    return server


def _fields(server: Server) -> dict[str, int | float | None]:
    return {
        "pid": server.pid,
        "started_at": server.started_at,
        "port": server.port,
        "controller_port": server.controller_port,
    }


def _server(directory: Path, name: str, fields: dict[str, int | float | None]) -> Server:
    def number(field: str) -> int:
        return int(fields[field] or 0)

    return Server(
        name=name,
        pid=number("pid"),
        started_at=float(fields["started_at"] or 0),
        port=number("port"),
        home=directory / name,
        controller_port=number("controller_port") or None,
    )
