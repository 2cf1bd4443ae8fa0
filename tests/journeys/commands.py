"""What tests of commands have in common: a worker, files to hand in, what is printed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import CompletedProcess
from typing import Any

from tests.servers import Servers
from tests.world import World, organisation

#: Fields of an outcome that a person reads off `send --wait`.
Said = dict[str, Any]


@contextmanager
def one_worker(servers: Servers, name: str) -> Iterator[World]:
    """An organisation of its own with one worker."""
    made = World(organisation(servers, name))
    try:
        made.start()
        yield made
    finally:
        made.close()


def written(world: World, name: str, text: str) -> str:
    """A file in the directory in which commands run."""
    (world.logs / name).write_text(text, "utf-8")
    return name


def lines(command: "CompletedProcess[str]") -> list[Said]:
    """What a command printed with --json."""
    return [json.loads(line) for line in command.stdout.splitlines()]
