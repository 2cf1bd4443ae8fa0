"""Redis' log was torn off in the middle of a call, by a power cut, say; Redis starts, and again."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.process import Server, choose_port, kill, stop
from deploy.redis import start_redis, wait_for_redis
from schemas.topics import REDEEM
from state.ledger import Ledger
from streams.settings import Settings
from tests.ledger.desk import Desk
from tests.ledger.held import content
from tests.world import create, issue, redeem


class Torn:
    """A Redis whose log ends with a call, and how long that log was before and after it."""

    def __init__(self, home: Path) -> None:
        self._home, self._port = home, choose_port()
        self.server = self._start()

    def _start(self) -> Server:
        server = start_redis(self._home, self._port)
        wait_for_redis(server)
        return server

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    @property
    def length(self) -> int:
        return self._log.stat().st_size

    @property
    def _log(self) -> Path:
        [log] = self._home.rglob("*.incr.aof")
        return log

    def start_again(self, length: int | None = None) -> None:
        """Killed, and started on so much of its log."""
        kill(self.server)
        if length is not None:
            os.truncate(self._log, length)
        self.server = self._start()


@pytest.fixture
def torn(tmp_path: Path) -> Iterator[Torn]:
    made = Torn(tmp_path / "redis")
    yield made
    stop([made.server])


#: How much of a call is left; of the last ones, how many bytes less: those say that it ends there.
PARTS = [(0.05, 0), (0.4, 0), (0.6, 0), (0.8, 0), (0.95, 0), (1.0, -1), (1.0, -5), (1.0, -13)]


def held(ledger: Ledger) -> Any:
    """All of it, with the decisions that may be told again."""
    return content(ledger), ledger.stored(REDEEM.name, 0)


@pytest.mark.parametrize("anew", [False, True], ids=["kept", "made anew"])
@pytest.mark.parametrize(("share", "less"), PARTS)
def test_a_part_of_a_call_is_never_taken_for_what_was_decided(
    settings: Settings, torn: Torn, share: float, less: int, anew: bool
) -> None:
    # given: a call at the end of the log
    settings = settings.model_copy(update={"redis_url": torn.url})
    ledger = Ledger(settings.redis_url, settings.topic_prefix)
    desk = Desk(settings, ledger)
    [_, said] = desk.ask(create(redeem={"max_per_customer": 2}), issue("c-1"))
    whole, before = held(ledger), torn.length
    at = desk.lay(*(redeem(said["code"], "c-1") for _ in range(3)))
    desk.decide(at)
    after = torn.length

    # when: some of it is lost
    torn.start_again(before + int(share * (after - before)) + less)

    # expect: that call was never made
    assert ledger.epoch() > 0
    assert held(ledger) == whole

    # when: others are, and Redis starts once more
    if anew:
        desk.restore()
    else:
        desk.open()
    desk.ask(issue("c-2"))
    now = held(ledger)
    torn.start_again()

    # expect: it has the same, or is known not to
    assert held(ledger) == now or ledger.epoch() == 0

    # when: it is made anew, and Redis starts on the same log a third time
    desk.restore()
    now = held(ledger)
    torn.start_again()

    # expect: it is whole for good
    assert ledger.epoch() > 0
    assert held(ledger) == now
    ledger.client.close()
