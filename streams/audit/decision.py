"""A decision in short: what the fold needs of an outcome, and of its request."""

from functools import lru_cache
from typing import Any, NamedTuple

from schemas.times import to_second

#: coupon's, customer's, offer's count; None where the outcome gives none.
Totals = tuple[int | None, int | None, int]


#: Moments come again: a coupon starts when it is issued, and all of an offer end together.
_cached_second = lru_cache(maxsize=10_000)(to_second)


class Decision(NamedTuple):
    """``reason`` None: accepted. ``serial`` -1: no coupon. ``more`` depends on the kind."""

    sequence: int
    kind: str
    reason: str | None
    version: int
    request_id: str
    customer: str  # '' for none
    code: str
    serial: int
    second: int
    day: int | None
    totals: Totals | None
    more: Any
    lane: str
    partition: int
    offset: int

    def __str__(self) -> str:
        parts = [f"coupon {self.serial}"] if self.serial >= 0 else []
        if self.customer:
            parts.append(f"customer {self.customer}")
        place = f"{self.lane}.requests {self.partition}/{self.offset}"
        parts += [f"sequence {self.sequence}", place]
        return f"{self.kind} {self.request_id} ({', '.join(parts)})"


class Issuing(NamedTuple):
    service: str | None  # None: the request is gone
    holder: str | None
    starts: int
    starts_shown: int
    expires: int | None
    expires_shown: int | None


class Revoking(NamedTuple):
    scope: str
    customers: frozenset[str] | None  # None: the request is gone
    ended: int | None
    watermark: int | None
    serials: list[int]


class Changing(NamedTuple):
    """Of an offer: what it became, and what was asked for (None: the request is gone)."""

    offer: dict[str, Any] | None
    number: int | None
    request: dict[str, Any] | None
    detail: str | None


def shorten(
    said: dict[str, Any],
    request: dict[str, Any] | None,
    ineligible: bool | None,
    place: tuple[str, int, int],
) -> Decision:
    """The outcome of a remembered decision, whose ledger part has a sequence."""
    kind, change = said["type"], said["ledger"]
    coupon_id, totals = said.get("coupon_id"), said.get("totals")
    return Decision(
        change["sequence"],
        kind,
        said["reason"],
        said["offer_version"],
        said["request_id"],
        said.get("customer_id") or "",
        said.get("code") or "",
        _serial(coupon_id, said["offer_id"]) if coupon_id else -1,
        _cached_second(said["occurred_at"]),
        change.get("day"),
        totals and (totals.get("coupon"), totals["customer"], totals["offer"]),
        ineligible if kind == "redeem" else _MORE[kind](said, request, change),
        *place,
    )


def _serial(coupon_id: str, offer_id: str) -> int:
    begin, _, serial = coupon_id.rpartition(":")
    if begin != offer_id:
        raise ValueError(f"coupon_id {coupon_id} is none of offer {offer_id}")
    return int(serial)


def _issuing(said: dict[str, Any], request: dict[str, Any] | None, change: dict[str, Any]) -> Any:
    service, holder = (request["service"], request["holder"]) if request else (None, None)
    if said["reason"] is not None:
        return Issuing(service, holder, 0, 0, None, None)
    ends = said["expires_at"]
    starts, starts_shown = change["starts"], _cached_second(said["starts_at"])
    shown = None if ends is None else _cached_second(ends)
    return Issuing(service, holder, starts, starts_shown, change["expires"], shown)


def _resending(said: dict[str, Any], _: dict[str, Any] | None, __: dict[str, Any]) -> Any:
    return said.get("coupons")


def _reversing(said: dict[str, Any], _: dict[str, Any] | None, __: dict[str, Any]) -> Any:
    return said["redemption_id"]


def _revoking(said: dict[str, Any], request: dict[str, Any] | None, change: dict[str, Any]) -> Any:
    customers = None if request is None else frozenset(request.get("customer_ids") or ())
    ended, watermark = said.get("revoked"), change.get("watermark")
    return Revoking(said["scope"], customers, ended, watermark, change.get("revoked") or [])


def _changing(said: dict[str, Any], request: dict[str, Any] | None, change: dict[str, Any]) -> Any:
    return Changing(said.get("offer"), change.get("number"), request, said.get("detail"))


_MORE = {
    "issue": _issuing,
    "resend": _resending,
    "reverse": _reversing,
    "revoke": _revoking,
    "create": _changing,
    "edit": _changing,
    "claim": _changing,
    "export": _changing,
    "upload_codes": _changing,
    "set_audience": _changing,
    "set_stores": _changing,
}
