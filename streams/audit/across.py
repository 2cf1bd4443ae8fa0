"""What no offer's fold can see alone: what only one offer can have, and answers without a place
in any sequence."""

from itertools import pairwise
from typing import Any, NamedTuple

from schemas.reasons import Reason
from streams.audit.definitions import asked_claim
from streams.audit.model import OfferModel
from streams.audit.verdict import Findings

Offers = dict[str, OfferModel]


class Refused(NamedTuple):
    """A create, edit or claim that was refused for what another offer has."""

    name: str
    offer_id: str
    reason: str
    request: dict[str, Any]
    detail: str | None


class NotFound(NamedTuple):
    """An answer that something isn't there. ``seen``: of that offer's sequence, before it, in
    its partition: what was decided up to there had been decided before."""

    name: str
    offer_id: str
    code: str | None  # None: the offer itself
    seen: int


def check_not_found(answers: list[NotFound], offers: Offers, findings: Findings) -> None:
    for answer in answers:
        offer = offers.get(answer.offer_id)
        if offer is None or not answer.seen:
            continue
        if answer.code is None:
            findings.difference(
                f"{answer.name}: offer {answer.offer_id} was not found, but is there"
            )
            continue
        coupon = offer.coupons.get(offer.serials.get(answer.code, -1))
        if coupon is not None and coupon.issued_at <= answer.seen:
            text = f"{answer.name}: the code {answer.code} was not found, but is a coupon's"
            findings.difference(f"{text} of customer {coupon.recipient}, offer {answer.offer_id}")


def check_offers(offers: Offers, findings: Findings) -> None:
    """Each number, offer code, lead and outbound campaign has one offer."""
    taken: dict[tuple[str, Any], str] = {}
    for offer in offers.values():
        definition = offer.definitions.get(offer.version)
        if definition is None:
            continue
        codes, claim = definition["coupons"]["codes"], definition["claim"]
        owned: list[tuple[str, Any]] = [
            ("number", offer.number),
            ("offer code", definition["offer_code"]),
        ]
        if codes["type"] == "unique":
            owned.append(("codes that begin", (codes["length"], codes["prefix"])))
        if claim and claim["service"] == "outbound":
            owned.append(("outbound campaign", claim["holder"]))
        for what in owned:
            other = taken.setdefault(what, offer.offer_id)
            if other != offer.offer_id:
                text = f"offers {other} and {offer.offer_id} both have the {what[0]} {what[1]}"
                findings.difference(text)
    _check_leads(sorted(key for kind, key in taken if kind == "codes that begin"), findings)


def _check_leads(leads: list[tuple[int, str]], findings: Findings) -> None:
    for (length, lead), (other_length, other) in pairwise(leads):
        if length == other_length and other.startswith(lead) and other != lead:
            text = f"codes of {length} characters: {lead} and {other} both name an offer"
            findings.difference(text)


def check_refused(refused: list[Refused], offers: Offers, findings: Findings) -> None:
    """Another offer has, or had, what the request was refused."""
    codes: dict[str, set[str]] = {}
    campaigns: dict[str, set[str]] = {}
    leads: dict[int, set[tuple[str, str]]] = {}
    for offer_id, offer in offers.items():
        for definition in offer.definitions.values():
            codes.setdefault(definition["offer_code"], set()).add(offer_id)
            made = definition["coupons"]["codes"]
            if made["type"] == "unique":
                leads.setdefault(made["length"], set()).add((made["prefix"], offer_id))
            if definition["claim"] and definition["claim"]["service"] == "outbound":
                campaigns.setdefault(definition["claim"]["holder"], set()).add(offer_id)
    for one in refused:
        content = one.request.get("offer", {})
        if one.reason == Reason.OFFER_CODE_TAKEN:
            holders = codes.get(content.get("offer_code") or one.detail or "", set())
        elif one.reason == Reason.CAMPAIGN_HAS_OFFER:
            claim = asked_claim(one.request)
            holders = campaigns.get(claim["holder"], set()) if claim else set()
        else:
            asked = content["coupons"]["codes"]
            lead = asked.get("prefix") or one.detail or ""
            holders = {
                offer_id
                for taken, offer_id in leads.get(asked["length"], ())
                if taken.startswith(lead) or lead.startswith(taken)
            }
        if not holders - {one.offer_id}:
            findings.difference(f"{one.name} was refused as {one.reason}; no other offer has it")
