"""What may be wrong in Redis, one thing at a time, and how the verifier names it."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgpack

from tests.faults.ledger_seen import COUNTS, HEAD, WIDTH, in_lists, values_of


class Place(NamedTuple):
    """Where the ledger of a copy is altered."""

    client: Any
    base: str

    def hashes(self, kind: str) -> Iterator[tuple[str, dict[bytes, bytes]]]:
        for key in sorted(self.client.scan_iter(f"{self.base}{kind}:*")):
            yield key.decode(), self.client.hgetall(key)

    def change(self, kind: str, fits: Callable[[Any], bool], change: Callable[[Any], Any]) -> None:
        """The first packed record that fits."""
        for key, fields in self.hashes(kind):
            for field, packed in fields.items():
                values = values_of(packed)
                if fits(values):
                    change(values)
                    self.client.hset(key, field, packed_values(values))
                    return
        raise AssertionError(f"no {kind} fits")


def packed_values(values: list[Any]) -> bytes:
    return b"".join(msgpack.packb(value, use_bin_type=False) for value in values)


def counter_changed(name: str) -> Callable[[Place], None]:
    def change(place: Place) -> None:
        key, at = f"{place.base}counts:capped", COUNTS.index(name)
        values = values_of(place.client.get(key))
        values[at] += 1
        place.client.set(key, packed_values(values))

    return change


def use_missing(place: Place) -> None:
    def change(coupon: Any) -> None:
        del coupon[-WIDTH:]

    place.change("coupons", lambda coupon: len(coupon) > HEAD, change)


def use_not_reversed(place: Place) -> None:
    def change(coupon: Any) -> None:
        coupon[HEAD + 3] = False

    place.change("coupons", lambda coupon: len(coupon) > HEAD and coupon[HEAD + 3], change)


def coupon_missing(place: Place) -> None:
    key, fields = next(place.hashes("coupons"))
    place.client.hdel(key, min(fields))


def coupon_nobody_was_given(place: Place) -> None:
    key, fields = next(place.hashes("coupons"))
    place.client.hset(key.rpartition(":")[0] + ":77", "7", min(fields.values()))


def count_of_a_customer_changed(place: Place) -> None:
    def change(customer: Any) -> None:
        customer[-1] += 1

    place.change("customers", lambda customer: [*in_lists(customer)][-1] != [], change)


def customer_missing(place: Place) -> None:
    key, fields = next(place.hashes("customers"))
    place.client.hdel(key, min(fields))


def customer_not_to_be_found(place: Place) -> None:
    found = list(place.hashes("customers"))
    (key, fields), (other, _) = found[:2]
    field = min(fields)
    place.client.hset(other, field, fields[field])
    place.client.hdel(key, field)


def request_forgotten(place: Place) -> None:
    key, fields = next(place.hashes("requests"))
    place.client.hdel(key, min(fields))


def offer_missing(place: Place) -> None:
    place.client.delete(f"{place.base}offer:capped")


def progress_lost(place: Place) -> None:
    place.client.delete(f"{place.base}chain:issue:0")


def closed(place: Place) -> None:
    place.client.delete(f"{place.base}open")


ALTERED_LEDGER = [
    (counter_changed("issued"), "Redis: offer capped is {'issued'"),
    (counter_changed("redeemed"), "Redis: offer capped is {'issued'"),
    (counter_changed("sequence"), "Redis: offer capped is {'issued'"),
    (counter_changed("revenue"), "Redis: offer capped is {'issued'"),
    (counter_changed("skipped"), "Redis: offer capped is {'issued'"),
    (use_missing, "Redis: coupon"),
    (use_not_reversed, "Redis: coupon"),
    (coupon_missing, "Redis: lacks coupon"),
    (coupon_nobody_was_given, "which no outcome tells"),
    (count_of_a_customer_changed, "Redis: customer"),
    (customer_missing, "Redis: lacks customer"),
    (customer_not_to_be_found, "of customers is"),
    (request_forgotten, "Redis: lacks the"),
    (offer_missing, "Redis: lacks offer capped"),
    (progress_lost, "Redis: chain:issue:0 is decided up to 0"),
    (closed, "Redis: the ledger is closed"),
]
