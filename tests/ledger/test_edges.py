"""Every limit at its edge: the last that is allowed, and the first that isn't."""

from typing import Any

import pytest

from tests.ledger.asking import UNLIMITED, claim, edit, reverse, revoke
from tests.ledger.desk import Desk, code_of
from tests.world import create, issue, redeem


def redeemed_at(desk: Desk, code: str, *moments: str, customer_id: str | None = "c-1") -> list[str]:
    return desk.reasons(*(redeem(code, customer_id, occurred_at=at) for at in moments))


# Time --------------------------------------------------------------------------------------------

END = "2026-11-22T23:59:59+05:30"
AROUND_THE_END = [
    ("2026-11-22T23:59:59+05:30", True),
    ("2026-11-22T23:59:59.999+05:30", True),
    ("2026-11-22T18:29:59Z", True),
    ("2026-11-23T00:00:00+05:30", False),
    ("2026-11-22T18:30:00Z", False),
]


@pytest.mark.parametrize(("at", "good"), AROUND_THE_END)
def test_an_offer_ends_with_its_last_second(desk: Desk, at: str, good: bool) -> None:
    desk.ask(create(expiry={"type": "fixed_date", "at": END}))
    code = code_of(desk)
    assert desk.reasons(issue("c-2", occurred_at=at)) == ["accepted" if good else "offer_expired"]
    assert redeemed_at(desk, code, at) == ["accepted" if good else "coupon_expired"]


@pytest.mark.parametrize(("at", "good"), AROUND_THE_END)
def test_an_offer_with_its_campaign_ends_as_the_claim_says(desk: Desk, at: str, good: bool) -> None:
    campaign = {"service": "outbound", "holder": "camp"}
    desk.ask(create(expiry={"type": "with_campaign"}, claim=campaign))
    never = desk.ask(issue("c-1", **campaign))[0]
    assert never["expires_at"] is None
    desk.ask(claim(**campaign, ends_at=END))

    [said] = desk.ask(issue("c-2", **campaign, occurred_at=at))

    assert said["reason"] == (None if good else "offer_expired")
    assert said.get("expires_at") == (END if good else None)
    # issued before the end was set: it holds for all coupons
    expected = "accepted" if good else "coupon_expired"
    assert redeemed_at(desk, never["code"], at) == [expected]


def test_a_moved_end_holds_for_coupons_issued_before(desk: Desk) -> None:
    desk.ask(create(expiry={"type": "fixed_date", "at": END}))
    code = code_of(desk)
    desk.ask(edit(expiry={"type": "fixed_date", "at": "2026-11-24T23:59:59+05:30"}))
    assert redeemed_at(desk, code, "2026-11-24T10:00:00+05:30") == ["accepted"]


def test_coupons_of_a_loyalty_program_do_not_expire_but_the_offer_does(desk: Desk) -> None:
    program = {"service": "loyalty", "holder": "gold"}
    desk.ask(create(expiry={"type": "fixed_date", "at": END}, claim=program))
    [issued] = desk.ask(issue("c-1", **program))
    assert issued["expires_at"] is None
    assert redeemed_at(desk, issued["code"], "2027-06-01T00:00:00Z") == ["accepted"]
    late = issue("c-2", **program, occurred_at="2026-11-23T00:00:00+05:30")
    assert desk.reasons(late) == ["offer_expired"]


