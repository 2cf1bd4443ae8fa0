"""The Kafka of the local stack: formats its storage, starts it, waits until it answers."""

import base64
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from string import Template
from types import MappingProxyType

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy import record
from deploy.jars import class_path
from deploy.java import java
from deploy.process import (
    Report,
    Server,
    StackError,
    alive,
    died,
    silent,
    spawn,
    wait_for_strays,
)

NAME = "kafka"
USUAL_PORT = 9092
COMMANDS = ("java",)
OPTIONS = (
    # As much as Kafka's own script gives it. Of a heap that begins small, most is what the broker
    # keeps: it collects often, and marks what lives again and again beside that.
    "-Xms1g",
    "-Xmx1g",
    "-Xmn512m",
    "-Djava.awt.headless=true",
    "-XX:+ExitOnOutOfMemoryError",
    # What only jstat reads has a JVM go to another folder for a moment of its start, and a server
    # is known by its working directory.
    "-XX:-UsePerfData",
)
#: Of a JVM that won't live long: half the work of its start is compiling for later.
BRIEF = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
LOG = "server.log"
SETTINGS = "kafka.properties"
DATA = "data"
FORMAT_TIMEOUT_S = 60
START_TIMEOUT_S = 60.0
POLL_S = 0.1
# What stands in the template for this node alone; another kind of deployment has its own.
OF_THIS_NODE = (
    "process.roles",
    "node.id",
    "controller.",
    "listeners",
    "advertised.listeners",
    "inter.broker.",
    "log.dirs",
    "broker.",
)


def broker_settings() -> dict[str, str]:
    """Settings any broker should have for this project: all of `kafka.properties` but addresses."""
    lines = [line.partition("=") for line in _template().splitlines()]
    return {
        name: value
        for name, equals, value in lines
        if equals and not name.startswith(("#", *OF_THIS_NODE))
    }


def kafka_home(directory: Path) -> Path:
    """The folder of a stack in which its Kafka keeps its data, settings and logs."""
    return directory / NAME


def start_kafka(
    directory: Path,
    port: int,
    controller_port: int,
    report: Report = silent,
    more: Mapping[str, str] = MappingProxyType({}),
) -> Server:
    """Start Kafka on the data that lie in `directory` (a stack's), on 127.0.0.1 and those ports.

    `more`: settings that win over those of `kafka.properties`, its `${port}` and so on filled in.
    The first start fetches the jars (37 MB) and formats the storage. Returns without waiting for
    an answer: `wait_for_kafka` does. Raises StackError where Java or jars are missing, or where one
    runs already on these data.
    """
    home = kafka_home(directory)
    home.mkdir(parents=True, exist_ok=True)
    command = [str(java()), "-cp", ":".join(map(str, class_path(report)))]
    wait_for_strays(NAME, home, COMMANDS)
    logging = resources.files("deploy").joinpath("log4j2.properties").read_text("utf-8")
    (home / "log4j2.properties").write_text(logging, "utf-8")
    if not (home / DATA).exists():
        _format(home, command, port, controller_port)
    _write_settings(home, port, controller_port, DATA, more)
    pid, started_at = spawn([*command, *OPTIONS, _logging(home), "kafka.Kafka", SETTINGS], home)
    server = Server(NAME, pid, started_at, port, home, controller_port)
    return record.write(directory, server)


def wait_for_kafka(server: Server, timeout_s: float = START_TIMEOUT_S) -> None:
    """Return once that very broker lists its topics.

    Raises StackError with the end of its log where it dies or doesn't answer in time.
    """
    log = server.home / LOG
    deadline = time.monotonic() + timeout_s
    client: AdminClient | None = None
    while alive(server):
        client = client or _client(server)
        if _answers(client, server):
            return
        if time.monotonic() > deadline:
            raise died(server, log, f"didn't answer within {timeout_s:g} s")
        time.sleep(POLL_S)
    raise died(server, log, "stopped while starting")


def _client(server: Server) -> AdminClient:
    return AdminClient(
        {
            "bootstrap.servers": f"127.0.0.1:{server.port}",
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 200,
            "log_level": 0,  # refused connections are what we wait out
        }
    )


def _answers(client: AdminClient, server: Server) -> bool:
    try:
        answer = client.list_topics(timeout=1.0)
    except KafkaException:
        return False
    return bool(answer.brokers) and answer.cluster_id == _cluster_id(server.home)


def _cluster_id(home: Path) -> str:
    """The cluster's id out of the formatted storage: tells our broker from a neighbour's."""
    text = (home / DATA / "meta.properties").read_text("utf-8")
    match = re.search(r"^cluster\.id=(.+)$", text, re.MULTILINE)
    return match[1] if match else ""


def _format(home: Path, command: list[str], port: int, controller_port: int) -> None:
    """Format the storage beside its place and move it there whole, or not at all."""
    unfinished = home / f"{DATA}.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    _write_settings(home, port, controller_port, unfinished.name)
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[:22].replace("-", "_")
    arguments = ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", SETTINGS]
    try:
        answer = subprocess.run(
            [*command, *BRIEF, _logging(home), *arguments],
            cwd=home,
            check=False,
            capture_output=True,
            text=True,
            timeout=FORMAT_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise StackError(
            f"Kafka's storage in {home} wasn't formatted within {FORMAT_TIMEOUT_S} s: start again."
        ) from error
    if answer.returncode != 0:
        said = (answer.stdout + answer.stderr).strip()
        raise StackError(f"Kafka's storage in {home} can't be formatted: {said}")
    unfinished.rename(home / DATA)


def _template() -> str:
    return resources.files("deploy").joinpath(SETTINGS).read_text("utf-8")


def _write_settings(
    home: Path,
    port: int,
    controller_port: int,
    data: str,
    more: Mapping[str, str] = MappingProxyType({}),
) -> None:
    lines = [line for line in _template().splitlines() if not line.startswith("#")]
    lines += [f"{name}={value}" for name, value in more.items()]  # of two, Java takes the last
    text = Template("\n".join(lines)).substitute(
        port=port, controller_port=controller_port, data=data
    )
    (home / SETTINGS).write_text(f"{text}\n", "utf-8")


def _logging(home: Path) -> str:
    return f"-Dlog4j2.configurationFile={(home / 'log4j2.properties').as_uri()}"
