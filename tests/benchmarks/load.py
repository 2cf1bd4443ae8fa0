"""What the benchmarks send: bodies of some 300 bytes, customer ids of 12, seeded."""

import random
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson

from streams.client import Till

CUSTOMERS = 1_000_000
ISSUED_AT, REDEEMED_AT = "2026-11-21T10:00:00+05:30", "2026-11-22T18:04:11+05:30"
#: A record's key and value.
Body = tuple[bytes, bytes]


class Coupon(NamedTuple):
    customer_id: str
    code: str
    offer_id: str


def offer_id(number: int) -> str:
    return f"bench-{number}"


def offer(number: int) -> dict[str, Any]:
    """Every limit is set, so that each is looked up and counted; none is reached."""
    return {
        "offer_id": offer_id(number),
        "name": "Ten percent off shoes",
        "expiry": {"type": "fixed_date", "at": "2026-12-31T23:59:59+05:30"},
        "discount": {"type": "percentage", "percent": "10", "max_amount": "500.00"},
        "issue": {"max_per_customer": 50, "max_total": 100_000_000},
        "redeem": {"max_per_customer": 50, "max_total": 100_000_000},
        "coupons": {"codes": {"type": "unique", "charset": "alphanumeric", "length": 12}},
        "claim": {"service": "dvs", "holder": "bench"},
    }


def some_customers(count: int, seed: int) -> Iterator[str]:
    """Any of a million customers for each request, the same for the same seed."""
    chance = random.Random(seed)
    return (_customer(chance.randrange(CUSTOMERS)) for _ in range(count))


def other_customers(count: int) -> Iterator[str]:
    """Each once, in no order: multiples of a prime, which has no factor in common with 10."""
    return (_customer(number * 2_654_435_761 % 10**10) for number in range(count))


def _customer(number: int) -> str:
    return f"c-{number:010d}"


def issue(number: int, customer_id: str, offer_id: str) -> bytes:
    return orjson.dumps(
        {
            "type": "issue",
            "request_id": f"i-{number}",
            "offer_id": offer_id,
            "customer_id": customer_id,
            "service": "dvs",
            "holder": "bench",
            "occurred_at": ISSUED_AT,
        }
    )


def redeem(run: int, number: int, coupon: Coupon) -> bytes:
    """About 300 bytes: a bill of one line."""
    amount = f"{499 + number % 1000}.00"
    line = {"sku": f"S{number % 5000}", "category": "shoes", "brand": "Acme", "quantity": 1}
    return orjson.dumps(
        {
            "type": "redeem",
            "request_id": f"r{run}-{number}",
            "offer_id": coupon.offer_id,  # the peers want it; ours knows it by the code
            "code": coupon.code,
            "customer_id": coupon.customer_id,
            "till_id": f"t-{number % 500}",
            "bill": {
                "number": f"B-{number}",
                "amount": amount,
                "currency": "INR",
                "lines": [{**line, "amount": amount, "on_sale": False}],
            },
            "occurred_at": REDEEMED_AT,
        }
    )


def redeems(coupons: Iterable[Coupon], run: int = 0) -> Iterator[Body]:
    """One of each coupon. Request ids of two runs differ."""
    for number, coupon in enumerate(coupons):
        yield coupon.customer_id.encode(), redeem(run, number, coupon)


def issues(customer_ids: Iterable[str], offers: int = 1) -> Iterator[Body]:
    """One to each customer, of one offer after the other."""
    for number, customer_id in enumerate(customer_ids):
        yield customer_id.encode(), issue(number, customer_id, offer_id(number % offers))


def number_of(request_id: str) -> int:
    """The number that a request of these was made with."""
    return int(request_id.rpartition("-")[2])


def produce(till: Till, topic: str, bodies: Iterable[Body]) -> int:
    """All of them, as fast as Kafka takes them; how many, once Kafka has them."""
    count = 0
    for key, value in bodies:
        till.send_bytes(topic, key, value)
        count += 1
    till.flush(120.0)
    return count
