"""What Redis holds after a loss is kept: merged with what was committed since, it is the ledger as
it was before."""

from collections.abc import Callable
from random import Random, randrange
from typing import Any

import pytest

from state.ledger import Ledger
from streams.settings import Settings
from tests.ledger.copies import Copy, copy_of, put_back
from tests.ledger.desk import (
    Desk,
    Said,
    audience,
    claim,
    edit,
    export,
    reverse,
    revoke,
    stores,
    upload,
)
from tests.ledger.everything import live
from tests.ledger.held import content
from tests.world import create, issue, redeem


class Copied(Desk):
    """Redis is copied after some of the calls, as chance has it."""

    def __init__(self, settings: Settings, ledger: Ledger, chance: Random) -> None:
        self.copies: list[Copy] = []
        self._chance = chance
        super().__init__(settings, ledger)

    def decide_together(self, *arguments: Any, **head: Any) -> list[list[Said]]:
        found = super().decide_together(*arguments, **head)
        if self._chance.random() < 0.07:
            self.copies.append(copy_of(self.ledger))
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


# Each thing that is there in part -----------------------------------------------------------------

WAYS: dict[str, dict[str, Any]] = {
    "unique": {"codes": {"type": "unique", "charset": "digits", "length": 10, "prefix": "77"}},
    "common": {"codes": {"type": "common", "code": "FESTIVE"}},
    "uploaded": {"codes": {"type": "uploaded"}},
    "exported": {"delivery": "third_party", "codes": {"type": "randomised", "sample": "ABC123XY"}},
}
LOOSE = {"anyone_may_redeem": True, "uses_per_coupon": 3, "min_gap_days": 0}
DAY_MS = 86_400_000
Step = Callable[[Desk], object]


@pytest.fixture
def desk(settings: Settings, ledger: Ledger) -> Desk:
    """Something of each way of codes is there."""
    made = Desk(settings, ledger)
    for name, coupons in WAYS.items():
        made.ask(create(name, coupons=coupons, redeem=LOOSE))
    made.ask(issue("c-1", "unique", request_id="i-1"))
    made.ask(issue("c-2", "unique", request_id="i-2"), partition=1)
    return made


def code(desk: Desk, offer_id: str, serial: int) -> str:
    desk.refresh()
    compiled = desk.catalogue.get(offer_id)
    assert compiled is not None
    return desk.catalogue.code_of(compiled, serial)


def used(desk: Desk, serial: int, name: str, customer: str = "c-1", partition: int = 0) -> None:
    asked = redeem(code(desk, "unique", serial), customer, request_id=name)
    assert desk.reasons(asked, partition=partition) == ["accepted"]


def undone(desk: Desk, serial: int, name: str, partition: int = 0) -> None:
    asked = reverse(code(desk, "unique", serial), name)
    assert desk.reasons(asked, partition=partition) == ["accepted"]


def using(*of_redemption: Any, **more: Any) -> Step:
    return lambda desk: used(desk, *of_redemption, **more)


def undoing(*of_reversal: Any, **more: Any) -> Step:
    return lambda desk: undone(desk, *of_reversal, **more)


def asking(*requests: Any) -> Step:
    return lambda desk: desk.ask(*requests)


def common_code_used_in_two_partitions(desk: Desk) -> None:
    for partition in (1, 0, 1):
        desk.now += 1
        asked = redeem("FESTIVE", "c-8", request_id=f"f-{desk.now}")
        desk.ask(asked, partition=partition)


def exported_codes_used(desk: Desk) -> None:
    """By customers whose they are from then on."""
    desk.ask(export(3, offer_id="exported"))
    for partition, customer in ((1, "c-7"), (0, "c-6"), (1, "c-7")):
        desk.ask(redeem(code(desk, "exported", 1), customer), partition=partition)


def a_week_passes(desk: Desk) -> None:
    desk.now += 8 * DAY_MS


def edit_of(name: str, **sections: Any) -> Any:
    return edit(name, coupons=WAYS[name], redeem=LOOSE, **sections)


