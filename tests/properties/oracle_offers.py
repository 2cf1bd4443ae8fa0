"""Create, edit, claim: what each is to be answered, and what it does."""

from typing import Any

from tests.properties.plain_bills import places_of
from tests.properties.plain_codes import editable, lead_of, length_of, looks_like
from tests.properties.plain_rules import (
    Offer,
    Request,
    Said,
    accepted,
    claim_of,
    first,
    holder_of,
    refused,
)


def change_offer(request: Request, offer: Offer | None, offers: dict[str, Offer]) -> Said:
    kind, wanted, new_claim = request["type"], request.get("offer") or {}, claim_of(request)
    others = [one for one in offers.values() if one is not offer]
    reason = first(
        (kind != "create" and offer is None, "offer_not_found"),
        (kind == "create" and offer is not None, "offer_exists"),
        (
            wanted.get("offer_code") in {one.offer_code for one in others if one.offer_code},
            "offer_code_taken",
        ),
        (kind == "create" and code_is_taken(wanted["coupons"]["codes"], others), "code_taken"),
        (kind == "edit" and changes_what_stays(offer, wanted), "field_not_editable"),
        (
            bool(new_claim and offer and offer.claim)
            and holder_of(offer.claim) != holder_of(new_claim),
            "already_claimed",
        ),
        (campaign_is_taken(new_claim, others), "campaign_has_offer"),
        (contradicts_itself(wanted), "invalid_offer"),
    )
    if reason:
        said = refused(reason, request)
    else:
        offer = changed(request, offer, offers, new_claim)
        said = accepted(request, definition=offer)
    said["offer_id"] = request["offer_id"]
    if offer is not None:
        offer.decisions += 1
        said |= {"ledger": {"sequence": offer.decisions}, "offer_version": offer.version}
    return said


def changed(
    request: Request, offer: Offer | None, offers: dict[str, Offer], new_claim: Any
) -> Offer:
    if offer is None:
        offer = offers[request["offer_id"]] = Offer(request["offer_id"], request["offer"])
        offer.lead = lead_of(offer.codes) or ""
    else:
        offer.version += 1
        offer.rules = request.get("offer", offer.rules)
        if offer.rule("redeem", "org_entities", {}).get("stores") and request["type"] == "edit":
            offer.stores = []
    offer.claim = new_claim or offer.claim
    return offer


def code_is_taken(codes: dict[str, Any], others: list[Offer]) -> bool:
    """How its codes are to begin, or a common one, is another offer's already."""
    lead, length = lead_of(codes), length_of(codes)
    if lead is None:
        return False
    leads = [(one.lead, length_of(one.codes)) for one in others if one.way != "uploaded"]
    uploaded = [code.code for one in others for code in one.uploaded]
    return any(
        length == other_length and (lead.startswith(other) or other.startswith(lead))
        for other, other_length in leads
    ) or any(looks_like(code, lead, length) for code in uploaded)


def changes_what_stays(offer: Offer | None, wanted: dict[str, Any]) -> bool:
    if offer is None:
        return False
    same_type = wanted["expiry"]["type"] == offer.rules["expiry"]["type"]
    return not same_type or not editable(offer.codes, wanted["coupons"]["codes"], offer.lead)


def campaign_is_taken(new_claim: Any, others: list[Offer]) -> bool:
    if not new_claim or new_claim["service"] != "outbound":
        return False
    return any(one.claim and holder_of(one.claim) == holder_of(new_claim) for one in others)


def contradicts_itself(wanted: dict[str, Any]) -> bool:
    """The one contradiction that is drawn: a gap, and nothing to keep apart."""
    redeem = wanted.get("redeem") or {}
    once = redeem.get("uses_per_coupon") == 1 and redeem.get("max_per_customer") == 1
    return once and redeem.get("min_gap_days", 0) > 0


def wrong_definition(offer: Offer, found: dict[str, Any]) -> str | None:
    """Where an outcome's offer isn't what was asked for, with what it was given since."""
    wanted = {name: v for name, v in offer.rules.items() if name not in ("claim", "offer_code")}
    wanted |= {"claim": offer.claim, "offer_id": offer.offer_id}
    stores = (found["redeem"].get("org_entities") or {}).get("stores", [])
    due = places_of(offer).get("stores", [])
    if sorted(set(stores)) != sorted(set(due)):
        return f"stores {stores}, due {due}"
    return next((name for name in wanted if not holds(found[name], wanted[name])), None)


def holds(found: Any, wanted: Any) -> bool:
    """Whether all that is wanted is there; stores apart, which may have been uploaded."""
    if isinstance(wanted, dict):
        names = [name for name, content in wanted.items() if content and name != "stores"]
        return all(holds((found or {}).get(name), wanted[name]) for name in names)
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(holds, found, wanted))
    return bool(found == wanted)
