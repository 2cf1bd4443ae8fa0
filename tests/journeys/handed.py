"""What tests of files have in common: files to hand in, commands, kills in the middle."""

import json
import subprocess
import sys
from collections.abc import Iterable
from subprocess import CompletedProcess
from typing import Any

from schemas.topics import Lane
from streams.committed import committed_offsets
from tests.world import World, wait_for

Said = dict[str, Any]


def written(world: World, name: str, header: str, rows: Iterable[str]) -> str:
    """A CSV in the directory in which commands run."""
    (world.logs / name).write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return name


def environment(world: World) -> dict[str, str]:
    """Notes of how far a run came are kept beside the tests' own files."""
    return world.environment() | {"XDG_CACHE_HOME": str(world.logs / "cache")}


def run(world: World, *arguments: str) -> "CompletedProcess[str]":
    return world.run(*arguments, env=environment(world))


def answer(command: "CompletedProcess[str]", status: int = 0) -> Said:
    """The one JSON document that a command printed."""
    assert command.returncode == status, command.stderr
    found: Said = json.loads(command.stdout)
    return found


def decided(world: World, lane: Lane) -> int:
    return sum(committed_offsets(world.settings, lane).values())


def kill_in_the_middle(world: World, lane: Lane, after: int, *arguments: str) -> None:
    """Start a command; SIGKILL once so many of its requests are decided."""
    before = decided(world, lane)
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", *arguments],
        env=environment(world), cwd=world.logs, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(f"{after} are decided", lambda: decided(world, lane) >= before + after)
        assert process.poll() is None, "it was done before it could be killed"
    finally:
        process.kill()
        process.wait()


def shown(world: World, offer_id: str) -> Said:
    return answer(world.run("offers", "show", offer_id, "--json"))
