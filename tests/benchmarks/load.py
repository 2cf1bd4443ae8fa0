"""What the benchmarks send: bodies of some 300 bytes, over a million customers, seeded."""

import random
from collections.abc import Iterable, Iterator

import orjson

from streams.client import Till

CUSTOMERS = 1_000_000
OFFER_ID = "bench"
ISSUED_AT, REDEEMED_AT = "2026-11-21T10:00:00+05:30", "2026-11-22T18:04:11+05:30"
#: Every limit is set, so that each is looked up and counted; none is reached.
OFFER = {
    "offer_id": OFFER_ID,
    "name": "Ten percent off shoes",
    "expiry": {"type": "fixed_date", "at": "2026-12-31T23:59:59+05:30"},
    "discount": {"type": "percentage", "percent": "10", "max_amount": "500.00"},
    "issue": {"max_per_customer": 50, "max_total": 100_000_000},
    "redeem": {"max_per_customer": 50, "max_total": 100_000_000},
    "coupons": {"codes": {"type": "unique", "charset": "alphanumeric", "length": 12}},
    "claim": {"service": "dvs", "holder": "bench"},
}


def customers(count: int, seed: int) -> list[str]:
    """Any of a million customers for each request, the same for the same seed."""
    chance = random.Random(seed)
    return [f"c-{chance.randrange(CUSTOMERS)}" for _ in range(count)]


def issue(number: int, customer_id: str) -> bytes:
    return orjson.dumps(
        {
            "type": "issue",
            "request_id": f"i-{number}",
            "offer_id": OFFER_ID,
            "customer_id": customer_id,
            "service": "dvs",
            "holder": "bench",
            "occurred_at": ISSUED_AT,
        }
    )


def redeem(number: int, customer_id: str, code: str) -> bytes:
    """About 300 bytes: a bill of one line."""
    amount = f"{499 + number % 1000}.00"
    line = {"sku": f"S{number % 5000}", "category": "shoes", "brand": "Acme", "quantity": 1}
    return orjson.dumps(
        {
            "type": "redeem",
            "request_id": f"r-{number}",
            "offer_id": OFFER_ID,  # the plain peer wants it; ours knows it by the code
            "code": code,
            "customer_id": customer_id,
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


def redeems(coupons: Iterable[tuple[str, str]]) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of a redeem for each (customer, code)."""
    for number, (customer_id, code) in enumerate(coupons):
        yield customer_id.encode(), redeem(number, customer_id, code)


def issues(customer_ids: Iterable[str]) -> Iterator[tuple[bytes, bytes]]:
    for number, customer_id in enumerate(customer_ids):
        yield customer_id.encode(), issue(number, customer_id)


def produce(till: Till, topic: str, records: Iterable[tuple[bytes, bytes]]) -> None:
    """All of them, as fast as Kafka takes them; returns when Kafka has them."""
    for key, value in records:
        till.send_bytes(topic, key, value)
    till.flush(120.0)
