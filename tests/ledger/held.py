"""What a ledger holds: every key with what it means, to compare two ledgers."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgpack
import orjson

from state.layout import Decision, OfferNow, Resent, Uploaded
from state.ledger import Ledger
from state.records import Rules, Use, counts_of, coupon_of, lists_of, values_of

#: Gone or new after a restore by their nature: what of a batch wasn't committed, who claimed a
#: partition, what belongs to one opening of the server, and how many buckets were made ahead.
OF_THE_MOMENT = {
    "buckets",
    "calls",
    "decisions",
    "chain",
    "open",
    "epoch",
    "restorer",
    "readers",
    "holders",
    "stamp",
    "claims",
    "planned",
}


def content(ledger: Ledger) -> dict[str, Any]:
    """Every key with what it means. Buckets are compared as they are: who looks, looks there. What
    a customer redeemed is told of the customer, wherever it stands."""
    found: dict[str, Any] = {}
    for key in ledger.client.scan_iter(match=ledger.base.replace("[", "\\[") + "*", count=1000):
        name = key.decode().removeprefix(ledger.base)
        kind = name.split(":")[0]
        if kind == "catalogue":
            found[name] = set(ledger.client.zrange(key, 0, -1))
        elif kind in ("audience", "ends"):
            found[name] = ledger.client.smembers(key)
        elif kind in ("rules", "counts"):
            packed = ledger.client.get(key)
            found[name] = counts_of(packed) if kind == "counts" else Rules(*values_of(packed))
        elif kind in ("numbers", "layout"):
            found[name] = ledger.client.get(key)
        elif kind not in OF_THE_MOMENT:
            fields = ledger.client.hgetall(key)
            found[name] = MEANING.get(kind, lambda fields: fields)(fields)
    tell_redemptions(found)
    return found


def tell_redemptions(found: dict[str, Any]) -> None:
    """Puts those that a coupon tells into its recipient's record, which has only that coupon."""
    customers = [held for name, held in found.items() if name.startswith("customers:")]
    records = {key[4:]: record for held in customers for key, record in held.items()}
    for name in [name for name in found if name.startswith("coupons:")]:
        _, number, part = name.split(":")
        for field, (coupon, uses) in found[name].items():
            if coupon.recipient and not coupon.apart:
                record = records[f"{number}:{coupon.recipient}".encode()]
                ((serial, _),), *others = record
                assert (serial, others) == (int(part) * 64 + int(field), [[], [], []])
                record[1] = told_by(coupon.recipient, uses)
            found[name][field] = coupon[:4], uses


def told_by(recipient: str, uses: list[list[Any]]) -> list[tuple[int, int]]:
    standing = [use for use in map(Use._make, uses) if use.reversed_by is False]
    return sorted(Counter(use.day for use in standing if use.customer_id == recipient).items())


def of_offer(fields: dict[bytes, bytes]) -> dict[bytes, Any]:
    """Its prefix and code stand in the definition of one restored, else only beside it."""
    meant: dict[bytes, Any] = {name: v for name, v in fields.items() if name != b"stamp"}
    meant[b"definition"] = definition(fields[b"definition"])
    for name in (b"claim", b"ranges", b"upload", b"stores"):
        if name in fields:
            meant[name] = msgpack.unpackb(fields[name])
    return meant


def definition(packed: bytes | str) -> dict[str, Any]:
    meant: dict[str, Any] = orjson.loads(packed)
    meant["offer_code"] = meant["coupons"]["codes"]["prefix"] = None
    return meant


def of_coupons(fields: dict[bytes, bytes]) -> dict[bytes, Any]:
    return {serial: coupon_of(packed) for serial, packed in fields.items()}


def of_customers(fields: dict[bytes, bytes]) -> dict[bytes, Any]:
    """Pairs of serial and day, and of day and count, and plain serials, in any order."""
    found = {key: lists_of(packed) for key, packed in fields.items()}
    return {
        key: [
            *(
                sorted(zip(some[::2], some[1::2], strict=True))
                for some in (lists.issued, lists.redeemed)
            ),
            sorted(lists.uploaded),
            sorted(lists.taken),
        ]
        for key, lists in found.items()
    }


def of_requests(fields: dict[bytes, bytes]) -> dict[bytes, Any]:
    meant = {}
    for key, packed in fields.items():
        decision = msgpack.unpackb(packed[8:])
        if len(decision) == len(Decision._fields) + len(OfferNow._fields):  # as it was then
            decision[6] = definition(decision[6])
        is_upload = len(decision) == len(Decision._fields) + len(Uploaded._fields)
        if key[:1] == b"o" and is_upload:
            more, now = decision[7:]
            if now:
                now[1] = definition(now[1])
            decision[7] = more or {}  # Lua's empty table is a list
        if key[:1] == b"i" and len(decision) == len(Decision._fields) + len(Resent._fields):
            decision[7] = [coupon[:3] for coupon in decision[7]]  # a code that can be computed
        meant[key] = (packed[:8], decision)
    return meant


MEANING: dict[str, Callable[[dict[bytes, bytes]], Any]] = {
    "offer": of_offer,
    "coupons": of_coupons,
    "customers": of_customers,
    "requests": of_requests,
}
