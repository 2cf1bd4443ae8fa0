"""Reverse and revoke: what is given back, what is ended, and what is left alone."""

from typing import Any

import pytest

from tests.ledger.asking import reverse, revoke
from tests.ledger.desk import Desk, code_of
from tests.world import create, issue, redeem

END = "2026-11-22T23:59:59+05:30"


def redeemed_at(desk: Desk, code: str, *moments: str, customer_id: str | None = "c-1") -> list[str]:
    return desk.reasons(*(redeem(code, customer_id, occurred_at=at) for at in moments))


def test_a_reversal_gives_back_use_count_and_total(desk: Desk) -> None:
    desk.ask(create(redeem={"max_per_customer": 1, "max_total": 1}))
    code = code_of(desk)
    desk.ask(redeem(code, "c-1", request_id="r-1"))
    [undone] = desk.ask(reverse(code, "r-1"))
    assert undone["totals"] == {"coupon": 0, "customer": 0, "offer": 0}
    [again] = desk.ask(redeem(code, "c-1"))
    assert again["totals"] == {"coupon": 1, "customer": 1, "offer": 1}


@pytest.mark.parametrize("changed", [{"code": "0"}, {"customer_id": "c-2"}, {"customer_id": None}])
def test_a_reversal_needs_the_redemptions_own_code_and_customer(
    desk: Desk, changed: dict[str, Any]
) -> None:
    desk.ask(create(), create("p"))
    code = code_of(desk)
    desk.ask(redeem(code, "c-1", request_id="r-1"))
    asked = {"code": code_of(desk, offer_id="p")} if "code" in changed else changed
    assert desk.reasons(reverse(code, "r-1") | asked) == ["redemption_not_found"]


def test_revoking_customers_ends_their_active_coupons(desk: Desk) -> None:
    desk.ask(create(redeem={"uses_per_coupon": 2}))
    used, half, fresh, other = (code_of(desk, who) for who in ("c-1", "c-1", "c-1", "c-2"))
    redeemed_at(desk, used, *["2026-11-21T10:00:00+05:30"] * 2)
    desk.ask(redeem(half, "c-1", request_id="r-1"))

    [said] = desk.ask(revoke("customers", "c-1", "c-1", "nobody"))

    assert said["revoked"] == 2
    assert desk.reasons(reverse(half, "r-1")) == ["coupon_revoked"]
    now = "2026-11-22T10:00:00+05:30"
    found = [redeemed_at(desk, code, now)[0] for code in (used, half, fresh)]
    assert found == ["coupon_redeemed", "coupon_revoked", "coupon_revoked"]
    assert redeemed_at(desk, other, now, customer_id="c-2") == ["accepted"]
    assert desk.reasons(issue("c-1")) == ["accepted"]


def test_revoking_ends_no_coupon_that_has_expired(desk: Desk) -> None:
    desk.ask(create(expiry={"type": "fixed_date", "at": END}), issue("c-1"))
    at_the_end, after = (
        revoke("customers", "c-1", occurred_at=at) for at in (END, "2026-11-23T00:00:00+05:30")
    )
    assert [one["revoked"] for one in desk.ask(after, at_the_end)] == [0, 1]


def test_revoking_the_unredeemed_reaches_all_without_a_standing_redemption(desk: Desk) -> None:
    desk.ask(create(redeem={"uses_per_coupon": 2}))
    used, unused, undone = (code_of(desk) for _ in range(3))
    desk.ask(redeem(used, "c-1", request_id="r-1"), redeem(undone, "c-1", request_id="r-2"))
    desk.ask(reverse(undone, "r-2"))

    [said] = desk.ask(revoke("unredeemed"))

    assert said["revoked"] is None
    now = "2026-11-22T10:00:00+05:30"
    found = [redeemed_at(desk, code, now)[0] for code in (unused, undone, used)]
    assert found == ["coupon_revoked", "coupon_revoked", "accepted"]
    assert desk.reasons(issue("c-1")) == ["codes_exhausted"]


def test_a_coupon_whose_redemption_is_reversed_later_is_revoked_from_then_on(desk: Desk) -> None:
    desk.ask(create())
    code = code_of(desk)
    desk.ask(redeem(code, "c-1", request_id="r-1"), revoke("unredeemed"))
    assert desk.reasons(reverse(code, "r-1"), redeem(code, "c-1"), reverse(code, "r-1")) == [
        "accepted",
        "coupon_revoked",
        "already_reversed",
    ]


def test_revoking_the_unissued_leaves_what_was_issued(desk: Desk) -> None:
    desk.ask(create())
    code = code_of(desk)
    assert desk.ask(revoke("unissued"))[0]["revoked"] == 0
    assert desk.reasons(redeem(code, "c-1"), issue("c-1")) == ["accepted", "codes_exhausted"]
