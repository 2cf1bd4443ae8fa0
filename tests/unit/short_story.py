"""A short history that is right, to be changed by the tests of the audit's fold."""

from typing import Any

from schemas.topics import OFFERS, REVOKE
from tests.unit.audit_story import DAY_2, OFFER, Story, issued, redeemed, request, reversed_


def short_story() -> Story:
    """Three coupons, two of c-1; redemptions accepted, refused and reversed; a revocation."""
    story = Story()
    offer = {name: part for name, part in OFFER.items() if name != "offer_code"}
    create = request("create", "k-1", offer_id="o", actor="a", offer=offer)
    story.tell(OFFERS, create, change={"number": 1}, offer=OFFER, actor="a")
    issued(story, "i-1", "c-1", 0, 1)
    issued(story, "i-2", "c-1", 1, 2)
    issued(story, "i-3", "c-2", 2, 1)
    redeemed(story, "r-1", "c-1", 0, (1, 1, 1))
    redeemed(story, "r-2", "c-1", 1, None, reason="gap_not_elapsed")
    redeemed(story, "r-3", "c-1", 1, (1, 2, 2), DAY_2)
    redeemed(story, "r-4", "c-1", 0, None, DAY_2, reason="coupon_redeemed")
    reversed_(story, "v-1", "r-3", "c-1", 1, (0, 1, 1))
    redeemed(story, "r-5", "c-1", 1, (1, 2, 2), DAY_2)
    revoke = request("revoke", "k-2", DAY_2, offer_id="o", scope="customers", customer_ids=["c-2"])
    change = {"watermark": None, "revoked": [2]}
    story.tell(REVOKE, revoke, change=change, scope="customers", revoked=1)
    redeemed(story, "r-6", "c-2", 2, None, DAY_2, reason="coupon_revoked")
    return story


def outcome(story: Story, request_id: str) -> dict[str, Any]:
    return next(
        o for pairs in story.told.values() for _, o in pairs if o["request_id"] == request_id
    )
