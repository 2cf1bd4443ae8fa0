"""Offers: create, edit, claim. What only one offer can have is settled by the ledger."""

from typing import Any

import orjson

from schemas.codes import normalise
from schemas.offers import Offer, charset_of, errors_of, shape_of
from schemas.reading import Reader
from schemas.reasons import Reason
from schemas.times import utc_moment
from schemas.topics import CURRENT_OFFERS, OFFERS
from state.catalogue import (
    Catalogue,
    code_length,
    fixed_codes,
    lead_candidates,
    offer_code_candidates,
    put_stores,
    rules_of,
)
from state.decided import packed_claim
from state.fingerprint import fingerprint
from state.keys import code_key, customer_key, request_key
from state.layout import Exported, OfferNow, OfferOp, Uploaded
from state.ledger import Decided, Transition
from streams.batches import Emission
from streams.outcomes import REST, change, moment_or_none, or_none, outcome
from streams.settings import Settings
from streams.work import OneByOne

#: What a record of the `offers` topic has beside the offer itself.
CURRENT = ("number", "lead", "stores_now", "created_at", "created_by", "modified_at", "modified_by")
#: Where each kind of upload has its items.
UPLOADS = {"upload_codes": "codes", "set_audience": "customer_ids", "set_stores": "store_ids"}
FORGOTTEN = (Reason.REQUEST_ID_CONFLICT, Reason.OFFER_NOT_FOUND)


