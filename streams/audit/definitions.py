"""Create, edit, claim, stores: what happens to an offer itself, judged by the versions before."""

from collections.abc import Iterable, Iterator
from typing import Any

from schemas.reasons import Reason
from streams.audit.decision import Changing, Decision
from streams.audit.model import OfferModel
from streams.audit.rules import code_rules, unknown_rules
from streams.audit.uploading import set_stores

#: Given when not asked for: the outcome has them where the request has none.
_GIVEN = ("prefix", "offer_code", "claim")
_PLACES, _STORES = "offer.redeem.org_entities", "offer.redeem.org_entities.stores"


def change(offer: OfferModel, decision: Decision) -> None:
    """One decision about the offer; ``offer`` moves on to the new version."""
    more: Changing = decision.more
    if decision.kind == "set_stores":
        more, upload = decision.more
        if decision.reason is None:
            set_stores(offer, decision, upload)
            if not upload.complete:
                _expect_version(offer, decision, more)
                return
    if decision.reason is not None:
        for text in _refusal_errors(offer, decision, more):
            offer.wrong(decision, text)
        return
    if more.offer is None or more.number is None:
        offer.wrong(decision, "was accepted and doesn't say what the offer became")
        return
    for text in _errors(offer, decision, more, more.offer):
        offer.wrong(decision, text)
    for path in unknown_rules(more.offer):
        offer.wrong(decision, f"sets the rule {path}, which this audit can't judge")
    offer.number, offer.version = more.number, decision.version
    offer.rules = offer.versions.get(decision.version)


def _expect_version(offer: OfferModel, decision: Decision, more: Changing) -> None:
    """Of a decision that leaves the offer as it is."""
    if decision.version != offer.version:
        text = f"was decided by version {decision.version}, in force was {offer.version}"
        offer.wrong(decision, text)
    if more.offer is not None:
        offer.wrong(decision, "changed the offer before all parts were there")


def _errors(
    offer: OfferModel, decision: Decision, more: Changing, now: dict[str, Any]
) -> Iterator[str]:
    before = offer.definitions.get(offer.version)
    if (decision.kind == "create") != (before is None):
        yield "was accepted, but the offer was there" if before else "was accepted on no offer"
    if decision.version != offer.version + 1:
        yield f"made version {decision.version} of version {offer.version}"
    if before is not None:
        if more.number != offer.number:
            yield f"changed the offer's number from {offer.number} to {more.number}"
        if field := _not_editable(before, now):
            yield f"changed {field}, which can't be edited"
        if _other_holder(before["claim"], now["claim"]):
            yield f"took the offer from {_holder(before['claim'])} for {_holder(now['claim'])}"
    if more.request is not None:
        yield from _not_as_asked(decision.kind, more.request, before, now)
    if decision.kind == "set_stores":
        yield from _not_those_stores(offer, before, now)
    elif decision.kind != "claim":
        yield from _not_these_stores(offer, more.request, now)


def _not_these_stores(
    offer: OfferModel, request: dict[str, Any] | None, now: dict[str, Any]
) -> Iterator[str]:
    """A definition that names stores takes the place of uploaded ones."""
    found = _stores_of(now)
    asked = found if request is None else _stores_of(request["offer"])
    if asked and (request is not None or set(found) != set(offer.stores or ())):
        offer.stores = None
    if request is not None or offer.stores is None:
        offer.named_stores = asked
    due = offer.stores or asked
    if set(found) != set(due):
        yield f"is redeemed in the stores {found[:5]}; due {due[:5]}"


def _not_those_stores(
    offer: OfferModel, before: dict[str, Any] | None, now: dict[str, Any]
) -> Iterator[str]:
    """Uploaded stores stand in place of those that the definition names, or of none."""
    found = _stores_of(now)
    if offer.stores is None:  # lifted
        if found and set(found) != set(offer.named_stores):
            yield f"is redeemed in the stores {found[:5]}; none are uploaded"
    elif set(found) != set(offer.stores):
        yield f"is redeemed in the stores {found[:5]}; uploaded were {offer.stores[:5]}"
    if before and _without_stores(now) != _without_stores(before):
        yield "changed more of the offer than its stores"


def _stores_of(definition: dict[str, Any]) -> list[str]:
    places = definition.get("redeem", {}).get("org_entities") or {}
    return list(places.get("stores") or ())


