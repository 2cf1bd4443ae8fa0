"""What a decision said, as the ledger keeps it, from its outcome: the reverse of what the lanes'
`outcomes` make of it."""

from collections.abc import Callable
from typing import Any

from schemas.offers import Offer
from schemas.times import milliseconds_of, to_second
from state.catalogue import code_length


def rest_of(said: dict[str, Any], change: dict[str, Any]) -> list[Any]:
    """What follows `state.layout.Decision` in it."""
    kind, accepted = said["type"], said["outcome"] == "accepted"
    if kind in _OFFER_KINDS:
        if not accepted:
            taken = [said["taken"]] if "taken" in said else []
            return [said["detail"] or False, *taken]
        return _OFFER_KINDS[kind](said, change)
    if kind in ("remind", "remind_pocs"):
        return [said["reminded"]]
    if kind == "revoke":
        counted = (said["revoked"], change["watermark"], change["stock"])
        ended, watermark, stock_gone = map(or_false, counted)
        return [ended, watermark, change["revoked"], stock_gone]
    if not accepted:
        return [serial_of(said)] if said.get("coupon_id") else []
    if kind == "resend":
        return [said["content"], change["offer_name"], [_resent(one) for one in said["coupons"]]]
    totals, serial = said["totals"], serial_of(said)
    if kind == "issue":
        stock = change.get("stock")
        return [
            serial, change["starts"], or_false(change["expires"]),
            second_or_false(said["expires_at"]), change["day"], totals["customer"], totals["offer"],
            said["code"] if stock is not None else False, or_false(stock),
        ]  # fmt: skip
    counts = [serial, totals["coupon"], or_false(totals["customer"]), totals["offer"]]
    if kind == "reverse":
        return counts
    issued = change.get("issued")
    return [
        *counts, change["day"], _lines_of(said["discount"]),
        change["discount_minor"], change["bill_minor"],
        [issued["starts"], or_false(issued["expires"])] if issued else False,
    ]  # fmt: skip


def _lines_of(discount: dict[str, Any]) -> str:
    """The discount of each of several lines. Amounts are written with all their decimals."""
    lines = discount["lines"]
    return ",".join(str(int(amount.replace(".", ""))) for amount in lines) if lines[1:] else ""


def _resent(coupon: dict[str, Any]) -> list[Any]:
    starts, ends = second_or_false(coupon["starts_at"]), second_or_false(coupon["expires_at"])
    return [serial_of(coupon), starts, ends, coupon["code"]]


def _exported_rest(said: dict[str, Any], change: dict[str, Any]) -> list[Any]:
    expires, ends = or_false(change["expires"]), second_or_false(said["expires_at"])
    run = [change[name] for name in ("first", "count", "day", "starts")]
    return [*run, expires, ends, said["totals"]["offer"]]


def _uploaded_rest(said: dict[str, Any], change: dict[str, Any]) -> list[Any]:
    kept = ("first", "stock_first", "third_party", "waiting_issued", "ranges", "issued_codes",
            "stock", "day", "starts", "generation")  # fmt: skip
    more = {name: change[name] for name in kept if name in change}
    if "expires" in change:
        more["expires"] = or_false(change["expires"])
    now = _offer_rest(said, change) if "offer" in said else False
    return [said["complete"], said.get("total", 0), more, now]


def _offer_rest(said: dict[str, Any], change: dict[str, Any]) -> list[Any]:
    stores, claim = change["stores_now"], said["offer"]["claim"]
    offer = as_declared(said["offer"], stores)
    return [
        change["number"], offer.model_dump_json(exclude={"claim"}), change["lead"],
        code_length(offer), offer.offer_code, packed_claim(claim) if claim else False,
        milliseconds_of(change["created_at"]), change["created_by"],
        milliseconds_of(change["modified_at"]), change["modified_by"],
        stores["uploaded"] if stores else False,
    ]  # fmt: skip


_OFFER_KINDS: dict[str, Callable[[dict[str, Any], dict[str, Any]], list[Any]]] = {
    **dict.fromkeys(("create", "edit", "claim"), _offer_rest),
    **dict.fromkeys(("upload_codes", "set_audience", "set_stores"), _uploaded_rest),
    "export": _exported_rest,
}


def as_declared(written: dict[str, Any], stores: dict[str, Any] | None) -> Offer:
    """The offer as it was defined, where uploaded stores stand in place of its own."""
    if stores:
        redeem = {**written["redeem"], "org_entities": stores["declared"]}
        written = {**written, "redeem": redeem}
    return Offer.model_validate(written)


def packed_claim(claim: dict[str, Any]) -> dict[str, Any]:
    """A claim as the ledger keeps it: its end in seconds and as it was written, False for none."""
    moment = claim.get("ends_at")
    return {
        "service": claim["service"],
        "holder": claim["holder"],
        "ends_at": second_or_false(moment) if moment else False,
        "ends_moment": moment or False,
    }


def serial_of(said: dict[str, Any]) -> int:
    """The serial in an outcome's ``coupon_id``."""
    return int(said["coupon_id"].rpartition(":")[2])


def second_or_false(moment: str | None) -> int | bool:
    return to_second(moment) if moment else False


def or_false(value: int | None) -> int | bool:
    return False if value is None else value
