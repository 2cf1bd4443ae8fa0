"""What Redis holds after a loss is kept: merged with what was committed since, it is the ledger as
it was before."""

from random import Random, randrange
from typing import Any

import pytest

from schemas.topics import REDEEM
from state.ledger import Fenced, Ledger
from streams.settings import Settings
from tests.ledger.asking import edit
from tests.ledger.copies import Copy, copy_of, put_back
from tests.ledger.desk import TOKEN, Desk, Said
from tests.ledger.everything import live
from tests.ledger.held import content
from tests.ledger.in_part import LOOSE, PARTS, WAYS, code, undone, used
from tests.world import create, issue, redeem

#: The fewest and the most.
_CALLS_A_COPY = 5, 20


class Copied(Desk):
    """Redis is copied after some of the calls, as chance has it."""

    def __init__(self, settings: Settings, ledger: Ledger, chance: Random) -> None:
        self.copies: list[Copy] = []
        self._chance, self._left = chance, chance.randint(*_CALLS_A_COPY)
        super().__init__(settings, ledger)

    def decide_together(self, *arguments: Any, **head: Any) -> list[list[Said]]:
        found = super().decide_together(*arguments, **head)
        self._left -= 1
        if not self._left:
            self.copies.append(copy_of(self.ledger))
            self._left = self._chance.randint(*_CALLS_A_COPY)
        return found


def test_from_wherever_redis_was_cut_off(settings: Settings, ledger: Ledger) -> None:
    # given
    seed = randrange(1_000_000)
    print("seed", seed)
    chance = Random(seed)
    desk = Copied(settings, ledger, chance)
    live(desk)
    whole = content(ledger)
    assert len(desk.copies) > 3

    for copy in desk.copies:
        # when
        put_back(desk.ledger, copy)
        lacking = content(ledger)
        desk.restore(
            backwards=chance.random() < 0.5, dies_after=chance.choice([None, 1, 3, 8]),
            keeps=True, a_call=chance.choice([1, 7, 1_000]),
        )  # fmt: skip

        # expect
        assert differences(whole, content(ledger)) == []
        assert lacking != whole or copy is desk.copies[-1]


def differences(due: dict[str, Any], found: dict[str, Any]) -> list[Any]:
    return [
        (name, due.get(name), found.get(name))
        for name in sorted(due.keys() | found.keys())
        if due.get(name) != found.get(name)
    ]


@pytest.fixture
def desk(settings: Settings, ledger: Ledger) -> Desk:
    """Something of each way of codes is there."""
    made = Desk(settings, ledger)
    for name, coupons in WAYS.items():
        made.ask(create(name, coupons=coupons, redeem=LOOSE))
    made.ask(issue("c-1", "unique", request_id="i-1"))
    made.ask(issue("c-2", "unique", request_id="i-2"), partition=1)
    return made


@pytest.mark.parametrize("dies_after", [None, 2], ids=["at once", "after one that died"])
@pytest.mark.parametrize("backwards", [False, True], ids=["in order", "last partition first"])
@pytest.mark.parametrize("what", PARTS)
def test_what_was_lost_in_part(
    desk: Desk, ledger: Ledger, what: str, backwards: bool, dies_after: int | None
) -> None:
    # given
    before, after = PARTS[what]
    for step in before:
        step(desk)
    copy = copy_of(desk.ledger)
    for step in after:
        step(desk)
    whole = content(ledger)

    # when
    put_back(desk.ledger, copy)
    assert content(ledger) != whole
    desk.restore(backwards, dies_after, keeps=True, a_call=1)

    # expect
    assert differences(whole, content(ledger)) == []

    # when
    desk.restore(backwards, dies_after, a_call=1)

    # expect
    assert differences(whole, content(ledger)) == []


# What wasn't committed ----------------------------------------------------------------------------


