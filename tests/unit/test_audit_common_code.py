"""The audit's fold on a common code: each customer's own coupon, or one given with its use."""

from typing import Any

import pytest

from schemas.topics import ISSUE, OFFERS, REDEEM
from tests.unit.audit_story import (
    DAY_1,
    DAY_2,
    UNLIMITED,
    Story,
    created,
    edited,
    issued,
    redeemed,
    request,
    reversed_,
    revoked,
)

COMMON = {"type": "common", "code": "save-10"}


def story_of(*changes: dict[str, Any]) -> Story:
    story = Story()
    created(story, UNLIMITED, {"coupons": {"codes": COMMON}}, *changes)
    return story


def common(*changes: dict[str, Any]) -> Story:
    """c-1 has coupons 0 and 1."""
    story = story_of(*changes)
    issued(story, "i-0", "c-1", 0, 1, code="SAVE10")
    issued(story, "i-1", "c-1", 1, 2, code="SAVE10")
    return story


def used(story: Story, request_id: str, customer: str | None, serial: int | None, totals: Any,
         reason: str | None = None, **more: Any) -> dict[str, Any]:  # fmt: skip
    return redeemed(story, request_id, customer, serial, totals, reason=reason, code="SAVE10",
                    **more)  # fmt: skip


def test_a_common_code_stands_for_the_oldest_coupon_that_can_be_used() -> None:
    story = common()
    used(story, "r-0", "c-1", 0, (1, 1, 1))
    said = used(story, "r-1", "c-1", 1, (1, 2, 2))
    used(story, "r-2", "c-1", 0, None, "coupon_redeemed")
    reversed_(story, "v-0", "r-1", "c-1", 1, (0, 1, 1), code="SAVE10")
    used(story, "r-3", "c-1", 1, (1, 2, 2))
    reversed_(story, "v-1", "r-0", "c-2", None, None, code="SAVE10", reason="redemption_not_found")
    story.passes()

    said["coupon_id"] = "o:0"
    story.fails("r-1", "speaks of coupon 0; due is 1")


def test_the_coupon_nearest_to_its_use_gives_the_reason() -> None:
    """0 is revoked with all of then, 1 is used up, 2 can't be used before December."""
    story = common({"redeem": {"start": {"type": "on_issue"}}})
    used(story, "r-0", "c-1", 0, (1, 1, 1))
    story.told[ISSUE].pop()
    story.told[REDEEM].pop()
    story.sequence = 2
    revoked(story, "k-0", "customers", 1, [0], customers=["c-1"])
    start = {"redeem": {"start": {"type": "from_date", "at": "2026-12-01T00:00:00+05:30"}}}
    edited(story, offer_of(start), 2)
    issued(story, "i-2", "c-1", 1, 2, code="SAVE10", starts="2026-12-01T00:00:00+05:30")[
        "offer_version"
    ] = 2
    said = used(story, "r-1", "c-1", 1, None, "not_started")
    said["offer_version"] = 2
    story.passes()

    said.update(coupon_id="o:0", reason="coupon_revoked")
    story.fails("r-1", "refused as coupon_revoked", "not_started")


def offer_of(*changes: dict[str, Any]) -> dict[str, Any]:
    return created(Story(), UNLIMITED, {"coupons": {"codes": COMMON}}, *changes)


def test_a_customer_without_a_coupon_gets_one_where_anyone_may_redeem() -> None:
    story = common({"redeem": {"anyone_may_redeem": True}, "issue": {"max_total": 3}})
    said = used(story, "r-0", "c-2", 2, (1, 1, 1), given=(DAY_1, None))
    used(story, "r-1", "c-2", 2, None, "coupon_redeemed")
    used(story, "r-2", "c-3", None, None, "offer_limit_reached")
    used(story, "r-3", None, None, None, "customer_required")
    issued(story, "i-2", "c-4", 3, reason="offer_limit_reached")
    story.passes()

    said["ledger"]["issued"]["starts"] += 1
    story.fails("r-0", "gave coupon 2", "due 2")
    del said["ledger"]["issued"]
    story.fails("r-0", "gave coupon 2 with None")


def test_a_newcomer_gets_no_coupon_beyond_the_limits() -> None:
    story = common({"redeem": {"anyone_may_redeem": True}, "issue": {"max_total": 2}})
    used(story, "r-0", "c-2", 2, (1, 1, 1), given=(DAY_1, None))
    story.fails("r-0", "accepted", "offer_limit_reached")

    closed = common({"redeem": {"anyone_may_redeem": True}})
    revoked(closed, "k-0", "unissued", 0, [])
    used(closed, "r-0", "c-2", None, None, "offer_limit_reached")
    closed.passes()


def test_a_newcomer_gets_no_coupon_beside_one_that_can_be_used() -> None:
    story = common({"redeem": {"anyone_may_redeem": True}})
    used(story, "r-0", "c-1", 2, (1, 1, 1), given=(DAY_1, None))

    story.fails("r-0", "speaks of coupon 2; due is 0")


@pytest.mark.parametrize(
    ("changes", "customer", "reason"),
    [
        ({}, "c-2", "not_recipient"),
        ({}, None, "customer_required"),
        ({"redeem": {"anyone_may_redeem": True,
                     "start": {"type": "days_after_issue", "days": 1}}}, "c-2", "not_started"),
        ({"redeem": {"start": {"type": "from_date", "at": DAY_2}}}, None, "not_started"),
        ({"expiry": {"type": "fixed_date", "at": "2026-11-20T00:00:00Z"}}, None, "offer_expired"),
        ({"redeem": {"anyone_may_redeem": True, "bill": {"min": "500.00"}}}, "c-2",
         "bill_amount_out_of_range"),
    ],
)  # fmt: skip
def test_what_refuses_a_customer_without_a_coupon(
    changes: dict[str, Any], customer: str | None, reason: str
) -> None:
    story = story_of(changes)
    said = used(story, "r-0", customer, None, None, reason)
    story.passes()

    said["reason"] = "gap_not_elapsed"
    story.fails("r-0", "refused as gap_not_elapsed", reason)


def test_a_common_code_is_always_found() -> None:
    story = common()
    used(story, "r-0", "c-1", 0, (1, 1, 1))
    said = used(story, "r-1", "c-2", None, None, "code_not_found")
    del said["ledger"]

    story.fails("r-1", "the code SAVE10 was not found", "common")


def test_two_offers_with_the_same_common_code_are_found() -> None:
    story = common()
    created(story, UNLIMITED, {"coupons": {"codes": {"type": "common", "code": "SAVE 10"}}},
            offer_id="p")  # fmt: skip

    story.fails("both have the codes that begin (6, 'SAVE10')")


def test_a_code_that_was_refused_is_another_offers() -> None:
    story = common()
    other = {"type": "unique", "charset": "digits", "length": 6, "prefix": "SA"}
    offer = created(Story(), {"coupons": {"codes": other}}, offer_id="p")
    asked = request("create", "k-9", offer_id="p", actor="a", offer=offer)
    said = story.tell(OFFERS, asked, "code_taken", {"sequence": None}, "p", actor="a")
    said.pop("offer_version")
    story.passes()

    offer["coupons"]["codes"]["length"] = 7
    story.fails("k-9", "refused as code_taken; no other offer has it")


def test_a_common_code_can_not_be_edited() -> None:
    story = common()
    offer = offer_of()
    offer["coupons"]["codes"]["code"] = "save 10"
    edited(story, offer, 2)
    story.passes()

    offer["coupons"]["codes"]["code"] = "SAVE11"
    story.fails("edit-2", "changed coupons.codes, which can't be edited")