class Offering(OneByOne):
    lane, transition, judges_by_offers = OFFERS, Transition.OFFERS, False

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self.reader = Reader(self.lane.types, settings.currency, settings.decimals)
        self._calendar, self._currency = settings.calendar, settings.currency
        self._pocs, self._approval = settings.known_pocs, settings.approval
        self._decimals, self._catalogue = settings.decimals, catalogue
        self._current_offers = settings.topic(CURRENT_OFFERS)

    def _operation(self, offset: int, request: dict[str, Any]) -> OfferOp:
        kind, offer_id = request["type"], request["offer_id"]
        content = request["fingerprint"] = fingerprint_of(request)
        plain = OfferOp(
            offset=offset,
            kind=kind,
            request_key=request_key("offers", offer_id, request["request_id"]),
            fingerprint=content,
            offer_id=offer_id,
            second=request["second"],
            day=self._calendar.day(request["second"]),
            occurred_at=request["occurred_at"],
            actor=request["actor"],
            claim=claimed(request) or False,
        )
        if kind in ("create", "edit"):
            return self._definition(plain, request)
        return plain if kind == "claim" else self._upload(plain, request)

    def _definition(self, operation: OfferOp, request: dict[str, Any]) -> OfferOp:
        content = {"offer_id": operation.offer_id, **request["offer"]}
        offer, wrong = errors_of(content, self._currency, self._pocs)
        if self._approval and request.get("approved_by") in (None, request["actor"]):
            wrong.append(("approved_by", f"another person than {request['actor']} has to approve"))
        if offer is not None and offer.offer_id != operation.offer_id:
            if operation.kind == "edit":
                return operation._replace(verdict=Reason.FIELD_NOT_EDITABLE, detail="offer_id")
            wrong = [("offer_id", f"{offer.offer_id} is not the request's {operation.offer_id}")]
        if offer is not None and not wrong:
            rules = rules_of(offer, self._decimals)
            return self._described(operation, offer)._replace(rules=rules)
        # It is refused in any case, but for what comes before its being invalid if that holds too.
        detail = "; ".join(f"{path or 'offer'}: {sentence}" for path, sentence in wrong)
        shaped = shape_of(content)
        if shaped is not None:
            operation = self._described(operation, shaped)
        else:
            readable = what_is_readable(content, creates=operation.kind == "create")
            operation = operation._replace(**readable)
        return operation._replace(verdict=Reason.INVALID_OFFER, detail=detail[:2000])

    def _described(self, operation: OfferOp, offer: Offer) -> OfferOp:
        codes, creates = offer.coupons.codes, operation.kind == "create"
        leads, places = lead_candidates(offer), offer.redeem.org_entities
        named = offer.offer_code is not None
        return operation._replace(
            definition=offer.model_dump_json(exclude={"claim"}),
            expiry_type=offer.expiry.type,
            codes=fixed_codes(offer),
            code_key=code_key(normalise(codes.code)) if codes.type == "common" else b"",
            stores=bool(places and places.stores),
            prefix=(codes.prefix if codes.type == "unique" else None) or False,
            radix=len(charset_of(codes)) if codes.type in ("unique", "randomised") else 0,
            length=code_length(offer),
            leads=leads if creates and leads else False,
            offer_codes=offer_code_candidates(offer) if creates or named else False,
            claim=packed_claim(offer.claim.model_dump()) if offer.claim else False,
        )

    def _upload(self, operation: OfferOp, request: dict[str, Any]) -> OfferOp:
        """An upload or export; the coupons it issues begin and end by the offer's present rules."""
        offer = self._catalogue.get(operation.offer_id)
        operation = operation._replace(
            part=request.get("part", 0),
            parts=request.get("parts", 0),
            wanted=request.get("count", 0),
        )
        if request["type"] == "set_audience":
            return operation._replace(items=sorted(set(request["customer_ids"])))
        if request["type"] == "set_stores":
            return operation._replace(items=sorted(set(request["store_ids"])))
        if offer is None:
            return operation
        expires = offer.expires(self._calendar, operation.day)
        return operation._replace(
            offer_number=offer.number,
            offer_version=offer.version,
            items=[_item(offer.number, *code) for code in uploaded(request)],
            starts=offer.starts(self._calendar, operation.second, operation.day),
            expires=False if expires is None else expires,
        )

    def _outcome(self, request: dict[str, Any], decided: Decided) -> dict[str, Any]:
        said = outcome(request, decided)
        said["offer_id"] = request["offer_id"]
        said["actor"] = request["actor"]
        if request.get("approved_by"):
            said["approved_by"] = request["approved_by"]
        rest = decided.content[REST:]
        more: dict[str, Any] = {}
        if decided.content[0]:
            said["detail"] = (rest[0] or None) if rest else None
            if len(rest) > 1:
                said["taken"] = rest[1]
        elif request["type"] == "export":
            more = self._exported(said, Exported(*rest))
        elif request["type"] in UPLOADS:
            more = self._uploaded(request, said, Uploaded(*rest))
        else:
            more = self._became(said, OfferNow(*rest))
        if not decided.replayed and decided.content[0] not in FORGOTTEN:
            said["ledger"] = change(decided, request["fingerprint"], **more)
        return said

    def _became(self, said: dict[str, Any], now: OfferNow) -> dict[str, Any]:
        """Puts the offer as it is now into the outcome; returns what the ledger keeps of it."""
        said["offer"] = as_written(
            now.definition.encode(), now.lead, now.offer_code, now.claim, now.stores
        )
        said["current"] = current_offer(said["offer_id"], said["offer_version"], now)
        return {name: said["current"][name] for name in CURRENT}

    def _exported(self, said: dict[str, Any], exported: Exported) -> dict[str, Any]:
        offer = self._catalogue.get(said["offer_id"])
        assert offer is not None
        said["first"], said["count"] = exported.first, exported.size
        # So that who computes the others can tell that it has the same secret.
        said["first_code"] = self._catalogue.code_of(offer, exported.first)
        said["starts_at"] = self._calendar.moment(exported.starts)
        said["expires_at"] = moment_or_none(self._calendar, exported.expires_effectively)
        said["totals"] = {"customer": None, "offer": exported.offer_total}
        return {
            "first": exported.first,
            "count": exported.size,
            "day": exported.day,
            "starts": exported.starts,
            "expires": or_none(exported.expires),
        }

    def _uploaded(
        self, request: dict[str, Any], said: dict[str, Any], part: Uploaded
    ) -> dict[str, Any]:
        name = UPLOADS[request["type"]]
        said["part"], said["parts"] = request["part"], request["parts"]
        said["items"], said["complete"] = len(request[name]), part.complete
        if part.complete:
            said["total"] = part.total
        more = dict(part.more)
        if "expires" in more:
            more["expires"] = or_none(more["expires"])
        if name == "codes":
            more["codes"] = uploaded(request)
        else:
            more[name.replace("_ids", "s")] = sorted(set(request[name]))
        if isinstance(part.now, list):
            more = self._became(said, OfferNow(*part.now)) | more
        return more

    def more_emissions(self, said: dict[str, Any], /) -> list[Emission]:
        """The offer as it stands now, for the compacted topic. Takes it out of the outcome."""
        current = said.pop("current", None)
        if current is None or said["replayed"]:
            return []
        key = str(said["offer_id"]).encode()
        return [Emission(self._current_offers, None, key, orjson.dumps(current))]


