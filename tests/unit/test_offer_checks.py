"""Rules of an offer that contradict each other: it could never be issued or redeemed."""

from typing import Any

import pytest

from tests.unit.written_offers import OFFER, Sections, errors, when

START = {"type": "from_date", "at": "2026-11-20T00:00:00Z"}
END = {"type": "fixed_date", "at": "2026-11-22T00:00:00Z"}


def days_start(starts: int, **expiry: Any) -> Sections:
    return {
        "redeem": {"start": {"type": "days_after_issue", "days": starts}},
        "coupons": OFFER["coupons"] | {"expiry": expiry},
    }


def coupon_days(days: int) -> Sections:
    return {"coupons": OFFER["coupons"] | {"expiry": {"type": "days_after_issue", "days": days}}}


def reminder(**other: Any) -> Sections:
    return {"days_before": 3, "at": "11:00", "channel": "sms", "content": "{code}", **other}


@pytest.mark.parametrize(
    ("path", "never", "just"),
    [
        ("discount.amount",
         {"discount": {"type": "fixed", "amount": "0.00", "currency": "INR"}},
         {"discount": {"type": "fixed", "amount": "0.01", "currency": "INR"}}),
        ("discount.max_amount",
         {"discount": {"type": "percentage", "percent": "10", "max_amount": "0.00"}},
         {"discount": {"type": "percentage", "percent": "10", "max_amount": "0.01"}}),
        ("budget.discount", {"budget": {"discount": "0"}}, {"budget": {"discount": "0.01"}}),
        ("budget.revenue_goal",
         {"budget": {"revenue_goal": "0.00"}}, {"budget": {"revenue_goal": "0.01"}}),
        ("redeem.bill.min",
         {"redeem": {"bill": {"min": "100.01", "max": "100.00"}}},
         {"redeem": {"bill": {"min": "100.00", "max": "100.0"}}}),
        ("redeem.bill.max",
         {"redeem": {"bill": {"max": "0.00"}}}, {"redeem": {"bill": {"max": "0.01"}}}),
        # a gap where there is nothing to keep apart
        ("redeem.min_gap_days",
         {"redeem": {"min_gap_days": 2, "max_per_customer": 1}},
         {"redeem": {"min_gap_days": 2, "max_per_customer": 2}}),
        ("redeem.min_gap_days",
         {"redeem": {"min_gap_days": 1, "max_per_customer": 1, "uses_per_coupon": 1}},
         {"redeem": {"min_gap_days": 1, "max_per_customer": 1, "uses_per_coupon": 2}}),
        # offers whose recipients get nothing
        ("issue.unless_received.offers",
         {"issue": {"unless_received": {"offers": ["other", "diwali-10"]}}},
         {"issue": {"unless_received": {"offers": ["other", "diwali-1"]}}}),
        # products, all of them excluded
        ("products.exclude",
         {"products": {"skus": ["a", "b"], "exclude": {"skus": ["b", "a", "c"]}}},
         {"products": {"skus": ["a", "b"], "exclude": {"skus": ["b"]}}}),
        ("products.exclude",
         {"products": {"categories": ["a"], "exclude": {"categories": ["a"]}}},
         {"products": {"categories": ["a"], "exclude": {"brands": ["a"], "skus": ["a"]}}}),
        ("products.exclude",
         {"products": {"brands": ["a"], "exclude": {"brands": ["a"]}}},
         {"products": {"brands": ["a"], "skus": ["s"], "exclude": {"brands": ["a"]}}}),
        # reminders that are one, and those of before the issue
        ("reminders",
         {"reminders": [reminder(), reminder(content="other words")]},
         {"reminders": [reminder(), reminder(at="11:01"), reminder(days_before=4),
                        reminder(channel="email")]}),
        ("poc_reminders",
         {"poc_reminders": [{"days_before": 4, "pocs": [who]} for who in ("a", "b")]},
         {"poc_reminders": [{"days_before": n, "pocs": ["a"]} for n in (4, 5)]}),
        ("reminders",
         {"reminders": [reminder(days_before=6)], **coupon_days(5)},
         {"reminders": [reminder(days_before=5)], **coupon_days(5)}),
        # start and end
        ("redeem.start",
         {"redeem": {"start": {"type": "from_date", "at": "2026-12-31T23:59:59+05:29"}}},
         {"redeem": {"start": {"type": "from_date", "at": "2026-12-31T23:59:59+05:30"}}}),
        ("redeem.start.days",
         days_start(31, type="days_after_issue", days=30),
         days_start(30, type="days_after_issue", days=30)),
        ("redeem.start.days",
         days_start(31, type="month_ends_after_issue", months=1),
         days_start(30, type="month_ends_after_issue", months=1)),
        ("redeem.start.days",
         days_start(62, type="month_ends_after_issue", months=2),  # July and August
         days_start(61, type="month_ends_after_issue", months=2)),
        ("redeem.start.days",
         days_start(366, type="month_ends_after_issue", months=12),
         days_start(365, type="month_ends_after_issue", months=12)),  # a leap year
        ("redeem.start.days",
         days_start(458, type="month_ends_after_issue", months=15),
         days_start(457, type="month_ends_after_issue", months=15)),  # from a July before it
        # when
        ("redeem.when.0.days", when({"days": []}), when({"days": ["mon"]})),
        ("redeem.when.1.dates",
         when({}, {"days": ["fri"], "dates": {"from": "2026-11-21", "to": "2026-11-20"}}),
         when({}, {"days": ["fri"], "dates": {"from": "2026-11-20", "to": "2026-11-20"}})),
        # 2026-11-20 is a Friday
        ("redeem.when.0.days",
         when({"days": ["mon", "sun"], "dates": {"from": "2026-11-20", "to": "2026-11-21"}}),
         when({"days": ["mon", "sun"], "dates": {"from": "2026-11-20", "to": "2026-11-22"}})),
        # after the end, where the sun rises first, too
        ("redeem.when",
         when({"dates": {"from": "2027-01-02"}}), when({"dates": {"from": "2027-01-01"}})),
        ("redeem.when",
         when({"dates": {"from": "2027-01-02"}}, {"dates": {"from": "2028-01-01"}}),
         when({"dates": {"from": "2027-01-02"}}, {"dates": {"from": "2026-01-01"}})),
        # before the start, where it rises last, too, and with the night of the last date
        ("redeem.when",
         when({"dates": {"to": "2026-11-18"}}, start=START),
         when({"dates": {"to": "2026-11-19"}}, start=START)),
        ("redeem.when",
         when({"dates": {"to": "2026-11-17"}, "from": "22:00", "to": "02:00"}, start=START),
         when({"dates": {"to": "2026-11-18"}, "from": "22:00", "to": "02:00"}, start=START)),
        # a weekday that doesn't come between them
        ("redeem.when",
         when({"days": ["tue"]}, start=START) | {"expiry": END},
         when({"days": ["sun"]}, start=START) | {"expiry": END}),
    ],
)  # fmt: skip
def test_rules_that_contradict_each_other(path: str, never: Sections, just: Sections) -> None:
    assert errors(**just) == []
    wrong = errors(**never)
    assert [place for place, _ in wrong] == [path]
    assert len(wrong[0][1].split()) > 4, "it says why and what to change"


def test_an_offer_that_ends_with_its_campaign_may_open_any_day() -> None:
    rules = when({"dates": {"from": "2190-01-01"}}, start=START)
    assert errors(expiry={"type": "with_campaign"}, **rules) == []
