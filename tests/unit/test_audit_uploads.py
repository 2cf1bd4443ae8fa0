"""The audit's fold on uploaded codes, their stock, and uploaded stores."""

from typing import Any

import pytest

from schemas.times import to_second
from schemas.topics import OFFERS, REVOKE
from tests.unit.audit_story import (
    DAY_1,
    UNLIMITED,
    Story,
    created,
    day_of,
    edited,
    issued,
    offer_with,
    redeemed,
    request,
    revoked,
)

UPLOADED = {"coupons": {"codes": {"type": "uploaded"}}}


def story_of(*changes: dict[str, Any]) -> Story:
    story = Story()
    created(story, UNLIMITED, UPLOADED, *changes)
    return story


def uploaded(
    story: Story,
    request_id: str,
    first: int,
    stock_first: int,
    *codes: str,
    part: tuple[int, int] = (1, 1),
    ranges: list[list[int]] | None = None,
    stock: int | None = None,
    offer_id: str = "o",
    total: int | None = None,
    reason: str | None = None,
) -> dict[str, Any]:
    """``codes``: "code" or "code customer". ``ranges`` and ``stock`` where it takes effect."""
    items = [[*code.split(), ""][:2] for code in codes]
    asked = [{"code": code.lower(), "customer_id": owner or None} for code, owner in items]
    of = {"part": part[0], "parts": part[1]}
    sent = request("upload_codes", request_id, offer_id=offer_id, actor="a", codes=asked, **of)
    if reason:
        return story.tell(OFFERS, sent, reason, offer_id=offer_id, actor="a")
    change: dict[str, Any] = {"first": first, "stock_first": stock_first, "codes": items}
    more: dict[str, Any] = {"items": len(items), "complete": stock is not None}
    if stock is not None:
        change |= {"ranges": ranges or [[first, len(items)]], "stock": stock, "expires": None,
                   "day": day_of(DAY_1), "starts": to_second(DAY_1)}  # fmt: skip
        more["total"] = len(items) if total is None else total
    return story.tell(OFFERS, sent, None, change, offer_id, actor="a", **of, **more)


def stocked() -> Story:
    """Free codes A1 and A3 (stock 0 and 1); A2 is c-1's. c-2 gets A1."""
    story = story_of()
    uploaded(story, "u-0", 0, 0, "A1", "A2 c-1", "A3", stock=2)
    issued(story, "i-0", "c-2", 0, 1, code="A1", stock=1, offer_total=2)
    return story


def test_free_codes_are_given_in_the_order_of_the_stock() -> None:
    story = stocked()
    said = issued(story, "i-1", "c-1", 2, 2, code="A3", stock=2, offer_total=3)
    issued(story, "i-2", "c-3", 0, reason="codes_exhausted")
    redeemed(story, "r-0", "c-1", 1, (1, 1, 1), code="A2")
    redeemed(story, "r-1", "c-2", 0, (1, 1, 2), code="A1")
    redeemed(story, "r-2", "c-2", 2, None, code="A3", reason="not_recipient")
    story.passes()

    said["code"] = "A2"
    story.fails("i-1", "got (2, 2, 'A2')", "due (2, 2, 'A3')")
    said.update(code="A2", coupon_id="o:1")
    story.fails("i-1", "got coupon 1, which customer c-1 has")


def test_a_stock_that_is_not_empty_is_given() -> None:
    story = stocked()
    issued(story, "i-1", "c-3", 0, reason="codes_exhausted")

    story.fails("i-1", "refused as codes_exhausted", "to be accepted")


def test_a_code_with_a_customer_counts_as_issued_to_them() -> None:
    story = story_of({"issue": {"max_per_customer": 1, "max_total": 3}})
    uploaded(story, "u-0", 0, 0, "A1", "A2 c-1", "A3 c-1", stock=1)
    issued(story, "i-0", "c-1", 0, reason="customer_limit_reached")
    issued(story, "i-1", "c-2", 0, 1, code="A1", stock=1, offer_total=3)
    issued(story, "i-2", "c-3", 0, reason="offer_limit_reached")
    story.passes()

    forged = story_of({"issue": {"max_per_customer": 1}})
    uploaded(forged, "u-0", 0, 0, "A1", "A2 c-1", "A3 c-1", stock=1)
    issued(forged, "i-0", "c-1", 0, 3, code="A1", stock=1, offer_total=3)
    forged.fails("i-0", "accepted", "customer_limit_reached")


def test_codes_are_there_with_the_last_part() -> None:
    story = story_of()
    uploaded(story, "u-0", 0, 0, "A1", "A2", part=(2, 2))
    issued(story, "i-0", "c-1", 0, reason="codes_exhausted")
    last = uploaded(story, "u-1", 2, 2, "A3", part=(1, 2), ranges=[[0, 2], [2, 1]], stock=3,
                    total=3)  # fmt: skip
    issued(story, "i-1", "c-1", 0, 1, code="A1", stock=1, offer_total=1)
    story.passes()

    last["ledger"]["ranges"] = [[2, 1]]
    story.fails("u-1", "put the codes [[2, 1]] in effect")
    last["ledger"].update(ranges=[[0, 3]], stock=2)
    story.fails("u-1", "took effect with", "due")
    last.update(complete=False)
    story.fails("u-1", "part 1 of 2, incomplete; due complete, 3 items")


