"""What the ledger machines draw: few values, so that every limit is met."""

from typing import Any

from hypothesis import strategies as st

CUSTOMERS = ("c-1", "c-2", "c-3")
MOMENTS = [
    "2026-11-20T00:00:00+05:30",
    "2026-11-20T23:59:59.999+05:30",
    "2026-11-20T18:30:00Z",  # the same as midnight before the 21st in India
    "2026-11-21T12:00:00+05:30",
    "2026-11-22T09:00:00+05:30",
    "2026-11-22T23:59:59+05:30",
    "2026-11-23T00:00:00+05:30",
    "2026-11-24T12:00:00+05:30",
]
EARLY = MOMENTS[:6]
#: A month after one of those, and a month's last moment with the one after it.
LATE = [*MOMENTS[3:], "2026-11-30T23:59:59+05:30", "2026-12-01T00:00:00+05:30"]
MONTH_LATER = ["2026-12-20T12:00:00+05:30", "2026-12-31T12:00:00+05:30"]
early, late, moments = (st.sampled_from(some) for some in (EARLY, LATE, MOMENTS))
customers = st.sampled_from(CUSTOMERS)
picks = st.integers(0, 7)
limits = st.sampled_from([None, 1, 2, 3])
seldom = st.sampled_from([False] * 7 + [True])
DVS = {"service": "dvs", "holder": "h"}
claims = st.sampled_from(
    [
        None,
        DVS,
        {"service": "dvs", "holder": "h", "ends_at": "2026-11-22T23:59:59+05:30"},
        {"service": "loyalty", "holder": "h"},
        {"service": "outbound", "holder": "campaign"},
    ]
)
expiries = st.sampled_from(
    [
        {"type": "fixed_date", "at": "2026-12-31T23:59:59+05:30"},
        {"type": "fixed_date", "at": "2026-11-22T23:59:59+05:30"},
        {"type": "fixed_date", "at": "2026-12-31T23:59:59+05:30"},
        {"type": "with_campaign"},
    ]
)
discounts = st.sampled_from(
    [
        {"type": "percentage", "percent": "12.5"},
        {"type": "percentage", "percent": "33.3333", "max_amount": "3.33"},
        {"type": "fixed", "amount": "5.00", "currency": "INR"},
    ]
)
starts = st.sampled_from(
    [
        *[{"type": "on_issue"}] * 4,
        {"type": "days_after_issue", "days": 1},
        {"type": "from_date", "at": "2026-11-22T09:00:00+05:30"},
    ]
)
coupon_expiries = st.sampled_from(
    [
        {"type": "with_offer"},
        {"type": "with_offer"},
        {"type": "with_offer"},
        {"type": "days_after_issue", "days": 1},
        {"type": "days_after_issue", "days": 2},
        {"type": "month_ends_after_issue", "months": 1},
    ]
)
bills = st.sampled_from(
    [
        {"number": "B-1", "amount": "99.99", "currency": "INR"},
        {"number": "B-1", "amount": "99.99", "currency": "INR"},
        {"number": "B-1", "amount": "99.99", "currency": "INR"},
        {"number": "B-2", "amount": "10.02", "currency": "INR", "lines": [
            {"sku": "S", "amount": "3.34", "on_sale": False},
            {"sku": "T", "amount": "6.68", "on_sale": True}]},
        {"number": "B-3", "amount": "1.00", "currency": "INR", "lines": [
            {"sku": "S", "amount": "1.00", "on_sale": True}]},
    ]
)  # fmt: skip
budgets = st.sampled_from(
    [None, None, {"discount": "10.00"}, {"discount": "5.00"}, {"revenue_goal": "99.99"}]
)
resends = st.sampled_from(
    [None, *[{"content": "{offer_name}: {code} of {coupon_id} {starts_at} to {expires_at}"}] * 2]
)
#: Items of an upload in parts: which part it is, and of how many.
parts = st.sampled_from([(1, 1), (1, 1), (1, 2), (2, 2), (2, 2), (1, 2)])
names = st.sampled_from(["One", "Two"])


def unless_received(offers: tuple[str, ...]) -> st.SearchStrategy[Any]:
    some = st.lists(st.sampled_from(offers), min_size=1, max_size=2)
    excluding = st.builds(lambda found: {"offers": found, "months": 1}, some)
    return st.one_of(st.none(), st.none(), excluding)


@st.composite
def redeem_rules(draw: st.DrawFn) -> dict[str, Any]:
    """All limits of redeeming, small enough to be met; seldom such that they contradict."""
    rules = {
        "anyone_may_redeem": draw(st.booleans()),
        "start": draw(starts),
        "uses_per_coupon": draw(st.sampled_from([1, 2, "unlimited"])),
        "max_per_customer": draw(limits),
        "min_gap_days": draw(st.integers(0, 2)),
        "max_total": draw(st.sampled_from([None, None, 1, 4])),
    }
    if rules["uses_per_coupon"] == rules["max_per_customer"] == 1 and not draw(seldom):
        rules["min_gap_days"] = 0
    return rules


