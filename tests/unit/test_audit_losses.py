"""Decisions that Redis lost before they were committed: caps are met exactly afterwards, and the
audit tells which totals may speak of the lost ones."""

from collections.abc import Callable
from typing import Any

import pytest

from state.records import record
from streams.settings import Settings
from streams.summary import summary
from tests.ledger.asking import Request, export, revoke
from tests.ledger.copies import copy_of, put_back
from tests.ledger.desk import Desk
from tests.unit.audit_desk import audited
from tests.world import create, issue, redeem

CODES: dict[str, dict[str, Any]] = {
    "unique": {"codes": {"type": "unique", "charset": "digits", "length": 10}},
    "common": {"codes": {"type": "common", "code": "FESTIVE"}},
    "exported": {"delivery": "third_party", "codes": {"type": "randomised", "sample": "ABC123XY"}},
}
LOOSE = {"anyone_may_redeem": True}
CAP = 6


def issuing(n: int) -> Request:
    return issue(f"c-{n}")


def redeeming(n: int) -> Request:
    """A newcomer's, who gets the coupon with it."""
    return redeem("FESTIVE", f"c-{n}")


def exporting(_: int) -> Request:
    return export(1)


WAYS: list[tuple[str, Callable[[int], Request]]] = [
    ("unique", issuing), ("common", redeeming), ("common", issuing), ("exported", exporting),
]  # fmt: skip


def total(said: dict[str, Any]) -> Any:
    """Of all issued: a redemption says the offer's total of those."""
    return said["totals"]["offer"] if said["type"] != "redeem" else None


@pytest.mark.parametrize("keeps", [True, False], ids=["a part is kept", "from nothing"])
@pytest.mark.parametrize(("codes", "ask"), WAYS, ids=[f"{a}-{b.__name__}" for a, b in WAYS])
def test_a_cap_is_met_exactly_though_serials_were_lost(
    desk: Desk, settings: Settings, codes: str, ask: Callable[[int], Request], keeps: bool
) -> None:
    # given: 2 committed, then 2 that are lost, and one behind them that was committed
    desk.ask(create(coupons=CODES[codes], redeem=LOOSE, issue={"max_total": CAP}))
    desk.ask(ask(0), ask(1))
    copy = copy_of(desk.ledger)
    lost = desk.lay(ask(2), ask(3), partition=1)
    desk.decide(lost)
    [behind] = desk.ask(ask(4))
    assert total(behind) in (5, None)

    # when
    put_back(desk.ledger, copy)
    desk.restore(keeps=keeps)

    # expect
    [counts] = desk.ledger.counts(["o"])
    assert (counts.issued, counts.skipped) == (5, 2)
    assert summary(desk.ledger.offer("o"))["issued"] == 3
    assert audited(desk, settings).differences == []

    # when
    said = desk.decide(lost)
    desk.commit(lost)

    # expect
    assert [total(one) for one in said] in ([4, 5], [None, None])
    assert audited(desk, settings).differences == []

    # when
    reasons = desk.reasons(*(ask(n) for n in range(10, 13)))

    # expect
    assert reasons == ["accepted", "offer_limit_reached", "offer_limit_reached"]
    assert summary(desk.ledger.offer("o"))["issued"] == CAP
    found = audited(desk, settings)
    assert found.differences == []
    assert "lost 2 decisions" in found.notes[0]

    # when
    desk.restore()

    # expect
    assert summary(desk.ledger.offer("o"))["issued"] == CAP
    assert audited(desk, settings).differences == []


def test_totals_after_a_loss_are_exact_again_or_found(desk: Desk, settings: Settings) -> None:
    # given
    desk.ask(create(issue={"max_total": 9}))
    copy = copy_of(desk.ledger)
    lost = desk.lay(issue("c-2"), partition=1)
    desk.decide(lost)
    desk.ask(issue("c-4"))
    put_back(desk.ledger, copy)
    desk.restore(keeps=True)
    desk.ask(issue("c-5"), issue("c-6"))
    assert audited(desk, settings).differences == []

    # when
    said = desk.outcomes["issue", 0][-1]
    said["totals"]["offer"] += 1

    # expect
    assert any("says totals" in line for line in audited(desk, settings).differences)


def test_what_a_revoke_ended_of_lost_serials_is_nobodys(desk: Desk, settings: Settings) -> None:
    """Everything is ended up to a serial that was lost: the next one is above it."""
    # given
    desk.ask(create(issue={"max_total": 3}), issue("c-1"))
    copy = copy_of(desk.ledger)
    lost = desk.lay(issue("c-2"), partition=1)
    desk.decide(lost)
    desk.ask(revoke("unissued"), revoke("unredeemed"))

    # when
    put_back(desk.ledger, copy)
    desk.restore(keeps=True)

    # expect
    [counts] = desk.ledger.counts(["o"])
    assert (counts.issued, counts.skipped, counts.watermark) == (2, 1, 2)
    assert audited(desk, settings).differences == []


def test_a_count_of_skipped_serials_that_is_off_is_named(desk: Desk, settings: Settings) -> None:
    desk.ask(create(), issue("c-1"))
    [counts] = desk.ledger.counts(["o"])
    off = record(counts._replace(skipped=1))
    desk.ledger.client.set(f"{desk.ledger.base}counts:o", off)
    assert any("has skipped 1; due 0" in line for line in audited(desk, settings).differences)
