"""What lies in Redis: records, their values packed one after the other with no list around them.
`record` makes one; `values_of` here and in lua/prelude.lua reads it."""

from collections.abc import Iterable
from itertools import islice
from typing import Any, NamedTuple

import msgpack

#: What lies in Redis, by its number. With each change of a record or key it is raised by one: a
#: ledger of another layout is made again from the outcomes.
LAYOUT = 11
#: Coupons that one request to remind goes through: 16 hashes of 64.
RUN_COUPONS = 1_024


def runs_of(first: int, size: int) -> range:
    """Which runs of `RUN_COUPONS` serials these serials in a row lie in."""
    return range(first // RUN_COUPONS, -(-(first + size) // RUN_COUPONS))


class Coupon(NamedTuple):
    """A coupon's record; what follows are its redemptions, each with the fields of `Use`. Where
    there are none, what is False at its end is left out: most of a ledger are such coupons."""

    recipient: str  # customer_id, '' for none
    starts: int  # seconds since 1970
    expires: int | bool  # seconds, False: with the offer
    revoked: bool
    #: What its recipient redeemed is counted in their record. False: their record has this coupon
    #: and no more, and all of their redemptions that stand are this coupon's.
    apart: bool


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
    lists follow, and then those redeemed: day, count, day, count, ...

    A record begins with `issued` and has no other length, or, where one of the others isn't 0, with
    -1 and all three. What a coupon tells (see `Coupon.apart`) isn't among those redeemed."""

    issued: int  # serial, day, serial, day, ...
    uploaded: int  # serials of codes uploaded for them, if their upload took effect
    taken: int  # serials without a recipient that they redeemed


class Lists(NamedTuple):
    """What the lists of a customer's record hold."""

    issued: list[int]
    uploaded: list[int]
    taken: list[int]
    redeemed: list[int]


class Range(NamedTuple):
    """Coupons that are there without a record of their own: exported, or uploaded."""

    first: int
    size: int
    day: int  # of the export or upload
    starts: int
    expires: int | bool


class Rules(NamedTuple):
    """What requests of an offer are judged by. False: no limit. Money in minor units. What has a
    default is filled in by the ledger."""

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
    number: int = 0
    version: int = 0
    ends: int | bool = False  # the offer's last second
    last_second: int | bool = False  # of a coupon without an end of its own; False: good for ever
    campaign_ends: int | bool = False
    service: str | bool = False  # whose the offer is, and which part of it
    holder: str | bool = False


class Counts(NamedTuple):
    """What requests change of an offer; all read at once."""

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


_pack = msgpack.Packer(use_bin_type=False, autoreset=True).pack


def record(values: Iterable[Any]) -> bytes:
    return b"".join(map(_pack, values))


def coupon_record(coupon: Coupon) -> bytes:
    """Of one without redemptions."""
    width = len(coupon)
    while coupon[width - 1] is False:
        width -= 1
    return record(coupon[:width])


def new_customer(serial: int, day: int) -> bytes:
    """The record of one who was issued just this coupon."""
    return record((2, serial, day))


def values_of(packed: bytes) -> list[Any]:
    """What `record` packed."""
    values = msgpack.Unpacker()
    values.feed(packed)
    return [*values]


def coupon_of(packed: bytes) -> tuple[Coupon, list[list[Any]]]:
    """A coupon and the values of each of its redemptions, in the order of `Use`."""
    values, width = values_of(packed), len(Coupon._fields)
    coupon = Coupon(*values[:width], *[False] * (width - len(values)))
    uses, width = values[width:], len(Use._fields)
    return coupon, [uses[i : i + width] for i in range(0, len(uses), width)]


def lists_of(packed: bytes) -> Lists:
    """What a customer's record lists."""
    values = iter(values_of(packed))
    first = next(values)
    lengths = Customer(first, 0, 0)
    if first == -1:
        lengths = Customer(*islice(values, len(lengths)))
    issued, uploaded, taken = ([*islice(values, length)] for length in lengths)
    return Lists(issued, uploaded, taken, [*values])


def counts_of(packed: bytes | None) -> Counts:
    """What `record` packed; None: of an offer that nothing was decided of yet."""
    return Counts(*values_of(packed)) if packed else _NO_COUNTS


_NO_COUNTS = Counts._make([0] * 13 + [False] * 3)
