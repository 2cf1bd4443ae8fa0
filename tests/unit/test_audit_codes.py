"""The audit's fold on generated codes: what they look like, and exports without a recipient."""

from typing import Any

import pytest

from schemas.times import to_second
from schemas.topics import OFFERS, REVOKE
from tests.unit.audit_story import (
    DAY_1,
    ENDS,
    UNLIMITED,
    Story,
    created,
    day_of,
    issued,
    redeemed,
    request,
    reversed_,
    revoked,
)


def story_of(codes: dict[str, Any], *changes: dict[str, Any], **more: Any) -> Story:
    story = Story()
    created(story, UNLIMITED, {"coupons": {"codes": codes, **more}}, *changes)
    return story


# Generated ones ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codes", "right", "wrong"),
    [
        ({"type": "randomised", "sample": "ab-12c"}, "AB9Z0", "AC9Z0"),
        ({"type": "randomised", "sample": "12345"}, "12999", "1299A"),
        ({"type": "randomised", "sample": "abcdef"}, "ABCZZZ", "ABCZZ1"),
        ({"type": "randomised", "sample": "abcdef"}, "ABCZZZ", "ABCZZZZ"),
        ({"type": "unique", "charset": "alphanumeric", "length": 6, "prefix": "SO",
          "no_lookalikes": True}, "SO2Z3A", "SO2Z3L"),
        ({"type": "unique", "charset": "digits", "length": 6, "prefix": "SO"}, "SO0011", "SO001A"),
    ],
)  # fmt: skip
def test_a_code_looks_as_its_offer_says(codes: dict[str, Any], right: str, wrong: str) -> None:
    story = story_of(codes)
    said = issued(story, "i-0", "c-1", 0, 1, code=right)
    story.passes()

    said["code"] = wrong
    story.fails("i-0", wrong, "which is none of this offer's")


def test_randomised_codes_run_out() -> None:
    """3 digits after the lead: 1,000 codes; 999 are exported."""
    story = story_of({"type": "randomised", "sample": "12345"}, delivery="third_party")
    exported(story, "x-0", 0, 999)
    issued(story, "i-0", "c-1", 999, 1, code="12001")
    issued(story, "i-1", "c-2", 1000, reason="codes_exhausted")
    story.passes()

    issued(story, "i-2", "c-3", 1000, 1, code="12002")
    story.fails("i-2", "accepted", "codes_exhausted")


# Exports -----------------------------------------------------------------------------------------


def exported(
    story: Story,
    request_id: str,
    first: int,
    count: int,
    *,
    reason: str | None = None,
    ends: str = ENDS,
) -> dict[str, Any]:
    asked = request("export", request_id, offer_id="o", actor="a", count=count)
    if reason:
        return story.tell(OFFERS, asked, reason, actor="a")
    change = {"first": first, "count": count, "day": day_of(DAY_1), "starts": to_second(DAY_1),
              "expires": None}  # fmt: skip
    totals = {"customer": None, "offer": first + count}
    return story.tell(OFFERS, asked, None, change, actor="a", first=first, count=count,
                      starts_at=DAY_1, expires_at=ends, totals=totals)  # fmt: skip


UNIQUE = {"type": "unique", "charset": "alphanumeric", "length": 6, "prefix": "S"}


def exporting(*changes: dict[str, Any]) -> Story:
    """Coupon 0 is c-1's, 1 to 5 are exported."""
    story = story_of(UNIQUE, *changes, delivery="third_party")
    issued(story, "i-0", "c-1", 0, 1)
    exported(story, "x-0", 1, 5)
    return story


def test_an_export_takes_the_next_serials() -> None:
    story = exporting()
    issued(story, "i-1", "c-1", 6, 2)
    story.passes()

    said = story.told[OFFERS][1][1]
    for where in (said, said["ledger"]):
        where["first"] = 2
    story.fails("x-0", "begins with the serial 2, the next is 1")


def test_an_export_may_take_the_last_ones() -> None:
    story = story_of(UNIQUE, {"issue": {"max_total": 6}}, delivery="third_party")
    exported(story, "x-0", 0, 6)

    story.passes()


def test_an_export_gives_as_many_as_were_asked_for() -> None:
    story = exporting()
    story.told[OFFERS][1][0]["count"] = 6

    story.fails("x-0", "gave 5 codes of 6")


