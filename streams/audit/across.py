"""What no offer's fold can see alone: what only one offer can have, and answers without a place
in any sequence."""

from collections import defaultdict
from itertools import pairwise
from typing import Any, NamedTuple

from schemas.reasons import Reason
from streams.audit.definitions import asked_claim
from streams.audit.matching import plain_code
from streams.audit.model import OfferModel
from streams.audit.rules import CodeRules, code_rules
from streams.audit.verdict import Findings

Offers = dict[str, OfferModel]
#: Of an uploaded code so many characters are marked, so that no lead begins so.
MARKED = 4


class Refused(NamedTuple):
    """A create, edit, claim or upload that was refused for what another offer has."""

    name: str
    offer_id: str
    reason: str
    request: dict[str, Any]
    detail: str | None
    taken: list[str] | None


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
        codes = _codes_of(offer)
        if codes is not None and codes.type == "common" and codes.lead == answer.code:
            text = f"{answer.name}: the code {answer.code} was not found, but is common to all"
            findings.difference(f"{text} of offer {answer.offer_id}")
            continue
        coupon = offer.coupon(offer.serials.get(answer.code, -1))
        if coupon is not None and coupon.issued_at <= answer.seen:
            text = f"{answer.name}: the code {answer.code} was not found, but is a coupon's"
            findings.difference(f"{text} of customer {coupon.recipient}, offer {answer.offer_id}")


def _codes_of(offer: OfferModel) -> CodeRules | None:
    rules = offer.versions.get(offer.version)
    return None if rules is None else rules.codes


def check_offers(offers: Offers, findings: Findings) -> None:
    """Each number, offer code, lead, outbound campaign and uploaded code has one offer."""
    taken: dict[tuple[str, Any], str] = {}
    for offer in offers.values():
        definition, codes = offer.definitions.get(offer.version), _codes_of(offer)
        if definition is None:
            continue
        claim = definition["claim"]
        owned: list[tuple[str, Any]] = [
            ("number", offer.number),
            ("offer code", definition["offer_code"]),
        ]
        if codes is not None and codes.type != "uploaded":
            owned.append(("codes that begin", (codes.length, codes.lead)))
        if claim and claim["service"] == "outbound":
            owned.append(("outbound campaign", claim["holder"]))
        for what in owned:
            other = taken.setdefault(what, offer.offer_id)
            if other != offer.offer_id:
                text = f"offers {other} and {offer.offer_id} both have the {what[0]} {what[1]}"
                findings.difference(text)
    leads = {key: offer_id for (kind, key), offer_id in taken.items() if kind == "codes that begin"}
    _check_leads(sorted(leads), findings)
    _check_uploaded(offers, leads, findings)


def _check_leads(leads: list[tuple[int, str]], findings: Findings) -> None:
    for (length, lead), (other_length, other) in pairwise(leads):
        if length == other_length and other.startswith(lead) and other != lead:
            text = f"codes of {length} characters: {lead} and {other} both name an offer"
            findings.difference(text)


def _check_uploaded(offers: Offers, leads: dict[tuple[int, str], str], findings: Findings) -> None:
    lengths: dict[int, set[int]] = defaultdict(set)
    for length, lead in leads:
        lengths[length].add(len(lead))
    taken: dict[str, str] = {}
    for offer in offers.values():
        for code in offer.serials if offer.uploaded is not None else ():
            owner = taken.setdefault(code, offer.offer_id)
            if owner == offer.offer_id:
                begins = ((len(code), code[:n]) for n in lengths.get(len(code), ()))
                owner = next((leads[one] for one in begins if one in leads), owner)
            if owner != offer.offer_id:
                text = f"the code {code} was uploaded to offer {offer.offer_id} and is one of"
                findings.difference(f"{text} offer {owner}")


def check_refused(refused: list[Refused], offers: Offers, findings: Findings) -> None:
    """Another offer has, or had, what the request was refused."""
    if not refused:
        return
    taken = _Taken(offers)
    for one in refused:
        if one.taken is not None:
            for text in _upload_errors(one, offers, taken):
                findings.difference(f"{one.name} was refused as {one.reason}; {text}")
        elif not taken.holders(one) - {one.offer_id}:
            findings.difference(f"{one.name} was refused as {one.reason}; no other offer has it")


def _upload_errors(one: Refused, offers: Offers, taken: "_Taken") -> list[str]:
    """``taken`` says of each of these codes that it is a code already, at any time."""
    asked = [plain_code(item["code"]) for item in one.request["codes"]]
    own = offers[one.offer_id].serials if one.offer_id in offers else {}
    errors = [] if one.taken else ["no code is named that is taken"]
    for code in map(plain_code, one.taken or ()):
        if code not in asked:
            errors.append(f"{code} is none of its codes")
        elif code not in own and asked.count(code) < 2 and not taken.codes_like(code):
            errors.append(f"no offer has the code {code}")
    return errors


class _Taken:
    """What any offer has or had: value -> the offers."""

    def __init__(self, offers: Offers) -> None:
        self._offer_codes: dict[str, set[str]] = defaultdict(set)
        self._campaigns: dict[str, set[str]] = defaultdict(set)
        self._leads: dict[int, set[tuple[str, str]]] = defaultdict(set)
        self._marks: dict[int, set[tuple[str, str]]] = defaultdict(set)
        self._uploaded: set[str] = set()
        for offer_id, offer in offers.items():
            for version, definition in offer.definitions.items():
                self._offer_codes[definition["offer_code"]].add(offer_id)
                rules = offer.versions.get(version)
                if rules is not None and rules.codes.type != "uploaded":
                    self._leads[rules.codes.length].add((rules.codes.lead, offer_id))
                if definition["claim"] and definition["claim"]["service"] == "outbound":
                    self._campaigns[definition["claim"]["holder"]].add(offer_id)
            if offer.uploaded is not None:
                self._uploaded.update(offer.serials)
                for code in offer.serials:
                    self._marks[len(code)].add((code[:MARKED], offer_id))

    def holders(self, one: Refused) -> set[str]:
        """The offers that have what this request was refused."""
        content = one.request.get("offer", {})
        if one.reason == Reason.OFFER_CODE_TAKEN:
            return self._offer_codes.get(content.get("offer_code") or one.detail or "", set())
        if one.reason == Reason.CAMPAIGN_HAS_OFFER:
            claim = asked_claim(one.request)
            return self._campaigns.get(claim["holder"], set()) if claim else set()
        asked = code_rules(content["coupons"]["codes"])
        lead = asked.lead or one.detail or ""
        return {
            offer_id
            for known in (self._leads, self._marks)
            for taken, offer_id in known.get(asked.length, ())
            if taken.startswith(lead) or lead.startswith(taken)
        }

    def codes_like(self, code: str) -> bool:
        """Was it uploaded, or does it begin as the generated or common codes of an offer?"""
        return code in self._uploaded or any(
            code.startswith(lead) for lead, _ in self._leads.get(len(code), ())
        )
