"""The order of fields in what Python and Lua hand each other: written here, read by both."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgpack

from schemas.reasons import Reason

#: What lies in Redis, by its number. With each change of a record or key it is raised by one: a
#: ledger of another layout is made again from the outcomes.
LAYOUT = 6
#: Coupons that one request to remind goes through: 16 hashes of 64.
RUN_COUPONS = 1_024


def runs_of(first: int, size: int) -> range:
    """Which runs of `RUN_COUPONS` serials these serials in a row lie in."""
    return range(first // RUN_COUPONS, -(-(first + size) // RUN_COUPONS))


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


# Records: their values packed one after the other, with no list around them. `record` makes one,
# `values_of` in lua/prelude.lua reads it.


class Coupon(NamedTuple):
    """A coupon's record; what follows are its redemptions, each with the fields of `Use`."""

    recipient: str  # customer_id, '' for none
    starts: int  # seconds since 1970
    expires: int | bool  # seconds, False: with the offer
    revoked: bool


class Use(NamedTuple):
    """One redemption of a coupon."""

    redemption_id: str
    customer_id: str  # '' for none
    day: int
    reversed_by: str | bool  # request_id of the reversal, False: it stands
    discount_minor: int
    bill_minor: int
    sequence: int  # of its decision: what reversed it came later


class Customer(NamedTuple):
    """One customer's dealings with one offer, by local days: how many values each list has. The
    lists follow."""

    redeemed: int  # day, count, day, count, ...
    issued: int  # serial, day, serial, day, ...
    uploaded: int  # serials of codes uploaded for them, if their upload took effect
    taken: int  # serials without a recipient that they redeemed


class Range(NamedTuple):
    """Coupons that are there without a record of their own: exported, or uploaded."""

    first: int
    size: int
    day: int  # of the export or upload
    starts: int
    expires: int | bool


class Limits(NamedTuple):
    """What scripts need of an offer's rules, in the field ``limits`` of its hash. False: no limit.
    Money in minor units."""

    ends_at: int | bool  # seconds
    with_campaign: bool
    codes: str  # generated, common or uploaded
    third_party: bool
    issue_per_customer: int | bool
    issue_gap_days: int
    issue_total: int | bool
    resend: bool
    anyone_may_redeem: bool
    uses_per_coupon: int | bool
    redeem_per_customer: int | bool
    redeem_gap_days: int
    redeem_total: int | bool
    budget_discount: int | bool
    revenue_goal: int | bool
    possible_codes: float | bool = False  # of generated ones


class Counts(NamedTuple):
    """What requests change of an offer, in the field ``counts`` of its hash; all read at once."""

    issued: int  # of generated codes: the next serial
    skipped: int  # serials below it that a loss made nobody's
    redeemed: int  # standing ones
    sequence: int  # of its newest decision
    watermark: int  # unredeemed coupons of lower serials are revoked
    discounted: int  # minor units, of standing redemptions
    revenue: int
    positions: int  # of uploaded codes
    stock_next: int  # where the next free code of an upload comes
    stock: int  # free codes in effect, and those that were
    taken: int  # how many of them are gone
    audience: int  # the generation in effect, below zero: everyone
    audiences: int
    closed: bool  # no code is left to be issued
    last_issued: int | bool  # milliseconds since 1970
    last_redeemed: int | bool


#: What a request asks of the ledger: a tuple in the order of one of those below. Where millions
#: are made, they are made as plain ones, which takes a fifth of the time.
Operation = tuple[Any, ...]


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
    others: list[Any]  # [offer_id, this customer's key of it] of the offers of `unless_received`
    received_since: int  # the day after which one of those must not have been received
    content: str  # the offer's resend text


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
    discount_minor: int
    bill_minor: int
    code_key: bytes  # of an uploaded code, empty for others
    starts: int  # of a coupon that a common code gives at the redemption
    expires: int | bool


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
    customers: list[Any]  # customer_id, customer_key of each


class RemindOp(NamedTuple):
    offset: int
    kind: str
    request_id: str
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
    request_id: str
    request_key: bytes
    fingerprint: bytes
    offer_id: str
    second: int
    day: int
    occurred_at: str
    actor: str
    definition: str | bool = False  # JSON
    limits: Limits | bool = False
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
    coupons: list[Any]  # serial, starts, expires effectively, an uploaded code; of each


class Redeemed(NamedTuple):
    """What follows in an accepted redeem (whole) and reverse (its first four)."""

    serial: int
    coupon_total: int
    customer_total: int | bool
    offer_total: int
    day: int
    discount: str
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


_pack = msgpack.Packer(use_bin_type=False, autoreset=True).pack


def record(values: Iterable[Any]) -> bytes:
    return b"".join(map(_pack, values))


def values_of(packed: bytes) -> list[Any]:
    """What `record` packed."""
    values = msgpack.Unpacker()
    values.feed(packed)
    return [*values]


def counts_of(packed: bytes | None) -> Counts:
    """The field ``counts`` of an offer's hash; None: of one that nothing was decided of yet."""
    return Counts(*values_of(packed)) if packed else _NO_COUNTS


_NO_COUNTS = Counts._make([0] * 13 + [False] * 3)
_NAMES = re.compile(r"\b(OP|HEAD|COUPON|USE|CUSTOMER|RANGE|LIMIT|COUNT|REASON|RUN)\.(\w+)")


def bound(text: str, operation: type[NamedTuple] | None = None) -> str:
    """A script whose names of fields (``OP.serial``) are the places where they are (``OP.width``:
    how many), and whose reasons (``REASON.gap_not_elapsed``) are texts: Lua would look each up
    each time.

    Raises KeyError where there is no such field or reason, or no operation.
    """
    layouts: dict[str, type[NamedTuple]] = {
        "HEAD": Head, "COUPON": Coupon, "USE": Use, "CUSTOMER": Customer, "RANGE": Range,
        "LIMIT": Limits, "COUNT": Counts,
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
