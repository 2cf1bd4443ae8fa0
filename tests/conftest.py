"""Real servers, started once a session; each test has a topic prefix of its own."""

import os
import re
import uuid
from collections.abc import Iterator

import pytest

from deploy.kafka import BRIEF
from state.ledger import Ledger
from streams.settings import Settings
from tests.ledger.desk import Desk
from tests.servers import Servers, servers
from tests.world import World

# Brokers of tests live for minutes, and there are many: what compiles them for hours costs more.
os.environ.setdefault("JAVA_TOOL_OPTIONS", " ".join(BRIEF))


@pytest.fixture(scope="session")
def running_servers() -> Iterator[Servers]:
    with servers() as found:
        yield found


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:40].strip("-")
    return f"{name}.{uuid.uuid4().hex[:6]}."


@pytest.fixture
def settings(running_servers: Servers, prefix: str) -> Settings:
    """A whole organisation of its own on the session's servers."""
    return Settings(
        _env_file=None,
        kafka_bootstrap_servers=running_servers.kafka_bootstrap_servers,
        redis_url=running_servers.redis_url,
        topic_prefix=prefix,
        time_zone="Asia/Kolkata",
        currency="INR",
        code_secret="a secret for tests",
        web_port=_free_port(),
        worker_id="",
    )


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    made = Ledger(settings.redis_url, settings.topic_prefix, settings.request_memory_days)
    yield made
    made.wipe()


@pytest.fixture
def desk(settings: Settings, ledger: Ledger) -> Desk:
    return Desk(settings, ledger)


@pytest.fixture
def world(settings: Settings) -> Iterator[World]:
    """Workers to start, kill and ask; all are gone at the end, whatever happened."""
    made = World(settings)
    yield made
    made.close()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pytest_report_header() -> str:
    return f"CI={os.environ.get('CI', '')} on {os.cpu_count()} cores"
