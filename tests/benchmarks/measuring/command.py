"""A command of `redeemonce`, run to its end, and what it used."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.ground import Ground
from tests.benchmarks.measuring.processor import Spent, Used
from tests.world import World


@dataclass(frozen=True)
class Ran:
    """``said``: its answer to `--json`. ``used``: as "program", "Redis", "Kafka", from the
    program's start to its end."""

    said: dict[str, Any]
    used: Used
    peak_mb: float


def run(ground: Ground, world: World, *arguments: str) -> Ran:
    """RuntimeError where it fails."""
    before = Spent.now(ground.servers)
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as error:
        program = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", *arguments, "--json"],
            env=world.environment(), stdout=answer, stderr=error,
        )  # fmt: skip
        _, status, its = os.wait4(program.pid, 0)
        program.returncode = os.waitstatus_to_exitcode(status)
        servers = Spent.now(ground.servers).since(before)
        answer.seek(0)
        error.seek(0)
        if program.returncode:
            raise RuntimeError((answer.read() + error.read()).decode()[-4000:])
        said = json.loads(answer.read())
    spent = its.ru_utime + its.ru_stime
    others = max(servers.others_cores - spent / servers.seconds, 0.0)
    used = Used(servers.seconds, {"program": spent, **servers.by_part}, others)
    return Ran(said, used, its.ru_maxrss / 1024)
