"""Rules that look back: each where it holds, where it fails, and at its exact edge."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.org import OrgEntity
from tests.ledger.asking import audience, claim, edit, reverse, stores
from tests.ledger.desk import Desk
from tests.world import create, issue, redeem

ENDS = {"expiry": {"type": "fixed_date", "at": "2026-12-31T23:59:59+05:30"}}
CODES = {"type": "unique", "charset": "alphanumeric", "length": 10}


def coupon(desk: Desk, customer_id: str = "a", offer_id: str = "o", **more: Any) -> dict[str, Any]:
    [said] = desk.ask(issue(customer_id, offer_id, **more))
    assert said["reason"] is None, said
    return said


# The end of a coupon -----------------------------------------------------------------------------

DAYS = "days_after_issue"
MONTHS = "month_ends_after_issue"


@pytest.mark.parametrize(
    ("expiry", "issued_at", "expires_at"),
    [
        ({"type": DAYS, "days": 0}, "2026-11-21T10:00:00+05:30", "2026-11-21T23:59:59+05:30"),
        ({"type": DAYS, "days": 30}, "2026-11-21T23:59:59+05:30", "2026-12-21T23:59:59+05:30"),
        # the day is India's, not UTC's
        ({"type": DAYS, "days": 1}, "2026-11-21T19:00:00Z", "2026-11-23T23:59:59+05:30"),
        # never beyond the offer's end
        ({"type": DAYS, "days": 41}, "2026-11-21T10:00:00+05:30", "2026-12-31T23:59:59+05:30"),
        ({"type": MONTHS, "months": 1}, "2026-11-21T10:00:00+05:30", "2026-11-30T23:59:59+05:30"),
        ({"type": MONTHS, "months": 1}, "2026-11-30T23:59:59+05:30", "2026-11-30T23:59:59+05:30"),
        ({"type": MONTHS, "months": 2}, "2026-10-01T00:00:00+05:30", "2026-11-30T23:59:59+05:30"),
        ({"type": MONTHS, "months": 1}, "2024-02-10T10:00:00+05:30", "2024-02-29T23:59:59+05:30"),
        ({"type": MONTHS, "months": 2}, "2026-01-31T10:00:00+05:30", "2026-02-28T23:59:59+05:30"),
        ({"type": MONTHS, "months": 3}, "2026-11-21T10:00:00+05:30", "2026-12-31T23:59:59+05:30"),
    ],
)
def test_a_coupon_ends_by_its_own_rule(
    desk: Desk, expiry: dict[str, Any], issued_at: str, expires_at: str
) -> None:
    desk.ask(create(coupons={"codes": CODES, "expiry": expiry}, **ENDS))
    said = coupon(desk, occurred_at=issued_at)
    assert said["expires_at"] == expires_at
    last = datetime.fromisoformat(expires_at)
    moments = (last, last + timedelta(milliseconds=999), last + timedelta(seconds=1))
    asked = (redeem(said["code"], "a", type_="validate", occurred_at=at.isoformat())
             for at in moments)  # fmt: skip
    assert desk.reasons(*asked) == ["accepted", "accepted", "coupon_expired"]


def test_an_earlier_end_of_the_campaign_holds_for_coupons_with_an_end_of_their_own(
    desk: Desk,
) -> None:
    # given
    rule = {"codes": CODES, "expiry": {"type": DAYS, "days": 5}}
    desk.ask(create(coupons=rule, expiry={"type": "with_campaign"}, claim=None))
    moved = [
        claim("dvs", "h", ends_at=at) for at in
        ("2026-11-30T23:59:59+05:30", "2026-11-22T12:00:00+05:30", "2026-12-24T12:00:00+05:30")
    ]  # fmt: skip
    desk.ask(moved[0])
    said = coupon(desk)

    def at(moment: str) -> str:
        return desk.reasons(redeem(said["code"], "a", type_="validate", occurred_at=moment))[0]

    # expect
    assert said["expires_at"] == "2026-11-26T23:59:59+05:30"
    desk.ask(moved[1])
    assert at("2026-11-22T12:00:00+05:30") == "accepted"
    assert at("2026-11-22T12:00:01+05:30") == "coupon_expired"
    desk.ask(moved[2])
    assert at("2026-11-26T23:59:59+05:30") == "accepted"
    assert at("2026-11-27T00:00:00+05:30") == "coupon_expired"


def test_an_end_of_its_own_is_never_beyond_the_campaigns_whatever_the_offers_is(
    desk: Desk,
) -> None:
    rule = {"codes": CODES, "expiry": {"type": DAYS, "days": 30}}
    campaign = {"service": "dvs", "holder": "h", "ends_at": "2026-11-25T12:00:00+05:30"}
    desk.ask(create(coupons=rule, claim=campaign), create("p", claim=campaign, **ENDS))
    assert coupon(desk)["expires_at"] == "2026-11-25T12:00:00+05:30"
    assert coupon(desk, offer_id="p")["expires_at"] == "2026-12-31T23:59:59+05:30"


def test_a_loyalty_coupon_keeps_the_rule_it_was_issued_by(desk: Desk) -> None:
    # given
    loyalty = {"service": "loyalty", "holder": "gold"}
    days = {"codes": CODES, "expiry": {"type": DAYS, "days": 1}}
    desk.ask(create(claim=loyalty))
    unending = coupon(desk, **loyalty)
    desk.ask(edit(coupons=days))
    ending = coupon(desk, **loyalty)
    desk.ask(edit())

    # expect
    asked = {"occurred_at": "2027-06-01T10:00:00+05:30"}
    assert desk.reasons(*(redeem(one["code"], "a", **asked) for one in (unending, ending))) == [
        "accepted", "coupon_expired",
    ]  # fmt: skip


def test_loyalty_spares_coupons_without_an_end_of_their_own(desk: Desk) -> None:
    loyalty = {"service": "loyalty", "holder": "gold"}
    rule = {"codes": CODES, "expiry": {"type": DAYS, "days": 1}}
    desk.ask(create(claim=loyalty), create("p", claim=loyalty, coupons=rule))
    assert coupon(desk, **loyalty)["expires_at"] is None
    assert coupon(desk, offer_id="p", **loyalty)["expires_at"] == "2026-11-22T23:59:59+05:30"


def test_a_new_rule_of_expiry_holds_for_coupons_issued_later(desk: Desk) -> None:
    desk.ask(create(coupons={"codes": CODES, "expiry": {"type": DAYS, "days": 1}}))
    early = coupon(desk)
    desk.ask(edit(coupons={"codes": CODES, "expiry": {"type": DAYS, "days": 3}}))
    late = coupon(desk)
    asked = {"occurred_at": "2026-11-23T10:00:00+05:30"}
    assert desk.reasons(*(redeem(said["code"], "a", **asked) for said in (early, late))) == [
        "coupon_expired", "accepted",
    ]  # fmt: skip


# Audience, offers received -----------------------------------------------------------------------


def test_an_offer_is_issued_to_its_audience_only(desk: Desk) -> None:
    desk.ask(create())
    assert desk.reasons(issue("z")) == ["accepted"]  # no audience: everyone
    desk.ask(audience("a", "b"))
    assert desk.reasons(issue("a"), issue("c")) == ["accepted", "not_in_audience"]
    desk.ask(audience("c"))  # in place of the one before
    assert desk.reasons(issue("a"), issue("c")) == ["not_in_audience", "accepted"]
    desk.ask(audience())  # lifts it
    assert desk.reasons(issue("a")) == ["accepted"]


def test_an_audience_takes_effect_with_its_last_part(desk: Desk) -> None:
    desk.ask(create())
    desk.ask(audience("a"), audience("b", part=1, parts=2))
    assert desk.reasons(issue("a"), issue("b")) == ["accepted", "not_in_audience"]
    desk.ask(audience("c", part=2, parts=2))
    assert desk.reasons(*map(issue, "abc")) == ["not_in_audience", "accepted", "accepted"]


@pytest.mark.parametrize(
    ("received_on", "months", "expected"),
    [
        ("2026-11-21", 6, "received_excluded_offer"),
        ("2026-05-22", 6, "received_excluded_offer"),
        ("2026-05-21", 6, "accepted"),  # six months ago to the day
        ("2026-10-22", 1, "received_excluded_offer"),
        ("2026-10-21", 1, "accepted"),
        ("2026-11-25", 6, "received_excluded_offer"),  # a till whose clock is ahead
    ],
)
def test_who_received_another_offer_gets_nothing(
    desk: Desk, received_on: str, months: int, expected: str
) -> None:
    excluded = {"unless_received": {"offers": ["x", "y", "nowhere"], "months": months}}
    desk.ask(create("x"), create("y"), create("z"), create(issue=excluded))
    coupon(desk, offer_id="y", occurred_at=f"{received_on}T10:00:00+05:30")
    coupon(desk, "b", "z", occurred_at=f"{received_on}T10:00:00+05:30")
    assert desk.reasons(issue("a"), issue("b")) == [expected, "accepted"]


def test_two_offers_that_exclude_each_other_in_one_batch(desk: Desk) -> None:
    for one, other in (("x", "y"), ("y", "x")):
        desk.ask(create(one, issue={"unless_received": {"offers": [other]}}))
    assert desk.reasons(issue("a", "x"), issue("a", "y"), issue("b", "y"), issue("b", "x")) == [
        "accepted", "received_excluded_offer", "accepted", "received_excluded_offer",
    ]  # fmt: skip


# Budgets -----------------------------------------------------------------------------------------


def bill(amount: str) -> dict[str, Any]:
    return {"bill": {"number": "B", "amount": amount, "currency": "INR"}}


@pytest.mark.parametrize(
    ("budget", "expected"),
    [("29.99", "budget_exhausted"), ("30.00", "accepted"), ("30.01", "accepted")],
)
def test_discounts_stay_within_the_budget(desk: Desk, budget: str, expected: str) -> None:
    desk.ask(create(budget={"discount": budget}, redeem={"uses_per_coupon": "unlimited"}))
    code = coupon(desk)["code"]
    assert desk.reasons(
        redeem(code, "a", **bill("199.96")), redeem(code, "a", **bill("100.00"))
    ) == ["accepted", expected]  # 20.00 and 10.00 off


def test_a_smaller_discount_still_fits_the_budget(desk: Desk) -> None:
    desk.ask(create(budget={"discount": "30.00"}, redeem={"uses_per_coupon": "unlimited"}))
    code = coupon(desk)["code"]
    amounts = ("250.00", "100.00", "50.00", "0.01")
    assert desk.reasons(*(redeem(code, "a", **bill(amount)) for amount in amounts)) == [
        "accepted", "budget_exhausted", "accepted", "accepted",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("goal", "expected"),
    [("100.00", "budget_exhausted"), ("100.01", "accepted"), ("99.99", "budget_exhausted")],
)
def test_no_more_once_the_revenue_goal_is_reached(desk: Desk, goal: str, expected: str) -> None:
    desk.ask(create(budget={"revenue_goal": goal}, redeem={"uses_per_coupon": "unlimited"}))
    code = coupon(desk)["code"]
    assert desk.reasons(redeem(code, "a", **bill("100.00")), redeem(code, "a", **bill("1.00"))) == [
        "accepted",
        expected,
    ]


def test_a_reversal_gives_the_budget_back(desk: Desk) -> None:
    loose = {"uses_per_coupon": "unlimited"}
    desk.ask(create(budget={"discount": "10.00", "revenue_goal": "100.00"}, redeem=loose))
    code = coupon(desk)["code"]
    asked = {"request_id": "r-1", **bill("100.00")}
    assert desk.reasons(redeem(code, "a", **asked), redeem(code, "a")) == [
        "accepted", "budget_exhausted",
    ]  # fmt: skip
    desk.ask(reverse(code, "r-1", "a"))
    assert desk.reasons(redeem(code, "a", **bill("100.00"))) == ["accepted"]


def test_a_budget_counts_what_was_given_before_it_was_set(desk: Desk) -> None:
    loose = {"uses_per_coupon": "unlimited"}
    desk.ask(create(redeem=loose))
    code = coupon(desk)["code"]
    desk.ask(redeem(code, "a", **bill("100.00")), edit(redeem=loose, budget={"discount": "10.00"}))
    assert desk.reasons(redeem(code, "a", **bill("0.10"))) == ["budget_exhausted"]
    desk.ask(edit(redeem=loose))
    assert desk.reasons(redeem(code, "a", **bill("100.00"))) == ["accepted"]


# Stores that were uploaded -----------------------------------------------------------------------


def test_uploaded_stores_stand_in_place_of_the_definitions(desk: Desk) -> None:
    # given
    for number in (1, 2, 3):
        desk.catalogue.tills[f"t-{number}"] = OrgEntity(
            till_id=f"t-{number}", store_id=f"s-{number}"
        )
    named = {"uses_per_coupon": "unlimited", "org_entities": {"stores": ["s-1"]}}
    desk.ask(create(redeem=named))
    code = coupon(desk)["code"]

    def tills() -> list[str]:
        asked = [redeem(code, "a", till_id=f"t-{n}", type_="validate") for n in (1, 2, 3, 9)]
        return ["".join("x" if reason != "accepted" else "o" for reason in desk.reasons(*asked))]

    # expect
    assert tills() == ["oxxx"]
    [said] = desk.ask(stores("s-2", "s-3"))
    assert said["offer"]["redeem"]["org_entities"]["stores"] == ["s-2", "s-3"]
    assert tills() == ["xoox"]
    desk.ask(edit(redeem={"uses_per_coupon": "unlimited"}))  # names none: the upload stays
    assert tills() == ["xoox"]
    desk.ask(edit(redeem=named))
    assert tills() == ["oxxx"]
    desk.ask(edit(redeem={"uses_per_coupon": "unlimited"}), stores("s-3"), stores())
    assert tills() == ["oooo"]
