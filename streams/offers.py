"""Offers: create, edit, claim. What only one offer can have is settled by the ledger."""

from typing import Any

import orjson

from schemas.offers import CHARSETS, errors_of
from schemas.reasons import Reason
from schemas.requests import Reader
from schemas.times import utc_moment
from schemas.topics import CURRENT_OFFERS, OFFERS
from state.catalogue import Catalogue, lead_candidates, limits_of, offer_code_candidates
from state.fingerprint import fingerprint
from state.keys import request_key
from state.layout import OfferNow, OfferOp
from state.ledger import Decided, Transition
from state.restore import packed_claim
from streams.batches import Emission
from streams.outcomes import REST, change, outcome
from streams.settings import Settings

#: What a record of the `offers` topic has beside the offer itself.
CURRENT = ("number", "created_at", "created_by", "modified_at", "modified_by")
FORGOTTEN = (Reason.REQUEST_ID_CONFLICT, Reason.OFFER_NOT_FOUND)


class Offering:
    lane, transition, judges_by_offers = OFFERS, Transition.OFFERS, False

    def __init__(self, settings: Settings, _: Catalogue) -> None:
        self.reader = Reader(self.lane.types, settings.currency, settings.decimals)
        self._calendar, self._currency = settings.calendar, settings.currency
        self._current_offers = settings.topic(CURRENT_OFFERS)

    def judge(self, requests: list[tuple[int, dict[str, Any]]]) -> list[OfferOp]:
        return [self._operation(offset, request) for offset, request in requests]

    def _operation(self, offset: int, request: dict[str, Any]) -> OfferOp:
        kind, offer_id = request["type"], request["offer_id"]
        content = request["fingerprint"] = fingerprint(
            kind, request["actor"], request.get("offer"), claimed(request)
        )
        empty = OfferOp(
            offset=offset,
            kind=kind,
            request_id=request["request_id"],
            request_key=request_key("offers", offer_id, request["request_id"]),
            fingerprint=content,
            offer_id=offer_id,
            second=request["second"],
            day=self._calendar.day(request["second"]),
            occurred_at=request["occurred_at"],
            actor=request["actor"],
            definition=False,
            limits=False,
            expiry_type=False,
            codes=False,
            prefix=False,
            radix=0,
            length=0,
            leads=False,
            offer_codes=False,
            claim=claimed(request) or False,
            verdict=False,
            detail=False,
        )
        if kind in ("create", "edit"):
            return self._definition(empty, request["offer"])
        if kind == "upload_codes":
            detail = "the offer's codes are generated, not uploaded"
            return empty._replace(verdict=Reason.UPLOAD_NOT_ALLOWED, detail=detail)
        if kind != "claim":
            return empty._replace(verdict=Reason.INVALID_OFFER, detail=f"{kind} is not supported")
        return empty

    def _definition(self, operation: OfferOp, content: dict[str, Any]) -> OfferOp:
        offer, wrong = errors_of({"offer_id": operation.offer_id, **content}, self._currency)
        if offer is not None and offer.offer_id != operation.offer_id:
            wrong = [("offer_id", f"{offer.offer_id} is not the request's {operation.offer_id}")]
        if offer is None or wrong:
            detail = "; ".join(f"{path or 'offer'}: {sentence}" for path, sentence in wrong)
            return operation._replace(verdict=Reason.INVALID_OFFER, detail=detail[:2000])
        codes = offer.coupons.codes
        assert codes.type == "unique"
        creates = operation.kind == "create"
        named = offer.offer_code is not None
        return operation._replace(
            definition=offer.model_dump_json(exclude={"claim"}),
            limits=limits_of(offer),
            expiry_type=offer.expiry.type,
            codes=f"{codes.type} {codes.charset} {codes.length}",
            prefix=codes.prefix or False,
            radix=len(CHARSETS[codes.charset]),
            length=codes.length,
            leads=lead_candidates(offer) if creates else False,
            offer_codes=offer_code_candidates(offer) if creates or named else False,
            claim=packed_claim(offer.claim.model_dump()) if offer.claim else False,
        )

    def outcomes(
        self, requests: list[dict[str, Any]], decisions: list[Decided]
    ) -> list[dict[str, Any]]:
        return [
            self._outcome(request, decided)
            for request, decided in zip(requests, decisions, strict=True)
        ]

    def _outcome(self, request: dict[str, Any], decided: Decided) -> dict[str, Any]:
        said = outcome(request, decided)
        said["offer_id"] = request["offer_id"]
        said["actor"] = request["actor"]
        rest = decided.content[REST:]
        more: dict[str, Any] = {}
        if decided.content[0]:
            said["detail"] = (rest[0] or None) if rest else None
        else:
            now = OfferNow(*rest)
            said["offer"] = as_written(now.definition.encode(), now.lead, now.offer_code, now.claim)
            said["current"] = current_offer(request["offer_id"], said["offer_version"], now)
            more = {name: said["current"][name] for name in CURRENT}
        if not decided.replayed and decided.content[0] not in FORGOTTEN:
            said["ledger"] = change(decided, request["fingerprint"], **more)
        return said

    def more_emissions(self, said: dict[str, Any]) -> list[Emission]:
        """The offer as it stands now, for the compacted topic. Takes it out of the outcome."""
        current = said.pop("current", None)
        if current is None or said["replayed"]:
            return []
        key = str(said["offer_id"]).encode()
        return [Emission(self._current_offers, None, key, orjson.dumps(current))]


def claimed(request: dict[str, Any]) -> dict[str, Any] | None:
    return packed_claim(request) if request["type"] == "claim" else None


def as_written(
    definition: bytes, lead: str, offer_code: str, claim: dict[str, Any] | bool | None
) -> dict[str, Any]:
    """The offer as people write it, with the prefix and code it was given and who claimed it."""
    offer: dict[str, Any] = orjson.loads(definition)
    offer["coupons"]["codes"]["prefix"] = lead
    offer["offer_code"] = offer_code
    offer["claim"] = None
    if isinstance(claim, dict):
        offer["claim"] = {
            "service": claim["service"],
            "holder": claim["holder"],
            "ends_at": claim["ends_moment"] or None,
        }
    return offer


def current_offer(offer_id: str, version: int, now: OfferNow) -> dict[str, Any]:
    """A record of the `offers` topic; from these restore makes the ledger's offers again."""
    return {
        "offer_id": offer_id,
        "version": version,
        "number": now.number,
        "offer": as_written(now.definition.encode(), now.lead, now.offer_code, now.claim),
        "created_at": utc_moment(now.created_at),
        "created_by": now.created_by,
        "modified_at": utc_moment(now.modified_at),
        "modified_by": now.modified_by,
    }
