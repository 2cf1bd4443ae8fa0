"""The audit's fold on issuing: expiry of coupons, audiences, other offers received, resending."""

from typing import Any

import pytest

from schemas.topics import ISSUE, OFFERS, REDEEM
from streams.audit.rules import month_end, months_before
from tests.unit.audit_story import (
    DAY_1,
    DAY_2,
    ENDS,
    UNLIMITED,
    Story,
    created,
    day_of,
    issued,
    redeemed,
    request,
    revoked,
)

EARLY, LATE = "2026-11-22T04:29:00.000Z", "2026-11-22T04:29:40.000Z"


def story_of(*changes: dict[str, Any]) -> Story:
    story = Story()
    created(story, UNLIMITED, *changes)
    return story


# Expiry ------------------------------------------------------------------------------------------


def expiring(rule: dict[str, Any], own: str, at: str = DAY_1, ends: str | None = None) -> Story:
    story = story_of({"coupons": {"expiry": rule}})
    issued(story, "i-0", "c-1", 0, 1, at=at, expires=own, ends=ends or own)
    return story


@pytest.mark.parametrize(
    ("rule", "at", "own", "ends"),
    [
        ({"type": "days_after_issue", "days": 0}, DAY_1, "2026-11-21T23:59:59+05:30", None),
        ({"type": "days_after_issue", "days": 3}, DAY_1, "2026-11-24T23:59:59+05:30", None),
        ({"type": "days_after_issue", "days": 60}, DAY_1, "2027-01-20T23:59:59+05:30", ENDS),
        ({"type": "month_ends_after_issue", "months": 1}, DAY_1, "2026-11-30T23:59:59+05:30", None),
        ({"type": "month_ends_after_issue", "months": 2}, DAY_1, "2026-12-31T23:59:59+05:30", None),
        ({"type": "month_ends_after_issue", "months": 4}, DAY_1, "2027-02-28T23:59:59+05:30", ENDS),
        ({"type": "month_ends_after_issue", "months": 1}, "2026-10-31T20:00:00+00:00",
         "2026-11-30T23:59:59+05:30", None),
    ],
)  # fmt: skip
def test_a_coupon_ends_at_the_last_second_of_its_day(
    rule: dict[str, Any], at: str, own: str, ends: str | None
) -> None:
    story = expiring(rule, own, at, ends)
    story.passes()

    story.told[ISSUE][0][1]["ledger"]["expires"] -= 86_400
    story.fails("i-0", "expires")


def test_a_coupon_never_outlives_its_offer_as_shown() -> None:
    rule = {"type": "days_after_issue", "days": 60}
    own = "2027-01-20T23:59:59+05:30"

    expiring(rule, own, ends=own).fails("i-0", "expires")


def test_a_coupon_of_loyalty_without_an_expiry_of_its_own_never_ends() -> None:
    claim = {"claim": {"service": "loyalty", "holder": "h", "ends_at": None}}
    story = story_of(claim)
    issued(story, "i-0", "c-1", 0, 1, ends=None)
    story.told[ISSUE][0][0]["service"] = "loyalty"
    redeemed(story, "r-1", "c-1", 0, (1, 1, 1), "2029-01-01T00:00:00+05:30")
    story.passes()

    story.told[ISSUE][0][1]["expires_at"] = ENDS
    story.fails("i-0", "expires")


def test_a_coupon_past_its_own_end_is_expired() -> None:
    last, over = "2026-11-24T23:59:59+05:30", "2026-11-25T00:00:00+05:30"
    story = expiring({"type": "days_after_issue", "days": 3}, last)
    redeemed(story, "r-1", "c-1", 0, None, over, reason="coupon_expired")
    redeemed(story, "r-2", "c-1", 0, (1, 1, 1), last)
    story.passes()

    forged = expiring({"type": "days_after_issue", "days": 3}, last)
    redeemed(forged, "r-1", "c-1", 0, (1, 1, 1), over)
    forged.fails("r-1", "accepted", "coupon_expired")


@pytest.mark.parametrize(
    ("at", "months", "last"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2024-01-31", 1, "2024-02-29"),
        ("2026-12-05", 1, "2027-01-31"),
        ("2026-11-30", 0, "2026-11-30"),
    ],
)
def test_month_ends(at: str, months: int, last: str) -> None:
    noon = "T12:00:00+05:30"

    assert month_end(day_of(at + noon), months) == day_of(last + noon)


@pytest.mark.parametrize(
    ("at", "months", "before"),
    [
        ("2026-08-31", 6, "2026-02-28"),
        ("2026-08-28", 6, "2026-02-28"),
        ("2026-03-15", 3, "2025-12-15"),
        ("2026-02-28", 24, "2024-02-28"),
    ],
)
def test_months_before(at: str, months: int, before: str) -> None:
    noon = "T12:00:00+05:30"

    assert months_before(day_of(at + noon), months) == day_of(before + noon)