def reminders(coupon_expiry: dict[str, Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Due some hours before a machine begins: of what ends with November, and with the year."""
    days = {"with_offer": [4, 35], "month_ends_after_issue": [4]}.get(coupon_expiry["type"], [])
    text = {"at": "00:00", "channel": "sms", "content": "{code}"}
    wanted = [{"days_before": each, **text} for each in days]
    return st.sampled_from([wanted, wanted, wanted[:1], []])


@st.composite
def limited(draw: st.DrawFn, offers: tuple[str, ...], alone: bool = False) -> dict[str, Any]:
    """The rules of an offer with codes of its own; ``alone``: takes nobody's code."""
    prefix = None if alone else draw(st.sampled_from([None, "L", "LE", "LEAD"]))
    offer_code = None if alone else draw(st.sampled_from([None, "CODE-1", "CODE-2"]))
    codes = {"type": "unique", "charset": "digits", "length": 12, "prefix": prefix}
    coupon_expiry = draw(coupon_expiries)
    return {
        "name": draw(names),
        "expiry": draw(expiries),
        "discount": draw(discounts),
        "coupons": {"codes": codes, "expiry": coupon_expiry},
        "reminders": draw(reminders(coupon_expiry)),
        "issue": {
            "max_per_customer": draw(limits),
            "min_gap_days": draw(st.sampled_from([0, 0, 1, 2])),
            "max_total": draw(st.sampled_from([None, None, 2, 4])),
            "unless_received": draw(unless_received(offers)),
            "resend": draw(resends),
        },
        "redeem": draw(redeem_rules()),
        "budget": draw(budgets) or {},
        "claim": draw(claims),
        "offer_code": offer_code,
    }


# Ways of codes -----------------------------------------------------------------------------------

COMMON = {"type": "common", "code": "Fest-50"}
UPLOADED = {"type": "uploaded"}
SHORT = {"type": "unique", "charset": "digits", "length": 4, "prefix": "EX"}
RANDOM = {"type": "randomised", "sample": "ab12x"}
#: For an offer that may be created: some are taken, or may be by then.
new_codes = st.sampled_from(
    [
        UPLOADED,
        UPLOADED,
        {"type": "common", "code": "fest50"},
        {"type": "common", "code": "UP-1"},
        {"type": "randomised", "sample": "AB9999"},
        {"type": "randomised", "sample": "ABCDE"},
        {"type": "unique", "charset": "alphanumeric", "length": 6, "prefix": "FE"},
        {"type": "unique", "charset": "alphanumeric", "length": 6, "prefix": "UP"},
        {"type": "unique", "charset": "alphanumeric", "length": 12, "no_lookalikes": True},
    ]
)
#: Codes to upload: one list for all offers, so that some are taken; two look like other offers'.
CODES = [
    "UP-1",
    "up 2",
    "Up3",
    "UP4",
    "UP5",
    "UP6",
    "UP7",
    "UP8",
    "UP9",
    "UPA",
    "UPB",
    "UPC",
    "UPD",
    "UPLONG",
    "FEST50",
    "EX00",
]
uploaded_codes = st.lists(
    st.tuples(st.sampled_from(CODES), st.sampled_from([None, None, *CUSTOMERS])),
    min_size=1,
    max_size=3,
    unique_by=lambda one: one[0],
)


@st.composite
def coded(draw: st.DrawFn) -> dict[str, Any]:
    """Loose rules, so that the code decides; its codes are put in by the machine."""
    delivery = draw(st.sampled_from(["ours", "third_party"]))
    coupon_expiry = draw(coupon_expiries)
    return {
        "reminders": draw(reminders(coupon_expiry)),
        "name": draw(names),
        "expiry": draw(expiries.filter(lambda one: one["type"] == "fixed_date")),
        "discount": draw(discounts),
        "coupons": {"delivery": delivery, "expiry": coupon_expiry},
        "issue": {
            "max_total": draw(st.sampled_from([None, None, None, 3, 5])),
            "max_per_customer": draw(st.sampled_from([None, None, 2])),
            "resend": draw(resends),
        },
        "redeem": {
            "anyone_may_redeem": draw(st.booleans()),
            "start": draw(starts),
            "uses_per_coupon": draw(st.sampled_from([1, 1, 2, "unlimited"])),
            "max_total": draw(st.sampled_from([None, None, None, 3])),
        },
        "budget": draw(st.sampled_from([{}, {}, {"discount": "12.00"}])),
        "claim": draw(
            st.sampled_from([None, DVS, DVS, DVS, {"service": "loyalty", "holder": "h"}])
        ),
    }
