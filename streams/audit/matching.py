"""Does an outcome answer its request? Structure and content of the two, without any memory."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from schemas.reasons import PRECEDENCE, Reason
from schemas.topics import OFFERS, Lane

_NOT_SEQUENCED = {
    Reason.INVALID_REQUEST,
    Reason.REQUEST_ID_CONFLICT,
    Reason.OFFER_NOT_FOUND,
    Reason.CODE_NOT_FOUND,
}
_ALL_KINDS = {
    **PRECEDENCE,
    "export": (
        *PRECEDENCE["edit"],
        Reason.OFFER_EXPIRED,
        Reason.NOT_CLAIMED_BY_SERVICE,
        Reason.OFFER_LIMIT_REACHED,
        Reason.CODES_EXHAUSTED,
    ),
}
#: Where uploads have their items, and where the ledger's part of their outcomes does.
_ITEMS = {
    "upload_codes": ("codes", "codes"),
    "set_audience": ("customer_ids", "customers"),
    "set_stores": ("store_ids", "stores"),
}
_SEQUENCED = {kind: frozenset(reasons) - _NOT_SEQUENCED for kind, reasons in _ALL_KINDS.items()}


def structure(lane: Lane, said: dict[str, Any]) -> Iterable[str]:
    """What is wrong with an outcome by itself."""
    kind, reason, change = said["type"], said["reason"], said.get("ledger")
    if (
        change
        and not said["replayed"]
        and change["sequence"] is not None
        and kind in lane.types
        and kind != "validate"
        and said["outcome"] == ("accepted" if reason is None else "rejected")
        and (reason is None or reason in _SEQUENCED.get(kind, ()))
    ):
        return ()
    return _structure_errors(lane, said)


def _structure_errors(lane: Lane, said: dict[str, Any]) -> Iterator[str]:
    kind, reason, result = said["type"], said["reason"], said["outcome"]
    change, replayed = said.get("ledger"), said["replayed"]
    if reason == Reason.INVALID_REQUEST:
        if result != "rejected" or replayed or change:
            yield "an invalid_request is rejected, never replayed and never remembered"
        return
    if kind not in lane.types:
        yield f"has the type {kind}, which is none of {lane.name}"
        return
    if result != ("accepted" if reason is None else "rejected"):
        yield f"says {result} with the reason {reason}"
    if reason is not None and reason not in _ALL_KINDS.get(kind, PRECEDENCE["edit"]):
        yield f"has the reason {reason}, which {kind} doesn't know"
    if replayed:
        if change or kind == "validate" or reason in _NOT_SEQUENCED:
            yield "is replayed, and is none that can be"
    elif change is None:
        if kind != "validate" and reason not in _NOT_SEQUENCED and not _of_no_offer(said):
            yield "has no place in its offer's sequence"
    elif change["sequence"] is None and lane is not OFFERS:
        yield "has no place in its offer's sequence"
    elif kind == "validate" or reason in _NOT_SEQUENCED:
        yield "has a place in its offer's sequence, though nothing was decided"


def _of_no_offer(said: dict[str, Any]) -> bool:
    """A reversal whose code belongs to no offer."""
    return said["reason"] == Reason.REDEMPTION_NOT_FOUND and said.get("offer_id") is None


def mismatches(said: dict[str, Any], request: dict[str, Any]) -> Iterator[str]:
    """The fields in which an outcome isn't its request's."""
    if said["request_id"] != request.get("request_id"):
        yield "request_id"
    if said["reason"] == Reason.INVALID_REQUEST:
        return
    kind = said["type"]
    if kind != request["type"]:
        yield "type"
        return
    if not said["replayed"] and said["occurred_at"] != request["occurred_at"]:
        yield "occurred_at"
    if kind in ("redeem", "validate", "reverse"):
        yield from _redeem_mismatches(said, request)
        return
    if said["offer_id"] != request["offer_id"]:
        yield "offer_id"
    if kind in ("issue", "resend"):
        if said["customer_id"] != request["customer_id"]:
            yield "customer_id"
    elif kind in ("remind", "remind_pocs"):
        yield from (name for name in ("reminder", "ends_on", "run") if said[name] != request[name])
    elif kind == "revoke":
        if said["scope"] != request["scope"]:
            yield "scope"
    elif said["actor"] != request["actor"]:
        yield "actor"
    elif kind in _ITEMS and said["reason"] is None:
        yield from _upload_mismatches(said, request)


def _upload_mismatches(said: dict[str, Any], request: dict[str, Any]) -> Iterator[str]:
    asked, name = (_ITEMS[said["type"]][0], _ITEMS[said["type"]][1])
    for field in ("part", "parts"):
        if said[field] != request[field]:
            yield field
    if said["items"] != len(request[asked]):
        yield "items"
    change = said.get("ledger")
    if change is None:
        return
    if asked == "codes":
        due = [[plain_code(c["code"]), c.get("customer_id") or ""] for c in request[asked]]
        if change[name] != due:
            yield name
    elif sorted(set(change[name])) != sorted(set(request[asked])):
        yield name


def _redeem_mismatches(said: dict[str, Any], request: dict[str, Any]) -> Iterator[str]:
    code = request["code"]
    if said["code"] != code and said["code"] != plain_code(code):
        yield "code"
    if said["customer_id"] != request.get("customer_id"):
        yield "customer_id"
    if said["till_id"] != request.get("till_id"):
        yield "till_id"
    if said["type"] == "reverse":
        if said["redemption_id"] != request["redemption_id"]:
            yield "redemption_id"
        return
    ours, theirs = said["bill"], request["bill"]
    if ours["number"] != theirs["number"] or ours["currency"] != theirs["currency"]:
        yield "bill"
    elif ours["amount"] != theirs["amount"] and Decimal(ours["amount"]) != Decimal(
        theirs["amount"]
    ):
        yield "bill.amount"


def discount_errors(
    said: dict[str, Any],
    due: tuple[Decimal, list[Decimal]] | None,
    currency: str,
    unit: Decimal,
) -> Iterator[str]:
    """What is wrong with the discount of an accepted redeem or validate, computed anew."""
    discount = said["discount"]
    if due is None:
        yield f"was given a discount of {discount['amount']}, but no line of the bill is eligible"
        return
    whole, eligible = due
    shares = [Decimal(share) for share in discount["lines"]]
    if Decimal(discount["amount"]) != whole:
        yield f"was given a discount of {discount['amount']}, due is {whole}"
    if discount["currency"] != currency:
        yield f"was given a discount in {discount['currency']} instead of {currency}"
    if len(shares) != len(eligible):
        yield f"has the discount of {len(shares)} lines, the bill has {len(eligible)}"
        return
    if len(shares) == 1:
        if shares[0] != whole:
            yield f"has one line with the discount {shares[0]} of {whole}"
        return
    if sum(shares) != whole:
        yield f"has a discount of {whole} and lines that sum to {sum(shares)}"
    total = sum(eligible)
    for share, amount in zip(shares, eligible, strict=True):
        due_share = whole * amount / total if total else total
        if not 0 <= share <= amount or abs(share - due_share) >= unit:
            yield f"has a line of {amount} with the discount {share}, its share is {due_share:.6f}"
            return


_HYPHENS = "-\u00ad\u2010\u2011\ufe63\uff0d"
_PLAIN = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", _HYPHENS)


def plain_code(code: str) -> str:
    """A code without white space and hyphens, in upper case."""
    return "".join(code.split()).translate(_PLAIN)
