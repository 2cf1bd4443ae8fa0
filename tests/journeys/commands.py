"""What tests of commands have in common: files to hand in, what is printed."""

import json
from subprocess import CompletedProcess
from typing import Any

from tests.world import World

#: Fields of an outcome that a person reads off `send --wait`.
Said = dict[str, Any]


def written(world: World, name: str, text: str) -> str:
    """A file in the directory in which commands run."""
    (world.logs / name).write_text(text, "utf-8")
    return name


def lines(command: "CompletedProcess[str]") -> list[Said]:
    """What a command printed with --json."""
    return [json.loads(line) for line in command.stdout.splitlines()]