@pytest.mark.parametrize(
    ("start", "starts_at", "before"),
    [
        ({"type": "on_issue"}, "2026-11-21T10:00:00+05:30", "2026-11-21T09:59:59+05:30"),
        (
            {"type": "days_after_issue", "days": 0},
            "2026-11-21T00:00:00+05:30",
            "2026-11-20T23:59:59+05:30",
        ),
        (
            {"type": "days_after_issue", "days": 2},
            "2026-11-23T00:00:00+05:30",
            "2026-11-22T18:29:59Z",
        ),
        (
            {"type": "from_date", "at": "2026-11-24T09:00:00Z"},
            "2026-11-24T14:30:00+05:30",
            "2026-11-24T14:29:59.999+05:30",
        ),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_a_coupon_starts_with_its_first_second(
    desk: Desk, start: dict[str, Any], starts_at: str, before: str
) -> None:
    desk.ask(create(redeem={"start": start}))
    [issued] = desk.ask(issue("c-1"))
    assert issued["starts_at"] == starts_at
    assert redeemed_at(desk, issued["code"], before, starts_at) == ["not_started", "accepted"]


def test_a_new_rule_of_start_holds_for_coupons_issued_later(desk: Desk) -> None:
    desk.ask(create())
    early = code_of(desk)
    desk.ask(edit(redeem={"start": {"type": "from_date", "at": "2026-12-01T00:00:00+05:30"}}))
    late = code_of(desk)
    now = "2026-11-22T10:00:00+05:30"
    assert redeemed_at(desk, early, now) + redeemed_at(desk, late, now) == [
        "accepted",
        "not_started",
    ]


# Counts ------------------------------------------------------------------------------------------


def test_each_customer_is_issued_as_many_as_allowed(desk: Desk) -> None:
    desk.ask(create(issue={"max_per_customer": 2}))
    assert desk.reasons(*[issue("c-1")] * 1, issue("c-1"), issue("c-1"), issue("c-2")) == [
        "accepted",
        "accepted",
        "customer_limit_reached",
        "accepted",
    ]


def test_an_offer_issues_as_many_as_allowed_whoever_asks(desk: Desk) -> None:
    desk.ask(create(issue={"max_total": 3}))
    first = desk.reasons(*(issue(f"c-{n}") for n in range(2)), partition=0)
    then = desk.reasons(*(issue(f"d-{n}") for n in range(2)), partition=1)
    assert first + then == ["accepted"] * 3 + ["offer_limit_reached"]


def test_revoked_coupons_still_count_as_issued(desk: Desk) -> None:
    desk.ask(create(issue={"max_per_customer": 1}))
    desk.ask(issue("c-1"), revoke("customers", "c-1"))
    assert desk.reasons(issue("c-1")) == ["customer_limit_reached"]


@pytest.mark.parametrize("uses", [1, 3])
def test_a_coupon_is_used_as_often_as_allowed(desk: Desk, uses: int) -> None:
    desk.ask(create(redeem={"uses_per_coupon": uses}))
    said = desk.reasons(*(redeem(code, "c-1") for code in [code_of(desk)] * (uses + 1)))
    assert said == ["accepted"] * uses + ["coupon_redeemed"]


def test_each_customer_redeems_as_often_as_allowed_with_any_coupons(desk: Desk) -> None:
    desk.ask(create(redeem={"max_per_customer": 2}))
    codes = [code_of(desk) for _ in range(3)]
    assert desk.reasons(*(redeem(code, "c-1") for code in codes)) == [
        "accepted",
        "accepted",
        "customer_limit_reached",
    ]


def test_an_offer_is_redeemed_as_often_as_allowed(desk: Desk) -> None:
    desk.ask(create(redeem={"max_total": 2, **UNLIMITED}))
    codes = {f"c-{n}": code_of(desk, f"c-{n}") for n in range(3)}
    said = desk.ask(*(redeem(code, customer_id) for customer_id, code in codes.items()))
    assert [one["reason"] for one in said] == [None, None, "offer_limit_reached"]
    assert [one["totals"]["offer"] for one in said[:2]] == [1, 2]
    assert "totals" not in said[2]


def test_all_codes_are_given_and_then_no_more(desk: Desk) -> None:
    codes = {"type": "unique", "charset": "digits", "length": 4, "prefix": "70"}
    desk.ask(create(coupons={"codes": codes}))
    said = desk.ask(*(issue(f"c-{n}") for n in range(101)))
    assert {one.get("code") for one in said[:100]} == {f"70{n:02}" for n in range(100)}
    assert said[100]["reason"] == "codes_exhausted"


def test_anyone_may_redeem_where_the_offer_says_so(desk: Desk) -> None:
    desk.ask(create(redeem={"anyone_may_redeem": True, "max_per_customer": 1, **UNLIMITED}))
    code = code_of(desk)
    said = desk.ask(*(redeem(code, who) for who in ("c-1", "c-2", "c-2", None, None)))
    assert [one["reason"] for one in said] == [None, None, "customer_limit_reached", None, None]
    assert [one["totals"]["customer"] for one in said if not one["reason"]] == [1, 1, None, None]


# Gaps: days of the organisation's calendar -------------------------------------------------------

GAPS = [
    (1, "2026-11-22T00:00:00+05:30", "2026-11-22T23:59:59+05:30", False),
    (1, "2026-11-22T23:59:59+05:30", "2026-11-23T00:00:00+05:30", True),
    (1, "2026-11-22T18:29:59Z", "2026-11-22T18:30:00Z", True),
    (2, "2026-11-22T10:00:00+05:30", "2026-11-23T23:59:59+05:30", False),
    (2, "2026-11-22T10:00:00+05:30", "2026-11-24T00:00:00+05:30", True),
    (2, "2026-11-24T00:00:00+05:30", "2026-11-22T23:59:59+05:30", True),
    (2, "2026-11-23T00:00:00+05:30", "2026-11-22T23:59:59+05:30", False),
]


@pytest.mark.parametrize(("gap_days", "first", "second", "good"), GAPS)
def test_gaps_count_days(desk: Desk, gap_days: int, first: str, second: str, good: bool) -> None:
    rules = {"min_gap_days": gap_days}
    start = {"type": "from_date", "at": "2026-11-01T00:00:00Z"}
    desk.ask(create(issue=rules, redeem={**rules, **UNLIMITED, "start": start}))

    issued = desk.ask(issue("c-1", occurred_at=first), issue("c-1", occurred_at=second))
    redeemed = redeemed_at(desk, issued[0]["code"], first, second)

    expected = ["accepted", "accepted" if good else "gap_not_elapsed"]
    assert [one["reason"] or "accepted" for one in issued] == redeemed == expected


def test_after_a_reversal_the_gap_counts_from_what_still_stands(desk: Desk) -> None:
    desk.ask(create(redeem={"min_gap_days": 2, **UNLIMITED}))
    code = code_of(desk)
    desk.ask(redeem(code, "c-1", request_id="r-1", occurred_at="2026-11-22T10:00:00+05:30"))
    desk.ask(redeem(code, "c-1", request_id="r-2", occurred_at="2026-11-26T10:00:00+05:30"))

    assert desk.reasons(reverse(code, "r-1")) == ["accepted"]

    assert redeemed_at(desk, code, "2026-11-25T10:00:00+05:30") == ["gap_not_elapsed"]
    assert redeemed_at(desk, code, "2026-11-22T10:00:00+05:30") == ["accepted"]


# Codes as tills send them ------------------------------------------------------------------------


def test_codes_are_matched_without_case_spaces_and_hyphens(desk: Desk) -> None:
    desk.ask(create(redeem=UNLIMITED))
    code = code_of(desk)
    for written in (code.lower(), f"{code[:4]}-{code[4:]}", f" {code[:2]} {code[2:]} "):
        [said] = desk.ask(redeem(written, "c-1"))
        assert (said["outcome"], said["code"]) == ("accepted", code)


@pytest.mark.parametrize("charset", ["digits", "alphanumeric"])
def test_a_guess_beyond_all_serials_is_no_code(desk: Desk, charset: str) -> None:
    # 10**22 and 36**22 possible codes: more than the ledger can count
    codes = {"type": "unique", "charset": charset, "length": 24, "prefix": "77"}
    desk.ask(create(coupons={"codes": codes}))
    code = code_of(desk)
    assert desk.reasons(redeem("77" + "9" * 22, "c-1"), redeem(code, "c-1")) == [
        "code_not_found",
        "accepted",
    ]


# Claims ------------------------------------------------------------------------------------------


def test_only_who_has_claimed_an_offer_issues_it(desk: Desk) -> None:
    desk.ask(create(claim=None))
    assert desk.reasons(
        issue("c-1"),
        claim("dvs", "h"),
        issue("c-1", service="timeline"),
        issue("c-1", holder="i"),
        issue("c-1"),
    ) == ["not_claimed_by_service", "accepted", *["not_claimed_by_service"] * 2, "accepted"]


def test_a_campaign_has_one_offer_and_other_holders_many(desk: Desk) -> None:
    desk.ask(create(claim=None), create("p", claim=None))
    many = [claim(kind, "h", name) for kind in ("dvs",) for name in ("o", "p")]
    assert desk.reasons(*many) == ["accepted"] * 2
    desk.ask(create("q", claim=None), create("r", claim=None))
    first, second = (claim("outbound", "camp", name) for name in ("q", "r"))
    assert desk.reasons(first, second, claim("outbound", "camp", "q")) == [
        "accepted",
        "campaign_has_offer",
        "accepted",
    ]


@pytest.mark.parametrize(
    ("taken", "wanted", "free"),
    [("AB", "AB", False), ("AB", "ABC", False), ("ABC", "AB", False), ("ABC", "ABD", True)],
)
def test_no_lead_begins_another(desk: Desk, taken: str, wanted: str, free: bool) -> None:
    first, second = (
        create(name, coupons={"codes": {"type": "unique", "charset": "digits", "length": 8,
                                        "prefix": prefix}})
        for name, prefix in (("o", taken), ("p", wanted))
    )  # fmt: skip
    assert desk.reasons(first, second) == ["accepted", "accepted" if free else "code_taken"]


def test_an_offer_code_that_was_given_up_is_free_again(desk: Desk) -> None:
    assert desk.reasons(
        create(offer_code="A"),
        create("p", offer_code="A"),
        edit(offer_code="B"),
        create("p", offer_code="A"),
        edit(offer_code="A"),
    ) == ["accepted", "offer_code_taken", "accepted", "accepted", "offer_code_taken"]


def test_limits_lowered_below_what_is_used_stop_further_use_only(desk: Desk) -> None:
    desk.ask(create(redeem=UNLIMITED))
    code = code_of(desk)
    for _ in range(3):
        desk.ask(redeem(code, "c-1"))
    desk.ask(edit(redeem={"max_total": 1, **UNLIMITED}))
    assert desk.reasons(redeem(code, "c-1")) == ["offer_limit_reached"]
    desk.ask(edit(redeem={"max_total": 4, **UNLIMITED}))
    [said] = desk.ask(redeem(code, "c-1"))
    assert said["totals"]["offer"] == 4


# Records and calls beyond what Lua hands over at once ---------------------------------------------


def test_a_call_has_more_requests_than_are_unpacked_at_once(desk: Desk) -> None:
    # when 900 coupons are issued in a call, and redeemed in another: 18,000 values, 7,500 at once
    desk.ask(create(redeem=UNLIMITED))
    given = desk.ask(*(issue(f"c-{n}") for n in range(900)))
    used = desk.ask(*(redeem(one["code"], one["customer_id"]) for one in given))

    # then each is the customer's own, and they count one after the other
    assert [one["customer_id"] for one in given] == [f"c-{n}" for n in range(900)]
    assert [one["coupon_id"] for one in used] == [one["coupon_id"] for one in given]
    assert [one["totals"] for one in used] == [
        {"coupon": 1, "customer": 1, "offer": n} for n in range(1, 901)
    ]


def test_a_coupon_and_its_customer_may_have_thousands_of_redemptions(desk: Desk) -> None:
    # given a coupon used 1,400 times, on 7 days, and a customer with 2,200 coupons
    desk.ask(create(redeem=UNLIMITED))
    code = code_of(desk)
    for first in range(0, 1400, 100):
        at = f"2026-11-{first // 200 + 22}T10:00:00+05:30"
        uses = [
            redeem(code, "c-1", request_id=f"r-{n}", occurred_at=at)
            for n in range(first, first + 100)
        ]
        assert set(desk.reasons(*uses)) == {"accepted"}
    for _ in range(11):
        assert set(desk.reasons(*(issue("c-1") for _ in range(200)))) == {"accepted"}

    # then the next of each counts them all, and a redemption in the middle can be undone
    for again in (False, True):
        if again:
            desk.restore()
        [used] = desk.ask(redeem(code, "c-1", request_id=f"again-{again}"))
        assert used["totals"] == {"coupon": 1401, "customer": 1401, "offer": 1401}
        [undone] = desk.ask(reverse(code, f"again-{again}"))
        assert undone["totals"] == {"coupon": 1400, "customer": 1400, "offer": 1400}
        [given] = desk.ask(issue("c-1"))
        assert given["totals"]["customer"] == 2202 + again
    assert desk.ask(reverse(code, "r-700"))[0]["totals"]["coupon"] == 1399
