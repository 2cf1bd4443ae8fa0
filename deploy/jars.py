"""Kafka's jars: named with their digests in `kafka.lock`, fetched once by Maven coordinates.

`python -m deploy.jars 4.1.2 > kafka.lock` resolves another version of Kafka and writes its lock.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.process import Report, StackError

if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA = "org.apache.kafka:kafka_2.13"
LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl"  # Kafka's jars log to SLF4J and name no sink
REQUEST_TIMEOUT_S = 15
ATTEMPTS = 3


@dataclass(frozen=True)
class Jar:
    """One jar: its coordinates (`group:artifact:version`) and the SHA-256 of its bytes in hex."""

    coordinates: str
    sha256: str

    @property
    def name(self) -> str:
        _, artifact, version = self.coordinates.split(":")
        return f"{artifact}-{version}.jar"


def cache_directory() -> Path:
    """The user's cache folder for this project; jars in it are shared by all stacks."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home).expanduser().absolute() / "redeemonce"


def locked_jars() -> list[Jar]:
    """All jars of the broker in the order of the class path, as `kafka.lock` names them."""
    lines = resources.files("deploy").joinpath("kafka.lock").read_text("utf-8").splitlines()
    return [Jar(*line.split()) for line in lines]


def kafka_version() -> str:
    """The version of Kafka that `kafka.lock` holds, such as `4.1.2`."""
    return next(
        jar.coordinates.rpartition(":")[2]
        for jar in locked_jars()
        if jar.coordinates.startswith(f"{KAFKA}:")
    )


def class_path(report: Report) -> list[Path]:
    """Paths of all jars, each one whole; what is missing or damaged in the cache is fetched.

    Raises StackError where a jar can't be had.
    """
    folder = cache_directory() / f"kafka-{kafka_version()}"
    jars = locked_jars()
    if not _damaged(folder, jars):
        return [folder / jar.name for jar in jars]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StackError(
            f"The folder {folder} for Kafka's jars can't be made: {error.strerror}. "
            "Name another cache folder in XDG_CACHE_HOME."
        ) from error
    with exclusive(folder.with_name(f"{folder.name}.lock")):
        wanted = _damaged(folder, jars)  # another start may have fetched them while we waited
        if wanted:
            report(f"fetching {len(wanted)} of {len(jars)} jars of Kafka into {folder}")
            _fetch_all(wanted, folder)
    return [folder / jar.name for jar in jars]


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file `path` against every other process, waiting for it as long as needed."""
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _damaged(folder: Path, jars: list[Jar]) -> list[Jar]:
    # 37 MB hash in a few hundredths of a second: cheaper than one wrong guess by size or date
    return [jar for jar in jars if _sha256(folder / jar.name) != jar.sha256]


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def _fetch_all(jars: list[Jar], folder: Path) -> None:
    for leftover in folder.glob(".fetch-*"):  # of a start that was killed; we hold the lock
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        with (
            tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as repository,
            ThreadPoolExecutor(8) as pool,
        ):
            context = _maven(Path(repository))
            for _ in pool.map(lambda jar: _fetch(jar, context, folder), jars):
                pass
    except OSError as error:  # requests' errors are OSErrors too
        raise _unreachable(folder, error) from error


def _fetch(jar: Jar, context: "MavenContext", folder: Path) -> None:
    group, artifact, version = jar.coordinates.split(":")
    wanted = context.project(group, artifact).at_version(version).artifact()
    failure: Exception | None = None
    for _ in range(ATTEMPTS):
        try:
            path = wanted.resolve()
        except (OSError, RuntimeError) as error:
            failure = error
        else:
            if _sha256(path) == jar.sha256:
                os.replace(path, folder / jar.name)
                return
            failure = OSError(f"{jar.name} came with another SHA-256 than kafka.lock names")
        if wanted.cached_path:
            wanted.cached_path.unlink(missing_ok=True)
    raise _unreachable(folder, failure)


def _unreachable(folder: Path, failure: Exception | None) -> StackError:
    return StackError(
        f"Kafka's jars can't be fetched into {folder}: {failure}\n"
        "Connect this machine to a Maven repository and start again (a mirror goes into "
        "[repositories] of ~/.config/jgo.conf), copy that folder from a machine that has it, or "
        "set REDEEMONCE_KAFKA_BOOTSTRAP_SERVERS to a Kafka that runs already."
    )


def _maven(repository: Path) -> "MavenContext":
    # Only a first start needs jgo, so it isn't imported before. Its environment builder is left
    # out on purpose: it downloads a JDK to sort jars, and keeps half-written ones for good.
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    repositories = {**GlobalSettings.load().repositories, "central": MAVEN_CENTRAL_URL}
    return MavenContext(repo_cache=repository, remote_repos=repositories, timeout=REQUEST_TIMEOUT_S)


def resolve(version: str) -> list[Jar]:
    """Resolve the broker of that version with all it needs at run time, fetching every jar."""
    from jgo.parse import Coordinate

    with tempfile.TemporaryDirectory() as repository:
        context = _maven(Path(repository))

        def closure(coordinates: str) -> dict[str, Path]:
            group, artifact, version = coordinates.split(":")
            root = context.create_dependency(Coordinate(group, artifact, version, scope="compile"))
            inputs, needed = context.resolver.resolve([root])
            artifacts = [d.artifact for d in inputs]
            artifacts += [d.artifact for d in needed if d.scope in ("compile", "runtime")]
            return {f"{a.groupId}:{a.artifactId}:{a.version}": a.resolve() for a in artifacts}

        jars = closure(f"{KAFKA}:{version}")
        core = next(jar for jar in jars if jar.startswith("org.apache.logging.log4j:log4j-core:"))
        logging = f"{LOGGING}:{core.rpartition(':')[2]}"
        jars[logging] = closure(logging)[logging]
        return [Jar(coordinates, _sha256(path)) for coordinates, path in jars.items()]


if __name__ == "__main__":
    for resolved in resolve(sys.argv[1]):
        print(resolved.coordinates, resolved.sha256)
