"""The order of fields in what Python and Lua hand each other: written here, read by both."""

from typing import Any, NamedTuple

from schemas.reasons import Reason


class Head(NamedTuple):
    """What a script call says of its batch. ``from_`` and ``to`` are consumer positions."""

    lane: str
    partition: int
    claim: int  # the newest of the partition may write
    committed: int  # Kafka's committed offset
    from_: int
    to: int
    now: int  # milliseconds since 1970, of the worker's clock
    memory_days: int  # how long a request id is remembered
    stamp: int | bool  # of the offers this batch was judged by; False: by none


class Coupon(NamedTuple):
    recipient: str  # customer_id, '' for none
    starts: int  # seconds since 1970
    expires: int | bool  # seconds, False: with the offer
    revoked: bool
    uses: list[Any]  # of Use


class Use(NamedTuple):
    """One redemption of a coupon."""

    redemption_id: str
    customer_id: str  # '' for none
    day: int
    reversed_by: str | bool  # request_id of the reversal, False: it stands


class Customer(NamedTuple):
    """One customer's dealings with one offer, by local days."""

    issued: list[int]  # serial, day, serial, day, ...
    redeemed: list[int]  # day, count, day, count, ...


class IssueOp(NamedTuple):
    offset: int
    kind: str
    request_id: str
    request_key: bytes
    fingerprint: bytes
    offer_id: str
    second: int
    day: int
    occurred_at: str
    customer_id: str
    customer_key: bytes
    service: str
    holder: str
    starts: int
    expires: int | bool


class RedeemOp(NamedTuple):
    offset: int
    kind: str
    request_id: str
    request_key: bytes
    fingerprint: bytes
    offer_id: str
    second: int
    day: int
    occurred_at: str
    customer_id: str
    customer_key: bytes
    serial: int | bool
    verdict: str | bool  # the first stateless rule that refuses
    discount: str | bool  # JSON, when it is accepted
    redemption_id: str | bool


class RevokeOp(NamedTuple):
    offset: int
    kind: str
    request_id: str
    request_key: bytes
    fingerprint: bytes
    offer_id: str
    second: int
    day: int
    occurred_at: str
    scope: str
    customer_keys: list[bytes]


class OfferOp(NamedTuple):
    offset: int
    kind: str
    request_id: str
    request_key: bytes
    fingerprint: bytes
    offer_id: str
    second: int
    day: int
    occurred_at: str
    actor: str
    definition: str | bool  # JSON
    limits: dict[str, Any] | bool
    expiry_type: str | bool
    codes: str | bool  # what of coupons.codes can't change
    prefix: str | bool
    radix: int
    length: int
    leads: list[str] | bool  # the first free one is taken
    offer_codes: list[str] | bool  # the first free one is taken
    claim: dict[str, Any] | bool
    verdict: str | bool
    detail: str | bool


class Decision(NamedTuple):
    """How every decision begins; what follows depends on the transition."""

    reason: str | bool
    sequence: int | bool
    version: int | bool
    decided_at: int  # milliseconds since 1970
    occurred_at: str


class Issued(NamedTuple):
    """What follows in an accepted issue."""

    serial: int
    starts: int
    expires: int | bool  # the coupon's own
    expires_effectively: int | bool  # with the offer's end
    day: int
    customer_total: int
    offer_total: int


class Redeemed(NamedTuple):
    """What follows in an accepted redeem (whole) and reverse (its first four)."""

    serial: int
    coupon_total: int
    customer_total: int | bool
    offer_total: int
    day: int
    discount: str


class Revoked(NamedTuple):
    """What follows in an accepted revoke."""

    ended: int | bool  # how many coupons, False: not counted one by one
    watermark: int | bool
    serials: list[int]


class OfferNow(NamedTuple):
    """What follows in an accepted create, edit or claim."""

    number: int
    definition: str
    lead: str
    length: int
    offer_code: str
    claim: dict[str, Any] | bool
    created_at: int
    created_by: str
    modified_at: int
    modified_by: str


def lua_names(operation: type[NamedTuple] | None = None) -> str:
    """The Lua head of a script: where each field is, and the reasons by name."""
    tables: dict[str, Any] = {"HEAD": Head, "COUPON": Coupon, "USE": Use, "CUSTOMER": Customer}
    if operation is not None:
        tables["OP"] = operation
    lines = [_lua_table(name, layout._fields) for name, layout in tables.items()]
    reasons = ", ".join(f"{reason} = '{reason}'" for reason in Reason)
    unknown = "{ __index = function(_, name) error('no reason ' .. name) end }"
    return "\n".join([*lines, f"local REASON = setmetatable({{ {reasons} }}, {unknown})"])


def _lua_table(name: str, fields: tuple[str, ...]) -> str:
    # `from` and the like need the underscore in Python only.
    places = ", ".join(f"{field.rstrip('_')} = {i}" for i, field in enumerate(fields, 1))
    return f"local {name} = {{ {places} }}"
