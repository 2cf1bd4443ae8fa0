"""An offer in words: each rule that is set has its sentence, and none that isn't."""

from typing import Any

import pytest

from schemas.offers import Offer
from streams.words import by_part, discount_in_words, in_words
from tests.unit.written_offers import OFFER

_CODES = OFFER["coupons"]["codes"]


def told(**sections: Any) -> list[str]:
    return [one.text for one in in_words(Offer.model_validate(OFFER | sections), "INR")]


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"discount": {"type": "fixed", "amount": "100.00", "currency": "INR"}},
         "100.00 INR are taken off what the offer is for."),
        ({"discount": {"type": "percentage", "percent": "10", "max_amount": "500.00"}},
         "10% are taken off what the offer is for, 500.00 INR at most."),
        ({"products": {"categories": ["shoes", "hats"], "skus": ["S1"]}},
         "It is for categories shoes and hats or SKUs S1."),
        ({"products": {"on_sale_items": True}}, "It is for all products."),
        ({"products": {"exclude": {"brands": ["Outlet"], "customer_tags": ["staff"]}}},
         "Never for customers tagged staff."),
        ({"coupons": {"codes": {"type": "common", "code": "FEST"}}},
         "All customers use the one code FEST."),
        ({"coupons": {"codes": {"type": "unique", "charset": "alphanumeric", "length": 10,
                                "prefix": "LO", "no_lookalikes": True}}},
         "Each coupon has a code of its own: 10 letters and digits without lookalikes, beginning "
         "with LO."),
        ({"coupons": {"codes": {"type": "randomised", "sample": "ab12x"}}},
         "Each coupon has a code of its own, made like ab12x."),
        ({"coupons": {"codes": _CODES, "delivery": "third_party"}},
         "A third party delivers the codes: exporting them issues them, to nobody yet."),
        ({"issue": {"max_total": 1_000_000, "max_per_customer": 1, "min_gap_days": 7}},
         "At most 1,000,000 coupons in all."),
        ({"issue": {"max_per_customer": 1}}, "At most 1 coupon to a customer."),
        ({"issue": {"min_gap_days": 7}}, "7 days at least between two to one customer."),
        ({"issue": {"unless_received": {"offers": ["a", "b", "c"], "months": 1}}},
         "Not to customers who received a, b and c in the last 1 month."),
        ({}, "There is no limit to how many are issued."),
        ({}, "A coupon can be used once, by its recipient."),
        ({"redeem": {"uses_per_coupon": "unlimited", "anyone_may_redeem": True}},
         "A coupon can be used any number of times, by anyone."),
        ({"redeem": {"start": {"type": "days_after_issue", "days": 2}}},
         "It can be used from 2 days after its issue on."),
        ({"redeem": {"bill": {"min": "500.00", "max": "900.00"}}},
         "On a bill of 500.00 INR at least and of 900.00 INR at most."),
        ({"redeem": {"org_entities": {"zones": ["north"], "stores": ["s1", "s2"]}}},
         "At stores s1 and s2 or zones north."),
        ({}, "At every till."),
        ({"redeem": {"when": [{"days": ["fri", "sat"], "from": "10:00", "to": "22:00"}]}},
         "Fridays and Saturdays from 10:00 to 22:00, by the store's clock."),
        ({"redeem": {"when": [{"dates": {"from": "2026-11-20", "to": "2026-12-31"}}]}},
         "Every day, from 2026-11-20 on, until 2026-12-31, by the store's clock."),
        ({"budget": {"discount": "2000.00"}}, "It ends when discounts of 2000.00 INR were given."),
        ({"expiry": {"type": "with_campaign"}}, "The offer ends with the campaign that claims it."),
        ({"coupons": {"codes": _CODES, "expiry": {"type": "days_after_issue", "days": 1}}},
         "A coupon ends 1 day after its issue, at the end of that day, or with the offer."),
        ({"coupons": {"codes": _CODES, "expiry": {"type": "month_ends_after_issue", "months": 1}}},
         "A coupon ends with the month of its issue, or with the offer."),
        ({"coupons": {"codes": _CODES, "expiry": {"type": "month_ends_after_issue", "months": 3}}},
         "A coupon ends with the month 2 months after that of its issue, or with the offer."),
        ({"reminders": [{"days_before": 3, "at": "11:00", "channel": "sms", "content": "Use it"}]},
         "3 days before a coupon ends, at 11:00, its recipient gets by sms: Use it"),
        ({"poc_reminders": [{"days_before": 4, "pocs": ["p", "q"]}]},
         "4 days before the offer ends, at 10:00, p and q are told."),
        ({"claim": {"service": "loyalty", "holder": "gold"}}, "It is claimed by loyalty, gold."),
        ({}, "Nobody has claimed it: it issues nothing yet."),
    ],
)  # fmt: skip
def test_each_rule_has_its_sentence(sections: dict[str, Any], sentence: str) -> None:
    assert sentence in told(**sections)


def test_of_many_only_the_first_are_named() -> None:
    stores = [f"s{n}" for n in range(20)]
    assert "At stores s0, s1, s2, s3, s4, s5 and 14 more." in told(
        redeem={"org_entities": {"stores": stores}}
    )


def test_what_is_not_set_is_not_told() -> None:
    parts = dict(by_part(in_words(Offer.model_validate(OFFER), "INR")))
    assert "budget" not in parts
    assert "reminders" not in parts


def test_a_discount_in_few_words() -> None:
    fixed = {"type": "fixed", "amount": "100.00", "currency": "INR"}
    share = {"type": "percentage", "percent": "12.5", "max_amount": "50.00"}
    offers = [Offer.model_validate(OFFER | {"discount": one}) for one in (fixed, share)]
    assert [discount_in_words(one) for one in offers] == [
        "100.00 INR off", "12.5% off, at most 50.00",
    ]  # fmt: skip