NOTHING: list[Step] = []
UP = {"offer_id": "uploaded"}
ONE = {"offer_id": "unique"}
OUT = {"offer_id": "exported"}
#: What there was before Redis was copied, and what was lost after.
PARTS: dict[str, tuple[list[Step], list[Step]]] = {
    "a reversal of a redemption": ([using(0, "r-1")], [undoing(0, "r-1")]),
    "a redemption and its reversal": (
        NOTHING, [using(0, "r-1", partition=1), undoing(0, "r-1")],
    ),
    "a redemption after a reversal": (
        [using(0, "r-1"), undoing(0, "r-1", partition=1)],
        [using(0, "r-2", partition=1), using(0, "r-3", "c-2")],
    ),
    "all that wasn't redeemed ended": (
        [using(0, "r-1")],
        [asking(revoke("unredeemed", **ONE), issue("c-3", "unique"))],
    ),
    "customers' coupons ended": (
        [asking(issue("c-1", "unique"))], [asking(revoke("customers", "c-1", "c-2", **ONE))],
    ),
    "no more is issued": (
        [asking(revoke("unissued", **ONE))],
        [asking(issue("c-3", "unique"), edit_of("unique"))],
    ),
    "half an upload": (
        [asking(upload("A", "B", **UP, parts=3))],
        [
            asking(upload("C", to="c-1", **UP, part=3, parts=3)),
            asking(upload("D", **UP, part=2, parts=3)),
            asking(issue("c-4", "uploaded"), issue("c-5", "uploaded")),
        ],
    ),
    "two parts of three": (
        [asking(upload("A", "B", **UP, parts=3))],
        [asking(upload("C", **UP, part=2, parts=3))],
    ),
    "an upload given up": (
        [asking(upload("A", "B", **UP, parts=2))],
        [
            asking(upload("A", "C", **UP, parts=2), upload("D", **UP, part=2, parts=2)),
            asking(issue("c-4", "uploaded"), revoke("unissued", **UP)),
        ],
    ),
    "half an audience": (
        [asking(audience("c-1", **ONE), audience("c-5", **ONE, parts=3))],
        [asking(audience("c-6", **ONE, part=2, parts=3))],
    ),
    "an audience in place of another": (
        [asking(audience("c-1", **ONE), audience("c-5", **ONE, parts=2))],
        [asking(audience("c-6", **ONE, part=2, parts=2))],
    ),
    "an audience given up": (
        [asking(audience("c-5", **ONE, parts=2))],
        [asking(audience("c-6", **ONE, parts=2)), asking(audience("c-7", **ONE))],
    ),
    "everyone again": ([asking(audience("c-1", **ONE))], [asking(audience(**ONE))]),
    "half the stores": (
        [asking(stores("s-1", **ONE, parts=2))],
        [asking(stores("s-2", **ONE, part=2, parts=2))],
    ),
    "two of three parts of stores": (
        [asking(stores("s-1", **ONE, parts=3))],
        [asking(stores("s-2", **ONE, part=2, parts=3))],
    ),
    "stores no more": ([asking(stores("s-1", **ONE))], [asking(stores(**ONE))]),
    "exports behind another": (
        [asking(export(70, **OUT))], [asking(export(5, **OUT), export(6, **OUT))],
    ),
    "exported codes": (NOTHING, [exported_codes_used]),
    "more of exported codes": ([exported_codes_used], [exported_codes_used]),
    "a common code": (NOTHING, [common_code_used_in_two_partitions]),
    "more of a common code": (
        [common_code_used_in_two_partitions], [common_code_used_in_two_partitions],
    ),
    "offer codes that moved": (
        [asking(edit_of("unique", offer_code="OLD"))],
        [asking(edit_of("unique", offer_code="NEW"), edit_of("common", offer_code="OLD"))],
    ),
    "a claim": (
        [asking(create("free", claim=None))],
        [asking(claim("outbound", "camp", "free", ends_at="2026-12-01T00:00:00Z"))],
    ),
    "a new offer": (NOTHING, [asking(create("later"), issue("c-1", "later"))]),
    "requests that are asked again": (
        [using(0, "r-1")],
        [asking(issue("c-1", "unique", request_id="i-1"), issue("c-3", "unique"))],
    ),
    "a week later": ([using(0, "r-1")], [a_week_passes, using(1, "r-2", "c-2")]),
}  # fmt: skip


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
    assert desk.ledger.offer("unique")[b"redeemed"] == b"1"
    assert int(desk.ledger.offer("unique")[b"sequence"]) == 5


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
    assert desk.ledger.offer("unique")[b"redeemed"] == b"1"

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
