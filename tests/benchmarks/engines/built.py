"""The engines beside ours, built on demand: their sources lie under `peers`."""

import shutil
import subprocess
import sys
import venv
from functools import cache
from pathlib import Path

from deploy.java import java
from tests.benchmarks.engines.peer import Peer
from tests.benchmarks.ground import BenchmarkError

_PEERS = Path(__file__).parents[1] / "peers"


class CannotBuild(BenchmarkError):
    """An engine can't be built here; the message says what to do."""


#: What makes Kafka Streams faster than its defaults do, where this was tried first.
_TUNED = (
    "max.poll.records=5000", "buffered.records.per.partition=10000", "producer.batch.size=262144",
)  # fmt: skip


def kafka_streams(commit_ms: int | None) -> Peer:
    """Tuned, and committing so often; None: with its own settings, which commit each 100 ms."""
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    settings = ["producer.compression.type=lz4"]
    if commit_ms is not None:
        settings += [*_TUNED, f"commit.interval.ms={commit_ms}"]
    how = "by default" if commit_ms is None else f"tuned, commit {commit_ms:,} ms"
    command = (str(java()), "-Xmx4g", quiet, "-cp", _compiled(), "Redemptions", *settings)
    return Peer(f"Kafka Streams {how}", command)


@cache
def _compiled() -> str:
    """The class path, once Maven has made what lies there."""
    project = _PEERS / "kafka_streams"
    maven = shutil.which("mvn")
    if maven is None:
        raise CannotBuild(
            "Kafka Streams is compiled by Maven, and there is no mvn on the path: install it, or "
            "leave that engine out: --engines ours,quix,faust,bare, for make "
            "ENGINES=ours,quix,faust,bare"
        )
    goals = ("package", "dependency:copy-dependencies")
    _run("Maven", maven, "-q", "-B", "-f", str(project / "pom.xml"), *goals)
    return f"{project / 'target' / 'classes'}:{project / 'target' / 'dependency'}/*"


def quix_streams(commit_s: float) -> Peer:
    """In an environment of its own, made first: it wants another confluent-kafka than ours."""
    folder = _PEERS / "quix"
    wanted, installed = folder / "requirements.txt", folder / ".venv" / "installed.txt"
    python = folder / ".venv" / "bin" / "python"
    if not installed.exists() or installed.read_bytes() != wanted.read_bytes():
        venv.create(folder / ".venv", with_pip=True, clear=True)
        pip = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        _run("pip", *pip, "--requirement", str(wanted))
        shutil.copyfile(wanted, installed)
    name = f"Quix Streams, commit {1000 * commit_s:,.0f} ms"
    return Peer(name, (str(python), str(_PEERS / "quix_peer.py")), (("COMMIT_S", f"{commit_s}"),))


def plain_faust() -> Peer:
    program = str(_PEERS / "faust_peer.py")
    command = (sys.executable, program, "worker", "--loglevel", "warn", "--without-web")
    return Peer("plain Faust", command)


def bare_loop() -> Peer:
    command = (sys.executable, str(_PEERS / "bare_loop.py"))
    return Peer("bare loop, no engine", command, servers=("Redis", "Kafka"))


def _run(what: str, *command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise CannotBuild(f"{what} failed:\n{(done.stdout + done.stderr)[-2000:]}")
