"""What the ledger machine draws: few values, so that every limit is met."""

from typing import Any

from hypothesis import strategies as st

OFFERS = ("a", "b", "c")
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
early, late, moments = (st.sampled_from(some) for some in (MOMENTS[:6], MOMENTS[3:], MOMENTS))
#: One offer gets most of the requests, so that its limits are met.
customers, offer_ids = st.sampled_from(CUSTOMERS), st.sampled_from(("a", *OFFERS))
picks = st.integers(0, 7)
limits = st.sampled_from([None, 1, 2, 3])
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
        {"type": "on_issue"},
        {"type": "days_after_issue", "days": 1},
        {"type": "from_date", "at": "2026-11-22T09:00:00+05:30"},
    ]
)
bills = st.sampled_from(
    [
        {"number": "B-1", "amount": "99.99", "currency": "INR"},
        {"number": "B-2", "amount": "10.02", "currency": "INR", "lines": [
            {"sku": "S", "amount": "3.34", "on_sale": False},
            {"sku": "T", "amount": "6.68", "on_sale": True}]},
        {"number": "B-3", "amount": "1.00", "currency": "INR", "lines": [
            {"sku": "S", "amount": "1.00", "on_sale": True}]},
    ]
)  # fmt: skip


@st.composite
def sections(draw: st.DrawFn, alone: bool = False) -> dict[str, Any]:
    """The rules of an offer, all limits small enough to be met; ``alone``: takes nobody's code."""
    rules = {
        "anyone_may_redeem": draw(st.booleans()),
        "start": draw(starts),
        "uses_per_coupon": draw(st.sampled_from([1, 2, "unlimited"])),
        "max_per_customer": draw(limits),
        "min_gap_days": draw(st.integers(0, 2)),
        "max_total": draw(st.sampled_from([None, None, 1, 4])),
    }
    if rules["uses_per_coupon"] == 1 and rules["max_per_customer"] == 1:
        rules["min_gap_days"] = 0  # a configuration error otherwise
    prefix = None if alone else draw(st.sampled_from([None, "L", "LE", "LEAD"]))
    offer_code = None if alone else draw(st.sampled_from([None, "CODE-1", "CODE-2"]))
    codes = {"type": "unique", "charset": "digits", "length": 12, "prefix": prefix}
    return {
        "expiry": draw(expiries),
        "discount": draw(discounts),
        "coupons": {"codes": codes},
        "issue": {
            "max_per_customer": draw(limits),
            "min_gap_days": draw(st.sampled_from([0, 0, 1, 2])),
            "max_total": draw(st.sampled_from([None, None, 2, 4])),
        },
        "redeem": rules,
        "claim": draw(claims),
        "offer_code": offer_code,
    }