def _without_stores(definition: dict[str, Any]) -> dict[str, Any]:
    redeem = definition["redeem"]
    places = {name: ids for name, ids in (redeem.get("org_entities") or {}).items() if ids}
    places.pop("stores", None)
    return {**definition, "redeem": {**redeem, "org_entities": places}}


def _not_as_asked(
    kind: str, request: dict[str, Any], before: dict[str, Any] | None, now: dict[str, Any]
) -> Iterator[str]:
    if kind == "set_stores":
        return
    if kind != "claim":
        if path := _lacks(now, request["offer"]):
            yield f"didn't bring what was asked for: {path}"
        if before and request["offer"].get("claim") is None and now["claim"] != before["claim"]:
            yield "changed the claim, which nobody asked for"
        return
    if now["claim"] != asked_claim(request):
        yield f"was claimed by {now['claim']} instead of {asked_claim(request)}"
    if before and {**now, "claim": None} != {**before, "claim": None}:
        yield "changed more of the offer than its claim"


def _refusal_errors(offer: OfferModel, decision: Decision, more: Changing) -> Iterator[str]:
    """Refusals for what other offers have are judged by `streams.audit.across`."""
    before, reason, request = offer.definitions.get(offer.version), decision.reason, more.request
    if before is None:
        yield f"was refused as {reason} by an offer that isn't there"
        return
    if decision.version != offer.version:
        yield f"was decided by version {decision.version}, in force was {offer.version}"
    if (decision.kind == "create") != (reason == Reason.OFFER_EXISTS):
        yield f"was refused as {reason}; the offer was there"
    if request is None:
        return
    if reason == Reason.ALREADY_CLAIMED and not _other_holder(
        before["claim"], asked_claim(request)
    ):
        yield f"was refused as {reason}; the claim is {before['claim']}"
    if reason == Reason.FIELD_NOT_EDITABLE and not _not_editable(before, request["offer"]):
        yield f"was refused as {reason}; nothing that can't be edited is another"


def asked_claim(request: dict[str, Any]) -> dict[str, Any] | None:
    """The claim a request asks for, as an offer has it."""
    claim = request if request["type"] == "claim" else request.get("offer", {}).get("claim")
    if claim is None:
        return None
    return {
        "service": claim["service"],
        "holder": claim["holder"],
        "ends_at": claim.get("ends_at"),
    }


def _other_holder(before: dict[str, Any] | None, after: dict[str, Any] | None) -> bool:
    return before is not None and after is not None and _holder(before) != _holder(after)


def _holder(claim: dict[str, Any] | None) -> str:
    return f"{claim['service']} {claim['holder']}" if claim else "nobody"


def _not_editable(before: dict[str, Any], after: dict[str, Any]) -> str | None:
    """What of an offer, as it became or was asked for, can't become another."""
    if after.get("offer_id") not in (None, before.get("offer_id")):
        return "offer_id"
    expiry = after.get("expiry")
    if type(expiry) is dict and expiry.get("type") not in (None, before["expiry"]["type"]):
        return "expiry.type"
    try:
        theirs = after["coupons"]["codes"]
        prefix = theirs.get("prefix")
        ours = {**before["coupons"]["codes"], "prefix": prefix}
        if code_rules(theirs) != code_rules(ours):
            return "coupons.codes"
    except (KeyError, TypeError, AttributeError):  # asked for, and no offer's
        return None
    if prefix not in (None, before["coupons"]["codes"].get("prefix")):
        return "coupons.codes.prefix"
    return None


def _lacks(now: Any, asked: Any, path: str = "offer") -> str | None:
    """The first place where an offer isn't what was asked for; its stores aside, which may be
    uploaded ones."""
    if path == _STORES:
        return None
    if type(asked) is list and type(now) is list and len(asked) == len(now):
        pairs = enumerate(zip(now, asked, strict=True))
        return next((place for i, one in pairs if (place := _lacks(*one, f"{path}.{i}"))), None)
    if type(asked) is not dict:
        if path == _PLACES and asked is None:
            return path if any(now[name] for name in (now or {}).keys() - {"stores"}) else None
        return None if now == asked else path
    if type(now) is not dict:
        return path
    found: Iterable[str | None] = (
        _lacks(now.get(name), content, f"{path}.{name}")
        for name, content in asked.items()
        if content is not None or name not in _GIVEN
    )
    return next((place for place in found if place), None)