# Audiences ---------------------------------------------------------------------------------------


def audience(story: Story, request_id: str, part: int, parts: int, customers: list[str],
             total: int | None = None) -> dict[str, Any]:  # fmt: skip
    """``total`` where it takes effect."""
    asked = request("set_audience", request_id, offer_id="o", actor="a", part=part, parts=parts,
                    customer_ids=customers)  # fmt: skip
    change: dict[str, Any] = {"customers": sorted(set(customers))}
    more: dict[str, Any] = {"complete": total is not None}
    if total is not None:
        change["audience"], more["total"] = True, total
    return story.tell(OFFERS, asked, None, change, actor="a", part=part, parts=parts,
                      items=len(customers), **more)  # fmt: skip


def test_an_audience_takes_effect_with_its_last_part() -> None:
    story = story_of()
    audience(story, "a-1", 2, 2, ["c-2", "c-3"])
    issued(story, "i-0", "c-9", 0, 1)
    audience(story, "a-2", 1, 2, ["c-1"], 3)
    issued(story, "i-1", "c-3", 1, 1)
    issued(story, "i-2", "c-9", 2, reason="not_in_audience")
    story.passes()

    issued(story, "i-3", "c-9", 2, 2)
    story.fails("i-3", "accepted", "not_in_audience")


def test_a_new_audience_replaces_the_one_before_and_an_empty_one_lifts_it() -> None:
    story = story_of()
    audience(story, "a-1", 1, 1, ["c-1"], 1)
    audience(story, "a-2", 1, 1, ["c-2"], 1)
    issued(story, "i-0", "c-1", 0, reason="not_in_audience")
    issued(story, "i-1", "c-2", 0, 1)
    audience(story, "a-3", 1, 1, [], 0)
    issued(story, "i-2", "c-1", 1, 1)
    story.passes()

    issued(story, "i-3", "c-1", 1, reason="not_in_audience")
    story.fails("i-3", "refused as not_in_audience", "to be accepted")


@pytest.mark.parametrize(
    "parts",
    [
        [(2, 2, ["c-1"]), (1, 3, ["c-2"]), (3, 3, []), (2, 3, [])],
        [(1, 3, ["c-1"]), (2, 3, ["c-1"]), (2, 3, ["c-2"]), (3, 3, []), (1, 3, [])],
    ],
    ids=["another number of parts", "a part that waits already"],
)
def test_a_part_that_does_not_belong_to_what_waits_begins_anew(
    parts: list[tuple[int, int, list[str]]],
) -> None:
    story = story_of()
    for i, (part, of, customers) in enumerate(parts):
        audience(story, f"a-{i}", part, of, customers, 1 if i == len(parts) - 1 else None)
    issued(story, "i-0", "c-1", 0, reason="not_in_audience")
    issued(story, "i-1", "c-2", 0, 1)

    story.passes()


def test_an_audience_that_lacks_parts_is_not_in_effect() -> None:
    story = story_of()
    audience(story, "a-1", 2, 3, ["c-1"], 1)

    story.fails("a-1", "part 2 of 3", "due incomplete")


def test_randomised_codes_have_no_audience() -> None:
    codes = {"coupons": {"codes": {"type": "randomised", "sample": "ab12c"}}}
    story = story_of(codes)
    said = audience(story, "a-1", 1, 1, ["c-1"], 1)
    story.fails("a-1", "accepted", "upload_not_allowed")

    said.update(outcome="rejected", reason="upload_not_allowed")
    story.passes()


# Other offers received ---------------------------------------------------------------------------


def excluding(day: str = DAY_1) -> Story:
    """c-1 receives offer p on the 21st, an hour before offer o excludes its customers."""
    story = story_of({"issue": {"unless_received": {"offers": ["p", "q"], "months": 6}}})
    codes = {"coupons": {"codes": {"type": "unique", "charset": "digits", "length": 6,
                                   "prefix": "9"}}}  # fmt: skip
    created(story, UNLIMITED, codes, offer_id="p")
    issued(story, "p-0", "c-1", 0, 1, at=day, offer_id="p", code="900000", decided_at=EARLY)
    return story


def test_customers_of_another_offer_get_nothing() -> None:
    story = excluding()
    issued(story, "i-0", "c-1", 0, reason="received_excluded_offer")
    issued(story, "i-1", "c-2", 0, 1)
    story.passes()

    issued(story, "i-2", "c-2", 1, reason="received_excluded_offer")
    story.fails("i-2", "received_excluded_offer", "none of p was received")

    forged = excluding()
    issued(forged, "i-0", "c-1", 0, 1)
    forged.fails("i-0", "accepted", "received_excluded_offer", "had received p")


