"""The order of fields in what Python and Lua hand each other: written here, read by both."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from schemas.reasons import Reason
from state.records import RUN_COUPONS, Counts, Coupon, Customer, Range, Rules, Use


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


#: What a request asks of the ledger, in the order of one of those below. Where millions are made,
#: they are made as plain lists or tuples, which takes a fifth of the time.
Operation = Sequence[Any]


class IssueOp(NamedTuple):
    offset: int
    kind: str
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
    others: list[Any]  # [offer_id, this customer's key of it] of the offers of `unless_received`
    received_since: int  # the day after which one of those must not have been received
    resends: list[str] | bool  # the offer's resend text and name; False for an issue


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
    lines: str  # as `Redeemed.lines`, when it is accepted
    redemption_id: str | bool
    discount_minor: int
    bill_minor: int
    code_key: bytes  # of an uploaded code, empty for others
    starts: int  # of a coupon that a common code gives at the redemption
    expires: int | bool


class RevokeOp(NamedTuple):
    offset: int
    kind: str
    request_key: bytes
    fingerprint: bytes
    offer_id: str
    second: int
    day: int
    occurred_at: str
    scope: str
    customers: list[Any]  # customer_id, customer_key of each


class RemindOp(NamedTuple):
    offset: int
    kind: str
    request_key: bytes
    fingerprint: bytes
    offer_id: str
    second: int
    day: int
    occurred_at: str
    said: str | list[str] | bool  # a text, or POCs; False: the offer has no such reminder
    until: int  # the last second in which it is still said
    run: int
    from_: int  # what ends between these seconds, both included
    to: int


class OfferOp(NamedTuple):
    offset: int
    kind: str
    request_key: bytes
    fingerprint: bytes
    offer_id: str
    second: int
    day: int
    occurred_at: str
    actor: str
    definition: str | bool = False  # JSON
    rules: Rules | bool = False
    expiry_type: str | bool = False
    codes: str | bool = False  # what of coupons.codes can't change
    code_key: bytes = b""  # of a common code
    stores: bool = False  # whether the definition names stores
    prefix: str | bool = False
    radix: int = 0
    length: int = 0
    leads: list[str] | bool = False  # the first free one is taken
    offer_codes: list[str] | bool = False  # the first free one is taken
    claim: dict[str, Any] | bool = False
    verdict: str | bool = False
    detail: str | bool = False
    offer_number: int = 0  # and version, by which an upload or export was judged; 0: no such offer
    offer_version: int = 0
    part: int = 0
    parts: int = 0
    #: codes as [code, key, customer_id, customer_key], or customers, or stores
    items: Sequence[Any] = ()
    wanted: int = 0  # of an export
    starts: int = 0  # of coupons that an export or upload issues
    expires: int | bool = False


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
    code: str | bool  # an uploaded one
    stock: int | bool  # how many free codes of the stock are gone


class Resent(NamedTuple):
    """What follows in an accepted resend."""

    content: str
    offer_name: str
    coupons: list[Any]  # serial, starts, expires effectively, an uploaded code; of each


class Redeemed(NamedTuple):
    """What follows in an accepted redeem (whole) and reverse (its first four)."""

    serial: int
    coupon_total: int
    customer_total: int | bool
    offer_total: int
    day: int
    lines: str  # the discount of each of several, in minor units with commas between
    discount_minor: int
    bill_minor: int
    issued: list[Any] | bool  # starts, expires of a coupon that was issued with it


class Revoked(NamedTuple):
    """What follows in an accepted revoke."""

    ended: int | bool  # how many coupons, False: not counted one by one
    watermark: int | bool
    serials: list[int]
    stock: int | bool  # how many free codes of the stock are gone


class Ending(NamedTuple):
    """A coupon whose recipient is told that it ends."""

    serial: int
    customer_id: str
    starts: int
    ends: int
    code: str | bool  # an uploaded one


class Reminded(NamedTuple):
    """What follows in an accepted remind; only the first is remembered by its request id."""

    how_many: int
    said: str | list[str] | bool = False
    #: The fields of `Ending` of each coupon; where POCs are told, the end of the offer.
    found: Sequence[Any] = ()


class Exported(NamedTuple):
    """What follows in an accepted export."""

    first: int
    size: int
    day: int
    starts: int
    expires: int | bool
    expires_effectively: int | bool
    offer_total: int


class Uploaded(NamedTuple):
    """What follows in an accepted part of an upload of codes, customers or stores."""

    complete: bool
    total: int  # items of all parts, when complete
    more: dict[str, Any]  # what restore needs beside the items
    now: list[Any] | bool  # OfferNow, where the offer has a new version


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
    stores: list[str] | bool  # uploaded ones


_NAMES = re.compile(r"\b(OP|HEAD|COUPON|USE|CUSTOMER|RANGE|RULE|COUNT|REASON|RUN)\.(\w+)")


def bound(text: str, operation: type[NamedTuple] | None = None) -> str:
    """A script whose names of fields (``OP.serial``) are the places where they are (``OP.width``:
    how many), and whose reasons (``REASON.gap_not_elapsed``) are texts: Lua would look each up
    each time.

    Raises KeyError where there is no such field or reason, or no operation.
    """
    layouts: dict[str, type[NamedTuple]] = {
        "HEAD": Head, "COUPON": Coupon, "USE": Use, "CUSTOMER": Customer, "RANGE": Range,
        "RULE": Rules, "COUNT": Counts,
    }  # fmt: skip
    if operation is not None:
        layouts["OP"] = operation
    places: dict[str, dict[str, str]] = {
        # `from` and the like need the underscore in Python only.
        name: {field.rstrip("_"): str(i) for i, field in enumerate(layout._fields, 1)}
        for name, layout in layouts.items()
    }
    for name, layout in layouts.items():
        places[name]["width"] = str(len(layout._fields))
    places["RUN"] = {"coupons": str(RUN_COUPONS)}
    places["REASON"] = {reason: f"'{reason}'" for reason in Reason}
    return _NAMES.sub(lambda found: places[found[1]][found[2]], text)