def fingerprint_of(request: dict[str, Any]) -> bytes:
    kind, actor = request["type"], request["actor"]
    if kind in UPLOADS:
        # Codes get their serials in their order; of customers and stores there are just these.
        items = uploaded(request) if kind == "upload_codes" else sorted(set(request[UPLOADS[kind]]))
        return fingerprint(kind, actor, request["part"], request["parts"], items)
    if kind == "export":
        return fingerprint(kind, actor, request["count"])
    if kind == "claim":
        return fingerprint(kind, actor, {**packed_claim(request), "ends_moment": False})
    approved = [request["approved_by"]] if request.get("approved_by") else []
    offer = shape_of({"offer_id": request["offer_id"], **request["offer"]})
    # With what it leaves to defaults, where it can be read.
    written = offer.model_dump(mode="json") if offer else request["offer"]
    return fingerprint(kind, actor, written, *approved)


def uploaded(request: dict[str, Any]) -> list[list[str]]:
    """[normalised code, customer_id or ''] of each code of an upload."""
    return [
        [normalise(item["code"]), item.get("customer_id") or ""]
        for item in request.get("codes", ())
    ]


def _item(number: int, code: str, customer_id: str) -> list[Any]:
    of_customer = customer_key(number, customer_id) if customer_id else b""
    return [code, code_key(code), customer_id, of_customer]


def claimed(request: dict[str, Any]) -> dict[str, Any] | None:
    return packed_claim(request) if request["type"] == "claim" else None


def what_is_readable(content: dict[str, Any], creates: bool) -> dict[str, Any]:
    """Of an invalid offer, what is refused before its being invalid: another code, codes or type
    of expiry."""
    found: dict[str, Any] = {}
    code, expiry = content.get("offer_code"), content.get("expiry")
    if isinstance(code, str):
        found["offer_codes"] = [code]
    if not creates and isinstance(expiry, dict) and isinstance(expiry.get("type"), str):
        found["expiry_type"] = expiry["type"]
    return found


def as_written(
    definition: bytes,
    lead: str,
    offer_code: str,
    claim: dict[str, Any] | bool | None,
    stores: list[str] | bool | None,
) -> dict[str, Any]:
    """The offer as people write it, with the prefix and code it was given, who claimed it, and
    the stores that were uploaded."""
    offer: dict[str, Any] = orjson.loads(definition)
    if offer["coupons"]["codes"]["type"] == "unique":
        offer["coupons"]["codes"]["prefix"] = lead
    if isinstance(stores, list):
        put_stores(offer, stores)
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
        "offer": as_written(
            now.definition.encode(), now.lead, now.offer_code, now.claim, now.stores
        ),
        "lead": now.lead,
        "stores_now": stores_now(now),
        "created_at": utc_moment(now.created_at),
        "created_by": now.created_by,
        "modified_at": utc_moment(now.modified_at),
        "modified_by": now.modified_by,
    }


def stores_now(now: OfferNow) -> dict[str, Any] | None:
    """Uploaded stores, and which places the definition names that they stand in place of."""
    if not now.stores:
        return None
    declared = orjson.loads(now.definition)["redeem"]["org_entities"]
    return {"uploaded": now.stores, "declared": declared}
