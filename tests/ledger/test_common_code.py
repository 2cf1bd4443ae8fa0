"""A common code: each customer's own coupon, and nobody else's code."""

from tests.ledger.asking import audience, edit, reverse, upload
from tests.ledger.code_ways import COMMON, UPLOADED
from tests.ledger.desk import Desk
from tests.world import create, issue, redeem


def test_a_common_code_is_each_customers_own_coupon(desk: Desk) -> None:
    desk.ask(create(**COMMON))
    issued = desk.ask(issue("a"), issue("b"))

    assert {said["code"] for said in issued} == {"FESTIVE50"}
    assert len({said["coupon_id"] for said in issued}) == 2
    assert desk.reasons(
        redeem("festive 50", "a"), redeem("FESTIVE50", "a"), redeem("FESTIVE-50", "b")
    ) == ["accepted", "coupon_redeemed", "accepted"]


def test_a_common_code_needs_a_customer_who_has_it(desk: Desk) -> None:
    desk.ask(create(**COMMON))
    assert desk.reasons(redeem("FESTIVE50", None), redeem("FESTIVE50", "a")) == [
        "customer_required", "not_recipient",
    ]  # fmt: skip


def test_the_oldest_usable_coupon_of_a_common_code_is_taken(desk: Desk) -> None:
    # given
    desk.ask(create(**COMMON))
    first, second, third = desk.ask(issue("a"), issue("a"), issue("a"))
    [used] = desk.ask(redeem("FESTIVE50", "a", request_id="r-1"))
    assert used["coupon_id"] == first["coupon_id"]

    # when
    [next_] = desk.ask(redeem("FESTIVE50", "a"))
    desk.ask(reverse("FESTIVE50", "r-1", "a"))
    again = desk.ask(*(redeem("FESTIVE50", "a") for _ in range(3)))

    # expect
    assert next_["coupon_id"] == second["coupon_id"]
    assert [said["coupon_id"] for said in again[:2]] == [first["coupon_id"], third["coupon_id"]]
    assert again[2]["reason"] == "coupon_redeemed"


def test_with_anyone_a_common_code_gives_a_coupon_at_its_redemption(desk: Desk) -> None:
    # given
    desk.ask(create(**COMMON, redeem={"anyone_may_redeem": True}, issue={"max_total": 2}))
    asked = {"code": "FESTIVE50"}

    # when
    [looked] = desk.ask(redeem("FESTIVE50", "a", type_="validate"))
    said = desk.ask(*(redeem(asked["code"], who) for who in ("a", "a", "b", "c")))
    [counts] = desk.ledger.counts(["o"])

    # expect
    assert looked["reason"] is None
    assert [one["reason"] for one in said] == [
        None, "coupon_redeemed", None, "offer_limit_reached",
    ]  # fmt: skip
    assert said[0]["coupon_id"] == "o:0"
    assert said[0]["ledger"]["issued"]["expires"] is None
    assert (counts.issued, counts.redeemed) == (2, 2)


def test_with_anyone_nothing_is_given_after_the_offers_end(desk: Desk) -> None:
    ends = {"expiry": {"type": "fixed_date", "at": "2026-11-21T23:59:59+05:30"}}
    desk.ask(create(**COMMON, redeem={"anyone_may_redeem": True}))
    desk.ask(issue("a"), edit(**COMMON, **ends, redeem={"anyone_may_redeem": True}))
    assert desk.reasons(redeem("FESTIVE50", "a"), redeem("FESTIVE50", "b")) == [
        "coupon_expired", "offer_expired",
    ]  # fmt: skip


def test_with_anyone_only_the_audience_is_given_one(desk: Desk) -> None:
    desk.ask(create(**COMMON, redeem={"anyone_may_redeem": True}))
    desk.ask(audience("a"))
    assert desk.reasons(redeem("FESTIVE50", "a"), redeem("FESTIVE50", "b")) == [
        "accepted", "not_recipient",
    ]  # fmt: skip


def test_a_common_code_is_nobody_elses(desk: Desk) -> None:
    # given
    desk.ask(create(**COMMON), create("u", **UPLOADED))
    lead = {"codes": {"type": "unique", "charset": "alphanumeric", "length": 9, "prefix": "FEST"}}
    desk.ask(upload("GIFT-1", offer_id="u"))

    # expect
    assert desk.reasons(create("p", coupons=lead)) == ["code_taken"]
    assert desk.reasons(create("q", **COMMON)) == ["code_taken"]
    assert desk.reasons(upload("festive50", offer_id="u")) == ["code_taken"]
    assert desk.reasons(create("r", coupons={"codes": {"type": "common", "code": "gift1"}})) == [
        "code_taken"
    ]
