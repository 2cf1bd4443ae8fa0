"""Real servers, started once a session; each test has a topic prefix of its own."""

import os
import tempfile
from collections.abc import Iterator

import pytest

from deploy.kafka import BRIEF
from state.ledger import Ledger
from streams.settings import Settings
from tests.ledger.desk import Desk
from tests.servers import Servers, servers
from tests.world import organisation

# Brokers of tests live for minutes, and there are many: what compiles them for hours costs more.
os.environ.setdefault("JAVA_TOOL_OPTIONS", " ".join(BRIEF))


@pytest.fixture(scope="session", autouse=True)
def _stays_itself() -> Iterator[None]:
    """A test in which a worker's parts would replace this program fails, and doesn't begin anew."""

    def refuse(*_: object) -> None:
        raise AssertionError("the worker would have started again")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streams.restart.os.execv", refuse)
        yield


@pytest.fixture(scope="session", autouse=True)
def _in_pytests_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Folders of servers and workers lie where pytest keeps its last three runs, and no more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.getbasetemp()))
        yield


@pytest.fixture(scope="session")
def running_servers() -> Iterator[Servers]:
    with servers() as found:
        yield found


@pytest.fixture
def settings(running_servers: Servers, request: pytest.FixtureRequest) -> Settings:
    """A whole organisation of its own on the session's servers."""
    return organisation(running_servers, request.node.name)


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    made = Ledger(settings.redis_url, settings.topic_prefix, settings.request_memory_days)
    yield made
    made.wipe()


@pytest.fixture
def desk(settings: Settings, ledger: Ledger) -> Desk:
    return Desk(settings, ledger)


def pytest_report_header() -> str:
    return f"CI={os.environ.get('CI', '')} on {os.cpu_count()} cores"