@pytest.mark.parametrize(
    ("changes", "delivery", "reason"),
    [
        ({"issue": {"max_total": 5}}, "third_party", "offer_limit_reached"),
        ({"claim": None}, "third_party", "not_claimed_by_service"),
        ({"expiry": {"type": "fixed_date", "at": "2026-11-20T00:00:00Z"}}, "third_party",
         "offer_expired"),
        ({"coupons": {"codes": {"type": "randomised", "sample": "1234567"},
                      "delivery": "ours"}}, "ours", "invalid_offer"),
    ],
)  # fmt: skip
def test_an_export_is_refused(changes: dict[str, Any], delivery: str, reason: str) -> None:
    story = story_of(UNIQUE, changes, delivery=delivery)
    exported(story, "x-0", 0, 6, reason=reason)
    story.passes()

    forged = story_of(UNIQUE, changes, delivery=delivery)
    exported(forged, "x-0", 0, 6)
    forged.fails("x-0", "accepted", reason)

    idle = exporting()
    exported(idle, "x-1", 6, 1, reason=reason)
    idle.fails("x-1", f"refused as {reason}", "to be accepted")


def test_who_redeems_an_exported_coupon_first_becomes_its_recipient() -> None:
    story = exporting({"redeem": {"uses_per_coupon": "unlimited"}})
    redeemed(story, "r-0", None, 3, None, code="SAAAAA", reason="customer_required")
    redeemed(story, "r-1", "c-7", 3, (1, 1, 1), code="SAAAAA")
    redeemed(story, "r-2", "c-8", 3, None, code="SAAAAA", reason="not_recipient")
    reversed_(story, "v-1", "r-1", "c-7", 3, (0, 0, 0), code="SAAAAA")
    redeemed(story, "r-3", "c-8", 3, (1, 1, 1), code="SAAAAA")
    last = redeemed(story, "r-4", "c-7", 3, None, code="SAAAAA", reason="not_recipient")
    story.passes()

    last.update(outcome="accepted", reason=None)
    last["totals"] = {"coupon": 2, "customer": 1, "offer": 2}
    last["discount"] = {"amount": "15.00", "currency": "INR", "lines": ["15.00"]}
    last["ledger"] |= {"day": day_of(DAY_1), "discount_minor": 1500, "bill_minor": 14995}
    story.fails("r-4", "accepted", "not_recipient")


def test_a_stranger_may_not_redeem_what_has_a_recipient_and_anyone_may_what_has_none() -> None:
    story = exporting({"redeem": {"anyone_may_redeem": True}})
    redeemed(story, "r-0", None, 3, (1, None, 1), code="SAAAAA")
    story.passes()

    redeemed(story, "r-1", None, 4, None, code="SBBBBB", reason="customer_required")
    story.fails("r-1", "refused as customer_required", "to be accepted")


@pytest.mark.parametrize(
    ("code", "serial"), [("SAAAAA", 2), ("SBBBBB", 1), ("SBBBBB", 6), ("SBBBBB", 0), ("X00001", 2)]
)
def test_an_exported_code_is_always_of_the_same_coupon(code: str, serial: int) -> None:
    """SAAAAA showed itself as coupon 1's; 0 is c-1's, and 6 was never given."""
    story = exporting()
    redeemed(story, "r-0", "c-1", 1, (1, 1, 1), code="SAAAAA")
    redeemed(story, "r-1", "c-2", serial, None, code=code, reason="coupon_redeemed")

    story.fails("r-1", f"speaks of coupon {serial}", code)


def test_revoking_a_customer_ends_what_became_theirs() -> None:
    story = exporting({"redeem": {"uses_per_coupon": 2}})
    redeemed(story, "r-0", "c-7", 3, (1, 1, 1), code="SAAAAA")
    revoked(story, "k-0", "customers", 1, [3], customers=["c-7"])
    story.passes()

    said = story.told[REVOKE][0][1]
    said.update(revoked=0)
    said["ledger"].update(revoked=[])
    story.fails("k-0", "left [3] that are")


def test_revoking_a_customer_leaves_what_has_become_anothers() -> None:
    """c-7's redemption is reversed: the coupon is c-8's, who redeemed it next."""
    story = exporting({"redeem": {"uses_per_coupon": 3, "anyone_may_redeem": True}})
    redeemed(story, "r-0", "c-7", 3, (1, 1, 1), code="SAAAAA")
    redeemed(story, "r-1", "c-8", 3, (2, 1, 2), code="SAAAAA")
    reversed_(story, "v-0", "r-0", "c-7", 3, (1, 0, 1), code="SAAAAA")
    said = revoked(story, "k-0", "customers", 0, [], customers=["c-7"])
    story.passes()

    said.update(revoked=1)
    said["ledger"].update(revoked=[3])
    story.fails("k-0", "ended coupons [3] that are not to be ended")


def test_a_redeemed_exported_code_is_found_again() -> None:
    story = exporting()
    redeemed(story, "r-0", "c-1", 1, (1, 1, 1), code="SAAAAA")
    said = redeemed(story, "r-1", "c-1", None, None, code="SAAAAA", reason="code_not_found")
    del said["ledger"]
    story.sequence -= 1

    story.fails("r-1", "the code SAAAAA was not found")
