"""Create, edit, claim: what happens to an offer itself, judged by the versions before."""

from collections.abc import Iterable, Iterator
from typing import Any

from schemas.reasons import Reason
from streams.audit.decision import Changing, Decision
from streams.audit.model import OfferModel
from streams.audit.rules import unknown_rules

#: Given when not asked for: the outcome has them where the request has none.
_GIVEN = ("prefix", "offer_code", "claim")


def change(offer: OfferModel, decision: Decision) -> None:
    """One decision about the offer; ``offer`` moves on to the new version."""
    more: Changing = decision.more
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


def _not_as_asked(
    kind: str, request: dict[str, Any], before: dict[str, Any] | None, now: dict[str, Any]
) -> Iterator[str]:
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
    if before["expiry"]["type"] != after["expiry"]["type"]:
        return "expiry.type"
    ours, theirs = before["coupons"]["codes"], after["coupons"]["codes"]
    for name, content in theirs.items():
        if content is not None and content != ours.get(name):
            return f"coupons.codes.{name}"
    return None


def _lacks(now: Any, asked: Any, path: str = "offer") -> str | None:
    """The first place where an offer isn't what was asked for."""
    if type(asked) is not dict:
        return None if now == asked else path
    if type(now) is not dict:
        return path
    found: Iterable[str | None] = (
        _lacks(now.get(name), content, f"{path}.{name}")
        for name, content in asked.items()
        if content is not None or name not in _GIVEN
    )
    return next((place for place in found if place), None)
