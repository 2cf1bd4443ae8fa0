"""Pieces of a batch that are asked for before those before them are answered."""

import asyncio
from collections.abc import Awaitable, Iterator
from typing import Any

import pytest

from schemas.topics import ISSUE
from state.layout import Decision, Head, Issued
from state.ledger import Answers, Chain, Ledger, LedgerAway, Stale, Transition
from streams.deciding import PIECES_AHEAD
from tests.ledger.asking import edit
from tests.ledger.desk import NOW, Desk, Partition
from tests.world import create, issue

#: As many as a worker has asked for at once, and how many requests each has.
PIECES, A_PIECE = PIECES_AHEAD + 1, 10
REQUESTS, BEHIND = PIECES * A_PIECE, PIECES - 1


@pytest.fixture
def at(desk: Desk) -> Partition:
    desk.ask(create())
    desk.refresh()
    found: Partition = desk.lay(*(issue(f"c-{number}") for number in range(REQUESTS)))
    return found


@pytest.fixture
def run() -> Iterator[Any]:
    """Every call on one event loop, as a worker has it."""
    with asyncio.Runner() as runner:
        yield runner.run


class Asking:
    """One batch's pieces, as an agent asks for them."""

    def __init__(self, desk: Desk, at: Partition) -> None:
        self._desk, self._at, self._chain = desk, at, Chain()

    async def ask(self, piece: int) -> Awaitable[Answers]:
        at, work = self._at, self._desk.works[ISSUE.name]
        first = piece * A_PIECE
        head = Head(
            ISSUE.name, at.number, at.claim, at.committed, first, first + A_PIECE, NOW, 7,
            self._desk.catalogue.stamp,
        )  # fmt: skip
        operations = [
            work.judge(offset, work.reader.read(at.records[offset]))[0]
            for offset in range(first, first + A_PIECE)
        ]
        call = (head, operations)
        return await self._desk.ledger.decide(self._chain, Transition.ISSUE, [call])

    async def ask_for_all(self) -> list[Any]:
        """What each piece is answered, or how it fails. Nobody waits between them."""
        asked = [await self.ask(piece) for piece in range(PIECES)]
        return await asyncio.gather(*asked, return_exceptions=True)


def serials(ledger: Ledger, found: list[Answers]) -> list[int]:
    """Of the coupons that pieces' decisions gave, in their order."""
    decisions = (
        decision for answers in found for some in ledger.read(answers) for decision in some
    )
    return [Issued(*decision.content[len(Decision._fields) :]).serial for decision in decisions]


def kinds(found: list[Any]) -> list[type]:
    return [type(one) for one in found]


def test_answers_come_in_the_order_of_the_pieces(
    desk: Desk, at: Partition, ledger: Ledger, run: Any
) -> None:
    found = run(Asking(desk, at).ask_for_all())
    assert serials(ledger, found) == list(range(REQUESTS))


def test_behind_a_piece_that_is_stale_none_is_decided_and_the_ledger_stays_open(
    desk: Desk, at: Partition, ledger: Ledger, run: Any
) -> None:
    # given: the offer changes once the first is decided
    run(_first_alone(desk, at))
    desk.ask(edit(name="Other"))

    # when
    found = run(_those_behind_it(desk, at))

    # expect
    assert kinds(found) == [Stale] + [LedgerAway] * (BEHIND - 1)
    assert all("an earlier piece" in str(one) for one in found[1:])
    assert ledger.is_open()

    # and then: judged again, what is left is decided
    desk.refresh()
    assert serials(ledger, run(Asking(desk, at).ask_for_all())) == list(range(REQUESTS))


async def _first_alone(desk: Desk, at: Partition) -> None:
    await (await Asking(desk, at).ask(0))


async def _those_behind_it(desk: Desk, at: Partition) -> list[Any]:
    asking = Asking(desk, at)
    asked = [await asking.ask(piece) for piece in range(1, PIECES)]
    return await asyncio.gather(*asked, return_exceptions=True)


def test_a_connection_that_ends_fails_all_that_wait_and_the_next_call_makes_another(
    desk: Desk, at: Partition, ledger: Ledger, run: Any
) -> None:
    async def cut_off() -> list[Any]:
        asking = Asking(desk, at)
        await (await asking.ask(0))
        ledger.client.client_pause(60_000, all=False)  # what may write waits
        asked = [await asking.ask(piece) for piece in range(1, PIECES)]
        _end_those_that_ask(ledger)
        ledger.client.client_unpause()
        return await asyncio.gather(*asked, return_exceptions=True)

    assert kinds(run(cut_off())) == [LedgerAway] * BEHIND
    assert serials(ledger, run(Asking(desk, at).ask_for_all())) == list(range(REQUESTS))


def test_a_connection_that_ended_while_nobody_asked_is_not_asked_on(
    desk: Desk, at: Partition, ledger: Ledger, run: Any
) -> None:
    run(_first_alone(desk, at))
    run(asyncio.to_thread(_end_those_that_ask, ledger))  # a worker's loop never stands still
    assert serials(ledger, run(Asking(desk, at).ask_for_all())) == list(range(REQUESTS))


def _end_those_that_ask(ledger: Ledger) -> None:
    for client in ledger.client.client_list():
        if client["cmd"].startswith("eval"):
            ledger.client.client_kill_filter(_id=client["id"])


def test_a_server_that_forgot_its_scripts_is_given_them_again(
    desk: Desk, at: Partition, ledger: Ledger, run: Any
) -> None:
    run(_first_alone(desk, at))
    ledger.client.script_flush()
    assert kinds(run(_those_behind_it(desk, at))) == [LedgerAway] * BEHIND
    assert kinds(run(_those_behind_it(desk, at))) == [list] * BEHIND


def test_who_no_longer_waits_leaves_no_answer_to_the_next(
    desk: Desk, at: Partition, ledger: Ledger, run: Any
) -> None:
    async def give_up() -> None:
        asked = await Asking(desk, at).ask(0)
        assert isinstance(asked, asyncio.Future)
        await asyncio.sleep(0)  # it waits for its answer
        asked.cancel()
        await asyncio.wait([asked])

    run(give_up())
    assert serials(ledger, run(Asking(desk, at).ask_for_all())) == list(range(REQUESTS))