def test_codes_of_an_upload_that_was_given_up_are_skipped() -> None:
    """The first part waits for another that never comes; its codes may come again."""
    story = story_of()
    uploaded(story, "u-0", 0, 0, "A1", "A2", part=(1, 2))
    uploaded(story, "u-1", 2, 2, "A2", "A3", stock=4)
    said = issued(story, "i-0", "c-1", 2, 1, code="A2", stock=3, offer_total=1)
    story.passes()

    said.update(coupon_id="o:0", code="A1")
    said["ledger"]["stock"] = 1
    story.fails("i-0", "got (1, 0, 'A1')", "due (3, 2, 'A2')")


def test_a_code_is_uploaded_once() -> None:
    story = stocked()
    said = uploaded(story, "u-1", 3, 2, "A4", "A3", reason="code_taken")
    said["taken"] = ["A3"]
    story.passes()

    said["taken"] = ["A4"]
    story.fails("u-1", "no offer has the code A4")
    said["taken"] = []
    story.fails("u-1", "no code is named")

    twice = stocked()
    uploaded(twice, "u-1", 3, 2, "A4", "A3", stock=4)
    twice.fails("u-1", "took the code A3, which it has already")


@pytest.mark.parametrize(("code", "taken"), [("S00001", True), ("X00001", False)])
def test_an_uploaded_code_is_no_other_offers(code: str, taken: bool) -> None:
    """Offer p has codes of 6 characters that begin with S."""
    accepted, refused = story_of(), story_of()
    for story in (accepted, refused):
        created(story, UNLIMITED, offer_id="p")
    uploaded(accepted, "u-1", 0, 0, code, stock=1)
    uploaded(refused, "u-1", 0, 0, code, reason="code_taken")["taken"] = [code]

    right, forged = (refused, accepted) if taken else (accepted, refused)
    right.passes()
    forged.fails(f"code {code}")


def test_a_code_belongs_to_one_offer() -> None:
    story = stocked()
    created(story, UNLIMITED, UPLOADED, offer_id="p")
    uploaded(story, "u-1", 0, 0, "A2", stock=1, offer_id="p")

    story.fails("the code A2 was uploaded to offer p", "offer o")


def test_generated_codes_are_not_uploaded() -> None:
    story = Story()
    created(story)
    said = uploaded(story, "u-0", 0, 0, "A1", reason="upload_not_allowed")
    story.passes()

    said.update(outcome="accepted", reason=None, part=1, parts=1, items=1, complete=False)
    said["ledger"] |= {"first": 0, "stock_first": 0, "codes": [["A1", ""]]}
    story.fails("u-0", "accepted", "upload_not_allowed")


@pytest.mark.parametrize(("name", "wrong"), [("first", 4), ("stock_first", 1)])
def test_codes_follow_those_before(name: str, wrong: int) -> None:
    story = stocked()
    said = uploaded(story, "u-1", 3, 2, "A4", stock=3)
    story.passes()

    said["ledger"][name] = wrong
    story.fails("u-1", "put codes at", "due (3, 2)")


def test_what_was_kept_is_what_was_asked_for() -> None:
    story = stocked()
    story.told[OFFERS][1][0]["codes"][0]["code"] = "A9"

    story.fails("u-0", "isn't its request's in codes")


def test_codes_for_a_third_party_are_issued_without_a_recipient() -> None:
    story = story_of({"coupons": {"delivery": "third_party"}})
    uploaded(story, "u-0", 0, 0, "A1", "A2 c-1", stock=0)
    redeemed(story, "r-0", None, 0, None, code="A1", reason="customer_required")
    redeemed(story, "r-1", "c-2", 1, None, code="A2", reason="not_recipient")
    redeemed(story, "r-2", "c-2", 0, (1, 1, 1), code="A1")
    issued(story, "i-0", "c-3", 0, reason="codes_exhausted")
    story.passes()

    redeemed(story, "r-3", "c-3", 0, None, code="A1", reason="customer_required")
    story.fails("r-3", "refused as customer_required", "coupon_redeemed")


def test_revoking_what_is_not_issued_empties_the_stock() -> None:
    story = stocked()
    revoked(story, "k-0", "unissued", 0, [], stock=2)
    issued(story, "i-1", "c-3", 0, reason="codes_exhausted")
    uploaded(story, "u-1", 3, 2, "A4", stock=3)
    issued(story, "i-2", "c-3", 3, 1, code="A4", stock=3, offer_total=3)
    story.passes()

    story.told[REVOKE][0][1]["ledger"]["stock"] = 1
    story.fails("k-0", "stock 1", "due (0, None, [], 2)")


