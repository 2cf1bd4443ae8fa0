"""A decision in short: what the fold needs of an outcome, and of its request."""

from functools import lru_cache
from typing import Any, NamedTuple

from schemas.times import milliseconds_of, to_second

#: coupon's, customer's, offer's count; None where the outcome gives none.
Totals = tuple[int | None, int | None, int]


#: Moments come again: a coupon starts when it is issued, all of an offer end together, and many
#: are decided at once.
second_of = lru_cache(maxsize=10_000)(to_second)
_cached_ms = lru_cache(maxsize=10_000)(milliseconds_of)


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
    stock: int | None  # free uploaded codes that are gone after it
    decided_ms: int


class Resending(NamedTuple):
    content: str | None
    coupons: tuple["Resent", ...]


class Resent(NamedTuple):
    serial: int
    code: str
    starts: int
    expires: int | None
    content: str


class Redeeming(NamedTuple):
    """``verdicts``: what the rules without memory may have said (None: nothing against it), one in
    most cases; without any the request is gone. Amounts None: nobody needs them."""

    verdicts: tuple[str | None, ...]
    discount_minor: int | None
    bill_minor: int | None
    issued: tuple[int, int | None, int] | None  # starts, expires, decided (ms) of a new coupon


class Revoking(NamedTuple):
    scope: str
    customers: frozenset[str] | None  # None: the request is gone
    ended: int | None
    watermark: int | None
    serials: list[int]
    stock: int | None


class Reminding(NamedTuple):
    reminder: str
    ends_on: str
    run: int
    late: bool  # beyond the grace: nobody is reminded any more
    how_many: int
    serials: list[int]
    decided_s: int


class Changing(NamedTuple):
    """Of an offer: what it became, and what was asked for (None: the request is gone)."""

    offer: dict[str, Any] | None
    number: int | None
    request: dict[str, Any] | None
    detail: str | None


class Exporting(NamedTuple):
    """``asked``: how many (None: the request is gone)."""

    asked: int | None
    first: int
    given: int
    starts: int
    starts_shown: int
    expires: int | None
    expires_shown: int | None


class Uploading(NamedTuple):
    """A part of an upload. ``change``: the outcome's ledger part."""

    part: int
    parts: int
    items: int
    complete: bool
    total: int | None
    change: dict[str, Any]
    decided_ms: int


def shorten(
    said: dict[str, Any],
    request: dict[str, Any] | None,
    redeeming: Redeeming | None,
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
        second_of(said["occurred_at"]),
        change.get("day"),
        totals and (totals.get("coupon"), totals["customer"], totals["offer"]),
        redeeming if kind == "redeem" else _MORE[kind](said, request, change),
        *place,
    )


def _serial(coupon_id: str, offer_id: str) -> int:
    begin, _, serial = coupon_id.rpartition(":")
    if begin != offer_id:
        raise ValueError(f"coupon_id {coupon_id} is none of offer {offer_id}")
    return int(serial)


def decided_ms(said: dict[str, Any]) -> int:
    """Milliseconds since 1970."""
    return _cached_ms(said["decided_at"])


def _shown(moment: str | None) -> int | None:
    return None if moment is None else second_of(moment)


def _issuing(said: dict[str, Any], request: dict[str, Any] | None, change: dict[str, Any]) -> Any:
    service, holder = (request["service"], request["holder"]) if request else (None, None)
    if said["reason"] is not None:
        return Issuing(service, holder, 0, 0, None, None, None, decided_ms(said))
    starts, starts_shown = change["starts"], second_of(said["starts_at"])
    return Issuing(
        service,
        holder,
        starts,
        starts_shown,
        change["expires"],
        _shown(said["expires_at"]),
        change.get("stock"),
        decided_ms(said),
    )


def _resending(said: dict[str, Any], _: dict[str, Any] | None, __: dict[str, Any]) -> Any:
    coupons = (
        Resent(
            _serial(coupon["coupon_id"], said["offer_id"]),
            coupon["code"],
            second_of(coupon["starts_at"]),
            _shown(coupon["expires_at"]),
            coupon["content"],
        )
        for coupon in said.get("coupons") or ()
    )
    return Resending(said.get("content"), tuple(coupons))


def _exporting(said: dict[str, Any], request: dict[str, Any] | None, change: dict[str, Any]) -> Any:
    asked = None if request is None else request["count"]
    if said["reason"] is not None:
        return Exporting(asked, 0, asked or 0, 0, 0, None, None)
    if (said["first"], said["count"]) != (change["first"], change["count"]):
        raise ValueError(f"says first {said['first']}, count {said['count']}, and noted others")
    shown = second_of(said["starts_at"]), _shown(said["expires_at"])
    first, count, starts = change["first"], change["count"], change["starts"]
    return Exporting(asked, first, count, starts, shown[0], change["expires"], shown[1])


def _uploading(said: dict[str, Any], _: dict[str, Any] | None, change: dict[str, Any]) -> Any:
    if said["reason"] is not None:
        return Uploading(0, 0, 0, False, None, change, 0)
    complete, total = said["complete"], said.get("total")
    part = said["part"], said["parts"], said["items"]
    return Uploading(*part, complete, total, change, decided_ms(said))


def _storing(said: dict[str, Any], request: dict[str, Any] | None, change: dict[str, Any]) -> Any:
    """Stores take effect as a new version of the offer."""
    return _changing(said, request, change), _uploading(said, request, change)


def _reversing(said: dict[str, Any], _: dict[str, Any] | None, __: dict[str, Any]) -> Any:
    return said["redemption_id"]


def _revoking(said: dict[str, Any], request: dict[str, Any] | None, change: dict[str, Any]) -> Any:
    customers = None if request is None else frozenset(request.get("customer_ids") or ())
    ended, watermark = said.get("revoked"), change.get("watermark")
    serials, stock = change.get("revoked") or [], change.get("stock")
    return Revoking(said["scope"], customers, ended, watermark, serials, stock)


def _reminding(said: dict[str, Any], _: dict[str, Any] | None, change: dict[str, Any]) -> Any:
    return Reminding(
        said["reminder"],
        said["ends_on"],
        said["run"],
        said["late"],
        said["reminded"],
        change["reminded"],
        decided_ms(said) // 1_000,
    )


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
    "export": _exporting,
    "upload_codes": _uploading,
    "set_audience": _uploading,
    "set_stores": _storing,
    "remind": _reminding,
    "remind_pocs": _reminding,
}
