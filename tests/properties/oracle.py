"""What each request is to be answered, by plain code that shares nothing with the ledger.

Counts are counted anew from lists at every question. What the ledger draws by itself (codes, leads
and generated offer codes) is learned from its outcomes, and only checked to be nobody else's.
"""

from typing import Any

from tests.properties.oracle_coupons import issue, remind, resend, reverse, revoke
from tests.properties.oracle_offers import change_offer
from tests.properties.oracle_redeem import redeem
from tests.properties.oracle_uploads import UPLOADS, upload
from tests.properties.plain_bills import Till
from tests.properties.plain_codes import length_of, looks_like, normalised
from tests.properties.plain_rules import Offer, Request, Said, content_of, refused

NOT_REMEMBERED = {"offer_not_found", "code_not_found", "request_id_conflict"}
CHANGES = {"create", "edit", "claim"}
LANES = dict.fromkeys(CHANGES | UPLOADS, "offers") | {
    "issue": "issue", "resend": "issue", "revoke": "revoke",
    "redeem": "redeem", "validate": "redeem", "reverse": "redeem", "remind": "reminders",
}  # fmt: skip


class Oracle:
    """``tills``: where each till stands, by its id."""

    def __init__(self, tills: dict[str, Till]) -> None:
        self.tills = tills
        self.offers: dict[str, Offer] = {}
        #: (lane, offer_id) -> request_id -> content and first outcome
        self.remembered: dict[tuple[str, str], dict[str, tuple[Any, Said]]] = {}

    def answer(self, request: Request, now_ms: int) -> Said:
        """What the outcome is to say, field by field, of what can be foreseen. ``now_ms``: the
        worker's clock, which only reminders go by."""
        offer, earlier = self.offer_of(request), self._earlier(request)
        if earlier is not None and earlier[0] != content_of(request):
            return refused("request_id_conflict", None)
        if earlier is not None:
            return {**earlier[1], "replayed": True}
        kind = request["type"]
        if kind in CHANGES:
            return change_offer(request, offer, self.offers)
        if offer is None:
            reasons = {"reverse": "redemption_not_found", "redeem": "code_not_found",
                       "validate": "code_not_found"}  # fmt: skip
            return refused(reasons.get(kind, "offer_not_found"), None)
        said = self._decided(request, offer, now_ms)
        if kind != "validate" and said["reason"] not in NOT_REMEMBERED:
            offer.decisions += 1
            said["ledger"] = {**said.get("ledger", {}), "sequence": offer.decisions}
        return {**said, "offer_id": offer.offer_id, "offer_version": offer.version}

    def _decided(self, request: Request, offer: Offer, now_ms: int) -> Said:
        kind = request["type"]
        if kind == "remind":
            return remind(request, offer, now_ms)
        if kind in UPLOADS:
            return upload(request, offer, self.offers)
        if kind == "issue":
            return issue(request, offer, self.offers)
        if kind in ("redeem", "validate"):
            return redeem(request, offer, self.tills.get(request["till_id"]))
        return {"resend": resend, "reverse": reverse, "revoke": revoke}[kind](request, offer)

    def learn(self, request: Request, said: Said, exported: list[str]) -> None:
        """Take in what the ledger said, after it was found right. ``exported``: codes."""
        accepted, offer = said["outcome"] == "accepted", self.offer_of(request)
        if said["replayed"]:
            return
        if accepted and request["type"] in ("issue", "export"):
            assert offer is not None
            codes = exported or [said["code"]]
            for coupon, code in zip(offer.coupons[-len(codes) :], codes, strict=True):
                assert offer.way == "common" or offer.coupon_of_code(code) in (None, coupon)
                assert offer is self.offer_of({"code": code})
                coupon.code = code
        if accepted and request["type"] in CHANGES:
            assert offer is not None
            offer.offer_code = said["offer"]["offer_code"]
            others = [one for one in self.offers.values() if one is not offer]
            assert offer.offer_code not in {one.offer_code for one in others}
            if offer.way == "unique":
                offer.lead = said["offer"]["coupons"]["codes"]["prefix"]
                assert not any(looks_alike(offer, one) for one in others)
        place = self._place(request)
        if place and request["type"] != "validate" and said["reason"] not in NOT_REMEMBERED:
            kept = {name: v for name, v in said.items() if name not in ("source", "ledger")}
            known = self.remembered.setdefault(place, {})
            known.setdefault(request["request_id"], (content_of(request), kept))

    def offer_of(self, request: Request) -> Offer | None:
        if "code" not in request:
            return self.offers.get(request["offer_id"])
        code = normalised(request["code"])
        for offer in self.offers.values():
            if offer.way == "uploaded":
                if code in {one.code for one in offer.uploaded}:
                    return offer
            elif looks_like(code, offer.lead, length_of(offer.codes)):
                return offer
        return None

    def _place(self, request: Request) -> tuple[str, str] | None:
        lane, offer = LANES[request["type"]], self.offer_of(request)
        if lane == "offers":
            return lane, request["offer_id"]
        return (lane, offer.offer_id) if offer else None

    def _earlier(self, request: Request) -> tuple[Any, Said] | None:
        place = self._place(request)
        if place is None or request["type"] == "validate":
            return None
        return self.remembered.get(place, {}).get(request["request_id"])


def looks_alike(one: Offer, other: Offer) -> bool:
    if other.way == "uploaded":
        return any(looks_like(each.code, one.lead, length_of(one.codes)) for each in other.uploaded)
    same_length = length_of(one.codes) == length_of(other.codes)
    begins = one.lead.startswith(other.lead) or other.lead.startswith(one.lead)
    return same_length and begins