def test_another_offers_issue_that_may_have_come_later_explains_both() -> None:
    """Decided 20 s before: in the same minute nobody knows which was first."""
    for reason in (None, "received_excluded_offer"):
        story = excluding()
        issued(story, "i-0", "c-1", 0, None if reason else 1, reason=reason, decided_at=LATE,
               at=DAY_2)  # fmt: skip
        story.told[ISSUE][0][1]["decided_at"] = "2026-11-22T04:29:20.000Z"
        story.passes()


def test_exactly_so_many_months_later_is_fine_again() -> None:
    early, late = "2026-05-21T10:00:00+05:30", "2026-05-22T10:00:00+05:30"
    for day, reason in ((early, None), (late, "received_excluded_offer")):
        story = excluding(day)
        said = issued(story, "i-0", "c-1", 0, None if reason else 1, reason=reason)
        story.passes()
        if reason is None:
            said.update(outcome="rejected", reason="received_excluded_offer")
            story.fails("i-0", "none of p was received")


def test_other_reasons_stand_before_and_after_what_was_received() -> None:
    story = excluding()
    said = issued(story, "i-0", "c-1", 0, reason="not_claimed_by_service")
    story.told[ISSUE][-1][0]["holder"] = "another"
    story.passes()

    said["reason"] = "received_excluded_offer"
    story.fails("i-0", "to be refused as not_claimed_by_service")

    said["reason"], story.told[ISSUE][-1][0]["holder"] = "codes_exhausted", "h"
    story.fails("i-0", "codes_exhausted", "received_excluded_offer", "had received p")


# Resending ---------------------------------------------------------------------------------------


def resent(
    story: Story, request_id: str, customer: str, serials: list[int], reason: str | None = None
) -> dict[str, Any]:
    text = "Your code {code}"
    asked = request("resend", request_id, DAY_2, offer_id="o", customer_id=customer)
    coupons = [
        {"coupon_id": f"o:{serial}", "code": f"S0000{serial}", "starts_at": DAY_1,
         "expires_at": ENDS, "content": text.replace("{code}", f"S0000{serial}")}
        for serial in serials
    ]  # fmt: skip
    more = {} if reason else {"coupons": coupons, "content": text}
    return story.tell(ISSUE, asked, reason, customer_id=customer, **more)


def resending() -> Story:
    """c-1 has five coupons: 0 is used, 1 revoked, 2 and 4 are good; 3 is c-2's."""
    story = story_of({"issue": {"resend": {"content": "Your code {code}"}}})
    for serial in range(5):
        customer, total = ("c-2", 1) if serial == 3 else ("c-1", min(serial, 3) + 1)
        issued(story, f"i-{serial}", customer, serial, total)
    redeemed(story, "r-0", "c-1", 0, (1, 1, 1))
    revoked(story, "k-0", "customers", 3, [1, 2, 4], customers=["c-1"])
    return story


def test_a_customers_active_coupons_are_sent_again() -> None:
    story = story_of({"issue": {"resend": {"content": "Your code {code}"}}})
    for serial in range(3):
        issued(story, f"i-{serial}", "c-1", serial, serial + 1)
    redeemed(story, "r-0", "c-1", 1, (1, 1, 1))
    said = resent(story, "s-1", "c-1", [0, 2])
    resent(story, "s-2", "c-2", [], "no_active_coupon")
    story.passes()

    said["coupons"][0]["content"] = "Your code"
    story.fails("s-1", "sent coupon 0 with the text")
    said["coupons"][0].update(content="Your code S00000", expires_at=DAY_2)
    story.fails("s-1", "sent coupon 0 with start and expiry")
    said["coupons"].pop(0)
    story.fails("s-1", "sent the coupons [2]", "due [0, 2]")
    said["coupons"] *= 2
    story.fails("s-1", "sent the coupons [2, 2]")


def test_revoked_coupons_are_not_sent_again() -> None:
    story = resending()
    said = resent(story, "s-1", "c-1", [], "no_active_coupon")
    resent(story, "s-2", "c-2", [3])
    story.passes()

    said["reason"] = "resend_not_allowed"
    story.fails("s-1", "refused as resend_not_allowed", "no_active_coupon")


def test_an_offer_without_a_text_sends_nothing_again() -> None:
    story = story_of()
    issued(story, "i-0", "c-1", 0, 1)
    said = resent(story, "s-1", "c-1", [], "resend_not_allowed")
    story.passes()

    said.update(outcome="accepted", reason=None, coupons=[], content="")
    story.fails("s-1", "accepted", "resend_not_allowed")
    assert story.told[REDEEM] == []
