"""What each request is to be answered, by plain code that shares nothing with the ledger.

Counts are counted anew from lists at every question. What the ledger draws by itself (codes, leads
and generated offer codes) is learned from its outcomes, and only checked to be nobody else's.
"""

from typing import Any

from tests.properties.plain_rules import (
    Coupon,
    Offer,
    Redemption,
    Request,
    Said,
    accepted,
    claim_of,
    content_of,
    day_of,
    discount,
    editable,
    first,
    holder_of,
    length_of,
    moment,
    near,
    normalised,
    past,
    reached,
    refused,
    shown,
    starts,
    totals,
)

NOT_REMEMBERED = {"offer_not_found", "code_not_found", "request_id_conflict"}
OFFER_TYPES = {"create", "edit", "claim"}
REDEEM_TYPES = {"redeem", "validate", "reverse"}


class Oracle:
    def __init__(self) -> None:
        self.offers: dict[str, Offer] = {}
        #: (lane, offer_id) -> request_id -> content and first outcome
        self.remembered: dict[tuple[str, str], dict[str, tuple[Any, Said]]] = {}

    def answer(self, request: Request) -> Said:
        """What the outcome is to say, field by field, of what can be foreseen."""
        offer, earlier = self.offer_of(request), self._earlier(request)
        if earlier is not None and earlier[0] != content_of(request):
            return refused("request_id_conflict", None)
        if earlier is not None:
            return {**earlier[1], "replayed": True}
        kind = request["type"]
        if kind in OFFER_TYPES:
            return self._change_offer(request, offer)
        if offer is None:
            reasons = {"reverse": "redemption_not_found", "issue": "offer_not_found",
                       "revoke": "offer_not_found"}  # fmt: skip
            return refused(reasons.get(kind, "code_not_found"), None)
        decide = {"issue": self._issue, "reverse": self._reverse, "revoke": self._revoke}
        said = decide.get(kind, self._redeem)(request, offer)
        if kind != "validate" and said["reason"] not in NOT_REMEMBERED:
            offer.decisions += 1
            said["sequence"] = offer.decisions
        return {**said, "offer_version": offer.version}

    def learn(self, request: Request, said: Said) -> None:
        """Take in what the ledger said, after it was found right."""
        accepted, offer = said["outcome"] == "accepted", self.offer_of(request)
        if said["replayed"]:
            return
        if accepted and request["type"] == "issue":
            assert offer is not None
            assert all(said["code"] not in one.coupon_of_code for one in self.offers.values())
            offer.coupon_of_code[said["code"]] = offer.coupons[-1]
        if accepted and request["type"] in OFFER_TYPES:
            assert offer is not None
            offer.lead = said["offer"]["coupons"]["codes"]["prefix"]
            offer.offer_code = said["offer"]["offer_code"]
            assert not self._lead_is_taken(offer.lead, length_of(offer.rules), offer)
            assert not self._offer_code_is_taken(offer.offer_code, offer)
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
            if len(code) == length_of(offer.rules) and code.startswith(offer.lead):
                return offer
        return None

    def _place(self, request: Request) -> tuple[str, str] | None:
        if request["type"] in OFFER_TYPES:
            return "offers", request["offer_id"]
        offer = self.offer_of(request)
        lane = "redeem" if request["type"] in REDEEM_TYPES else request["type"]
        return (lane, offer.offer_id) if offer else None

    def _earlier(self, request: Request) -> tuple[Any, Said] | None:
        place = self._place(request)
        if place is None or request["type"] == "validate":
            return None
        return self.remembered.get(place, {}).get(request["request_id"])

    # Coupons -------------------------------------------------------------------------------------

    def _issue(self, request: Request, offer: Offer) -> Said:
        at, customer_id = moment(request["occurred_at"]), request["customer_id"]
        claimed = offer.claim and (offer.claim["service"], offer.claim["holder"])
        theirs = [one for one in offer.coupons if one.customer_id == customer_id]
        reason = first(
            (past(at, offer.end()), "offer_expired"),
            (claimed != (request["service"], request["holder"]), "not_claimed_by_service"),
            (
                reached(len(theirs), offer.rule("issue", "max_per_customer")),
                "customer_limit_reached",
            ),
            (
                near([one.day for one in theirs], at, offer.rule("issue", "min_gap_days", 0)),
                "gap_not_elapsed",
            ),
            (reached(len(offer.coupons), offer.rule("issue", "max_total")), "offer_limit_reached"),
            (offer.exhausted, "codes_exhausted"),
        )
        if reason:
            return refused(reason, request)
        coupon = Coupon(
            len(offer.coupons),
            customer_id,
            day_of(at),
            starts(offer.rule("redeem", "start", {"type": "on_issue"}), at),
        )
        offer.coupons.append(coupon)
        return accepted(
            request,
            coupon_id=f"{offer.offer_id}:{coupon.number}",
            starts_at=shown(coupon.starts),
            expires_at=shown(offer.coupon_end()),
            totals={"customer": len(theirs) + 1, "offer": len(offer.coupons)},
        )

    def _redeem(self, request: Request, offer: Offer) -> Said:
        at, customer_id = moment(request["occurred_at"]), request.get("customer_id")
        coupon = offer.coupon_of_code.get(normalised(request["code"]))
        if coupon is None:
            return refused("code_not_found", request)
        anyone = offer.rule("redeem", "anyone_may_redeem", False)
        theirs = offer.standing(customer_id=customer_id) if customer_id else []
        lines = request["bill"].get("lines")
        reason = first(
            (offer.revoked(coupon), "coupon_revoked"),
            (offer.used_up(coupon), "coupon_redeemed"),
            (past(at, offer.coupon_end()), "coupon_expired"),
            (at < coupon.starts, "not_started"),
            (not anyone and customer_id != coupon.customer_id, "not_recipient"),
            (bool(lines) and all(line["on_sale"] for line in lines), "no_eligible_items"),
            (
                reached(len(theirs), offer.rule("redeem", "max_per_customer")),
                "customer_limit_reached",
            ),
            (
                near([one.day for one in theirs], at, offer.rule("redeem", "min_gap_days", 0)),
                "gap_not_elapsed",
            ),
            (
                reached(len(offer.standing()), offer.rule("redeem", "max_total")),
                "offer_limit_reached",
            ),
        )
        coupon_id = f"{offer.offer_id}:{coupon.number}"
        if reason:
            return {**refused(reason, request), "coupon_id": coupon_id, "discount": None}
        if request["type"] == "redeem":
            used = Redemption(request["request_id"], coupon, customer_id, day_of(at))
            offer.redemptions.append(used)
        return accepted(
            request,
            coupon_id=coupon_id,
            discount=discount(offer.rules["discount"], request["bill"]),
            totals=totals(offer, coupon, customer_id),
        )

    def _reverse(self, request: Request, offer: Offer) -> Said:
        at, customer_id = moment(request["occurred_at"]), request.get("customer_id")
        coupon = offer.coupon_of_code.get(normalised(request["code"]))
        found = [
            one for one in offer.redemptions
            if one.coupon is coupon and one.customer_id == customer_id
            and one.request_id == request["redemption_id"]
        ]  # fmt: skip
        if coupon is None or not found:
            return refused("redemption_not_found", request)
        reason = first(
            (found[0].reversed, "already_reversed"),
            (offer.revoked(coupon), "coupon_revoked"),
            (past(at, offer.coupon_end()), "coupon_expired"),
        )
        if reason:
            return refused(reason, request)
        found[0].reversed = True
        return accepted(
            request,
            redemption_id=request["redemption_id"],
            coupon_id=f"{offer.offer_id}:{coupon.number}",
            totals=totals(offer, coupon, customer_id),
        )

    def _revoke(self, request: Request, offer: Offer) -> Said:
        at, ended = moment(request["occurred_at"]), []
        if request["scope"] == "customers":
            ended = [
                one for one in offer.coupons
                if one.customer_id in request["customer_ids"] and not offer.revoked(one)
                and not offer.used_up(one) and not past(at, offer.coupon_end())
            ]  # fmt: skip
        for coupon in ended:
            coupon.revoked = True
        if request["scope"] == "unredeemed":
            for coupon in offer.coupons:
                coupon.ends_unredeemed = True
        offer.exhausted |= request["scope"] != "customers"
        return accepted(request, revoked=None if request["scope"] == "unredeemed" else len(ended))

    # Offers --------------------------------------------------------------------------------------

    def _change_offer(self, request: Request, offer: Offer | None) -> Said:
        kind, wanted = request["type"], request.get("offer")
        new_claim = claim_of(request)
        codes = wanted["coupons"]["codes"] if wanted else {}
        reason = first(
            (kind != "create" and offer is None, "offer_not_found"),
            (kind == "create" and offer is not None, "offer_exists"),
            (
                self._offer_code_is_taken((wanted or {}).get("offer_code"), offer),
                "offer_code_taken",
            ),
            (
                kind == "create" and self._lead_is_taken(codes.get("prefix"), codes.get("length")),
                "code_taken",
            ),
            (kind == "edit" and not editable(offer, wanted), "field_not_editable"),
            (
                bool(new_claim and offer and offer.claim)
                and holder_of(offer.claim) != holder_of(new_claim),
                "already_claimed",
            ),
            (self._campaign_is_taken(new_claim, request["offer_id"]), "campaign_has_offer"),
        )
        if reason:
            said = refused(reason, request)
        else:
            offer = self._changed(request, offer, new_claim)
            said = accepted(request)
        if offer is not None:
            offer.decisions += 1
            said |= {"sequence": offer.decisions, "offer_version": offer.version}
        return said

    def _changed(self, request: Request, offer: Offer | None, new_claim: Any) -> Offer:
        if offer is None:
            offer = self.offers[request["offer_id"]] = Offer(request["offer_id"], request["offer"])
        else:
            offer.version += 1
            offer.rules = request.get("offer", offer.rules)
        offer.claim = new_claim or offer.claim
        return offer

    def _others(self, offer: Offer | None) -> list[Offer]:
        return [one for one in self.offers.values() if one is not offer]

    def _offer_code_is_taken(self, code: str | None, offer: Offer | None) -> bool:
        return code is not None and code in {one.offer_code for one in self._others(offer)}

    def _lead_is_taken(self, lead: str | None, length: Any, offer: Offer | None = None) -> bool:
        return lead is not None and any(
            length_of(one.rules) == length
            and (one.lead.startswith(lead) or lead.startswith(one.lead))
            for one in self._others(offer)
        )

    def _campaign_is_taken(self, new_claim: Any, offer_id: str) -> bool:
        if not new_claim or new_claim["service"] != "outbound":
            return False
        others = self._others(self.offers.get(offer_id))
        return any(one.claim and holder_of(one.claim) == holder_of(new_claim) for one in others)
