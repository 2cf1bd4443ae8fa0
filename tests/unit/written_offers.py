"""Offers as people write them, and what is found wrong with them."""

from typing import Any

from schemas.offers import errors_of

Sections = dict[str, Any]
OFFER: Sections = {
    "offer_id": "diwali-10",
    "name": "Diwali",
    "expiry": {"type": "fixed_date", "at": "2026-12-31T23:59:59+05:30"},
    "discount": {"type": "percentage", "percent": "10", "max_amount": "500.00"},
    "coupons": {"codes": {"type": "unique", "charset": "alphanumeric", "length": 10}},
}


def errors(**sections: Any) -> list[tuple[str, str]]:
    return errors_of(OFFER | sections, "INR")[1]


def paths(**sections: Any) -> list[str]:
    return [path for path, _ in errors(**sections)]


def when(*entries: Sections, **redeem: Any) -> Sections:
    return {"redeem": {"when": list(entries), **redeem}}


def codes(**content: Any) -> Sections:
    return {"coupons": {"codes": content}}
