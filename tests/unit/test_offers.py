"""What an offer may say; every error with its path; rules that nothing enforces are refused."""

from typing import Any

import pytest

from schemas.offers import errors_of

OFFER: dict[str, Any] = {
    "offer_id": "diwali-10",
    "name": "Diwali",
    "expiry": {"type": "fixed_date", "at": "2026-12-31T23:59:59+05:30"},
    "discount": {"type": "percentage", "percent": "10", "max_amount": "500.00"},
    "coupons": {"codes": {"type": "unique", "charset": "alphanumeric", "length": 10}},
}


def test_an_offer_of_the_sections_it_needs_is_one() -> None:
    offer, errors = errors_of(OFFER, "INR")
    assert errors == []
    assert offer is not None
    assert (offer.redeem.uses_per_coupon, offer.redeem.anyone_may_redeem) == (1, False)


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("products.categories", {"products": {"categories": ["shoes"]}}),
        ("products.exclude", {"products": {"exclude": {"customer_tags": ["staff"]}}}),
        ("issue.unless_received", {"issue": {"unless_received": {"offers": ["x"]}}}),
        ("issue.resend", {"issue": {"resend": {"content": "{code}"}}}),
        ("redeem.bill", {"redeem": {"bill": {"min": "1.00"}}}),
        ("redeem.org_entities", {"redeem": {"org_entities": {"zones": ["n"]}}}),
        ("redeem.when", {"redeem": {"when": [{"days": ["mon"]}]}}),
        ("budget", {"budget": {"discount": "1.00"}}),
        ("reminders", {"reminders": [{"days_before": 3}]}),
        ("poc_reminders", {"poc_reminders": [{"days_before": 3}]}),
        ("coupons.delivery", {"coupons": OFFER["coupons"] | {"delivery": "third_party"}}),
        ("coupons.codes", {"coupons": {"codes": {"type": "common", "code": "SAVE"}}}),
        (
            "coupons.expiry",
            {"coupons": OFFER["coupons"] | {"expiry": {"type": "days_after_issue", "days": 3}}},
        ),
    ],
)
def test_a_rule_that_is_not_built_is_refused_by_name(path: str, change: dict[str, Any]) -> None:
    offer, errors = errors_of(OFFER | change, "INR")
    assert offer is None
    assert [place for place, _ in errors] == [path]
    assert f"the rule {path}" in errors[0][1]


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("colour", {"colour": "red"}),
        ("offer_id", {"offer_id": "with space"}),
        ("discount.percent", {"discount": {"type": "percentage", "percent": "101"}}),
        ("discount.percent", {"discount": {"type": "percentage", "percent": 10}}),
        (
            "discount.currency",
            {"discount": {"type": "fixed", "amount": "1.00", "currency": "EUR"}},
        ),
        ("expiry.at", {"expiry": {"type": "fixed_date", "at": "2026-02-30T00:00:00Z"}}),
        ("expiry", {"expiry": {"type": "never"}}),
        ("redeem.uses_per_coupon", {"redeem": {"uses_per_coupon": 0}}),
        ("redeem.min_gap_days", {"redeem": {"min_gap_days": 2, "max_per_customer": 1}}),
        (
            "redeem.start",
            {"redeem": {"start": {"type": "from_date", "at": "2027-01-01T00:00:00Z"}}},
        ),
        (
            "coupons.codes",
            {"coupons": {"codes": OFFER["coupons"]["codes"] | {"prefix": "ABCDEFGHI"}}},
        ),
        (
            "coupons.codes.prefix",
            {"coupons": {"codes": OFFER["coupons"]["codes"] | {"prefix": "a b"}}},
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_path(path: str, change: dict[str, Any]) -> None:
    offer, errors = errors_of(OFFER | change, "INR")
    assert offer is None
    assert path in [place for place, _ in errors]


def test_every_error_is_found_in_one_reading() -> None:
    _, errors = errors_of(OFFER | {"name": "", "owner": 3, "tags": "x"}, "INR")
    assert [place for place, _ in errors] == ["name", "owner", "tags"]


@pytest.mark.parametrize("content", [None, [], "offer", 3])
def test_what_is_no_mapping_is_no_offer(content: object) -> None:
    assert errors_of(content, "INR")[1]