def test_revoking_what_is_not_redeemed_reaches_to_the_end_of_what_is_in_effect() -> None:
    story = stocked()
    uploaded(story, "u-1", 3, 2, "A4", part=(1, 2))
    redeemed(story, "r-0", "c-2", 0, (1, 1, 1), code="A1")
    said = revoked(story, "k-0", "unredeemed", None, [], watermark=3, stock=2)
    redeemed(story, "r-1", "c-1", 1, None, code="A2", reason="coupon_revoked")
    free = redeemed(story, "r-2", "c-1", None, None, code="A3", reason="coupon_revoked")
    story.passes()

    said["ledger"]["watermark"] = 4
    story.fails("k-0", "watermark 4", "due (None, 3, [], 2)")
    said["ledger"]["watermark"] = 3
    free["reason"] = "coupon_expired"
    story.fails("r-2", "refused as coupon_expired", "coupon_revoked")


def test_a_free_code_is_no_coupon_yet() -> None:
    story = stocked()
    redeemed(story, "r-0", "c-1", 2, (1, 1, 1), code="A3")

    story.fails("r-0", "speaks of coupon 2")


def test_an_uploaded_code_that_is_a_coupons_is_found() -> None:
    story = stocked()
    redeemed(story, "r-0", "c-1", 1, (1, 1, 1), code="A2")
    said = redeemed(story, "r-1", "c-2", None, None, code="A1", reason="code_not_found")
    del said["ledger"]
    story.fails("r-1", "the code A1 was not found", "customer c-2")


# Stores ------------------------------------------------------------------------------------------


def stores(
    story: Story,
    request_id: str,
    ids: list[str],
    offer: dict[str, Any] | None,
    part: tuple[int, int] = (1, 1),
    total: int = 0,
    version: int = 1,
) -> dict[str, Any]:
    """``offer``: what it became, with the last part."""
    of = {"part": part[0], "parts": part[1]}
    asked = request("set_stores", request_id, offer_id="o", actor="a", store_ids=ids, **of)
    more: dict[str, Any] = {"items": len(ids), "complete": offer is not None}
    change: dict[str, Any] = {"stores": ids}
    if offer is not None:
        more |= {"offer": offer, "total": total}
        change["number"] = 1
    said = story.tell(OFFERS, asked, None, change, actor="a", **of, **more)
    said["offer_version"] = version
    return said


def in_stores(*ids: str) -> dict[str, Any]:
    places = {"stores": list(ids), "zones": ["north"]}
    return offer_with(UNLIMITED, {"redeem": {"org_entities": places}})


def test_uploaded_stores_make_a_new_version() -> None:
    story = Story(tills=[("t", 0, {"store_id": "s-3"})])
    created(story, UNLIMITED, {"redeem": {"org_entities": {"stores": ["s-0"], "zones": ["north"]}}})
    issued(story, "i-0", "c-1", 0, 1)
    redeemed(story, "r-0", "c-1", 0, None, reason="store_not_allowed")
    stores(story, "s-1", ["s-3"], None, (2, 2))
    redeemed(story, "r-1", "c-1", 0, None, reason="store_not_allowed")
    last = stores(story, "s-2", ["s-2"], in_stores("s-2", "s-3"), (1, 2), 2, version=2)
    redeemed(story, "r-2", "c-1", 0, (1, 1, 1))["offer_version"] = 2
    story.passes()

    last["offer"]["redeem"]["org_entities"]["stores"] = ["s-0", "s-3"]
    story.fails("s-2", "is redeemed in the stores ['s-0', 's-3']; uploaded were ['s-2', 's-3']")
    last["offer"] = {**in_stores("s-2", "s-3"), "name": "another"}
    story.fails("s-2", "changed more of the offer than its stores")


def test_an_edit_keeps_uploaded_stores_unless_it_names_some() -> None:
    story = Story()
    plain = created(story, UNLIMITED)
    stores(story, "s-1", ["s-2"], in_stores_only("s-2"), total=1, version=2)
    kept = edited(story, in_stores_only("s-2"), 3)
    story.told[OFFERS][-1] = ({**story.told[OFFERS][-1][0], "offer": plain}, kept)
    edited(story, in_stores_only("s-5"), 4)
    stores(story, "s-3", ["s-6"], in_stores_only("s-6"), total=1, version=5)
    lifted = stores(story, "s-4", [], in_stores_only("s-5"), version=6)
    story.passes()

    lifted["offer"] = in_stores_only("s-6")
    story.fails("s-4", "is redeemed in the stores ['s-6']; none are uploaded")
    lifted["offer"] = plain
    story.passes()

    kept["offer"] = plain
    story.fails("edit-3", "is redeemed in the stores []; due ['s-2']")


def in_stores_only(*ids: str) -> dict[str, Any]:
    return offer_with(UNLIMITED, {"redeem": {"org_entities": {"stores": list(ids)}}})