def test_what_redis_has_decided_and_kafka_not_committed_is_told_again(desk: Desk) -> None:
    at = desk.lay(issue("c-3", "unique"), partition=1)
    first = desk.decide(at)
    copy = copy_of(desk.ledger)
    used(desk, 0, "r-1")

    put_back(desk.ledger, copy)
    desk.restore(keeps=True)

    assert desk.decide(at) == first
    assert desk.ledger.counts(["unique"])[0].redeemed == 1
    assert desk.ledger.counts(["unique"])[0].sequence == 5


def test_a_version_that_is_not_committed_is_kept(desk: Desk) -> None:
    at = desk.lay(edit("unique", coupons=WAYS["unique"], offer_code="KEPT"))
    first = desk.decide(at)
    copy = copy_of(desk.ledger)
    used(desk, 0, "r-1")

    put_back(desk.ledger, copy)
    desk.restore(keeps=True)

    assert desk.ledger.offer("unique")[b"offer_code"] == b"KEPT"
    assert desk.decide(at) == first


def test_what_was_lost_before_it_was_committed_is_decided_anew(desk: Desk, ledger: Ledger) -> None:
    copy = copy_of(desk.ledger)
    at = desk.lay(redeem(code(desk, "unique", 0), "c-1", request_id="r-1"))
    [lost] = desk.decide(at)
    desk.now += 1
    desk.ask(issue("c-9", "unique"), partition=1)

    put_back(desk.ledger, copy)
    desk.restore(keeps=True)

    [said] = desk.decide(at)
    assert (said["outcome"], said["totals"]) == (lost["outcome"], lost["totals"])
    desk.commit(at)
    whole = content(ledger)
    desk.restore()
    assert differences(whole, content(ledger)) == []


@pytest.mark.parametrize("keeps", [True, False])
def test_a_reversal_undoes_no_redemption_that_was_decided_after_it(
    desk: Desk, ledger: Ledger, keeps: bool
) -> None:
    """The one it undid was lost before its commit; the till's request was decided anew since."""
    # given
    copy = copy_of(desk.ledger)
    at = desk.lay(redeem(code(desk, "unique", 0), "c-1", request_id="r-1"))
    desk.decide(at)
    undone(desk, 0, "r-1", partition=1)
    put_back(desk.ledger, copy)
    desk.restore(keeps=True)
    before = copy_of(desk.ledger)
    assert desk.decide(at)[0]["outcome"] == "accepted"
    desk.commit(at)
    whole = content(ledger)
    assert desk.ledger.counts(["unique"])[0].redeemed == 1

    # when
    put_back(desk.ledger, before if keeps else copy)
    for backwards in (False, True):
        desk.restore(backwards, keeps=keeps, a_call=1)

        # expect
        assert differences(whole, content(ledger)) == []


def test_a_coupon_used_though_its_issue_was_lost_is_the_same_from_anywhere(
    desk: Desk, ledger: Ledger
) -> None:
    # given
    copy = copy_of(desk.ledger)
    at = desk.lay(issue("c-5", "unique"), partition=1)
    [lost] = desk.decide(at)
    assert desk.reasons(redeem(lost["code"], "c-5", request_id="r-1")) == ["accepted"]
    put_back(desk.ledger, copy)
    desk.restore(keeps=True)
    desk.decide(at)
    desk.commit(at)
    whole = content(ledger)

    # when
    put_back(desk.ledger, copy)
    desk.restore(keeps=True)

    # expect
    assert differences(whole, content(ledger)) == []


def test_a_merge_that_comes_late_changes_nothing(desk: Desk, ledger: Ledger) -> None:
    """Its restorer didn't wait for it and began again: what it was to add is there by then."""
    # given
    copy = copy_of(ledger)
    used(desk, 0, "r-1")
    whole = content(ledger)
    put_back(ledger, copy)
    with desk.locked():
        late = desk.restorer()
    late.know(desk.current_offers.values())
    late.begin(REDEEM, {0: 0})
    assert late.add(REDEEM, desk.outcomes["redeem", 0][0])

    # when
    with desk.locked():
        ledger.merge(TOKEN, changes := late.take())
        with pytest.raises(Fenced):
            ledger.merge(TOKEN, changes)

    # expect
    assert differences(whole, content(ledger)) == []
