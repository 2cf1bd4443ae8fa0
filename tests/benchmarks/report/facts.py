"""What a measurement was made on: the machine, the versions, how busy it was."""

import os
import platform
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

_PEERS = Path(__file__).parents[1] / "peers"


def facts(command: str, servers: dict[str, str]) -> dict[str, Any]:
    """``servers``: versions of those it runs on. ``load``: of the last minute, before it began."""
    return {
        "command": command,
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "load": round(os.getloadavg()[0], 1),
        "machine": _machine(),
        "versions": {
            "Python": platform.python_version() + _built(),
            "confluent-kafka": version("confluent-kafka"),
            **servers,
            **_peers(),
        },
    }


def _machine() -> str:
    about = Path("/proc/cpuinfo")
    text = about.read_text("utf-8") if about.exists() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    memory = psutil.virtual_memory().total / 2**30
    name = found[1] if found else platform.machine()
    return f"{os.cpu_count()} cores, {name}, {memory:.0f} GiB{_autogroups()}"


def _autogroups() -> str:
    """Whether Linux gives each session the same share of a core, however many want to run in it. A
    pause of the broker's JVM then takes several times as long: see ARCHITECTURE."""
    about = Path("/proc/sys/kernel/sched_autogroup_enabled")
    if not about.exists():
        return ""
    return ", autogroups on" if about.read_text("ascii").strip() == "1" else ", autogroups off"


def _built() -> str:
    """A distribution's Python is built with profiles of its own runs, and faster than most."""
    return " of the system" if sys.base_prefix == "/usr" else ""


def _peers() -> dict[str, str]:
    """Versions of the engines beside ours, by name."""
    pom = ElementTree.parse(_PEERS / "kafka_streams" / "pom.xml")
    name = "{http://maven.apache.org/POM/4.0.0}"
    streams = pom.find(f".//{name}dependency[{name}artifactId='kafka-streams']/{name}version")
    quix = (_PEERS / "quix" / "requirements.txt").read_text("ascii").strip()
    return {
        "Kafka Streams": str(streams.text) if streams is not None else "",
        "Quix Streams": quix.partition("==")[2],
        "Faust": version("faust-streaming"),
    }


def _commit() -> str:
    """The commit, and whether more was changed since than what the benchmarks write themselves."""
    commit = _git("describe", "--always")
    changed = _git("status", "--porcelain", "--untracked-files=no", ":/", ":(top,exclude)docs")
    return f"{commit} and changes" if changed else commit


def _git(*arguments: str) -> str:
    command = ("git", "--no-optional-locks", "-C", str(_PEERS), *arguments)
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()
