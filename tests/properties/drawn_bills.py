"""What the machine of bills draws: tills, bills, and the rules they are judged by."""

from typing import Any

from hypothesis import strategies as st

from tests.properties.drawn import DVS, names

#: Unknown is `t-9`. The clocks of New York were set back in the night before November.
TILLS: dict[str, dict[str, Any]] = {
    "t-1": {"till_id": "t-1", "store_id": "s-1", "zone_ids": ["north"], "concept_id": "outlet",
            "time_zone": None},
    "t-2": {"till_id": "t-2", "store_id": "s-2", "zone_ids": ["south", "north"],
            "concept_id": None, "time_zone": "America/New_York"},
    "t-3": {"till_id": "t-3", "store_id": "s-3", "zone_ids": [], "concept_id": "outlet",
            "time_zone": "Asia/Tokyo"},
}  # fmt: skip
MOMENTS = [
    "2026-10-31T21:59:59+05:30",
    "2026-10-31T22:00:00+05:30",
    "2026-11-01T01:59:59+05:30",
    "2026-11-01T02:00:00+05:30",
    "2026-11-01T01:30:00-04:00",
    "2026-11-01T01:30:00-05:00",
    "2026-11-01T02:00:00-05:00",
    "2026-11-01T09:59:59.999+09:00",
    "2026-11-01T10:00:00+09:00",
    "2026-11-01T18:00:00+05:30",
    "2026-11-02T00:00:00+05:30",
]
at = st.sampled_from(MOMENTS)
tills = st.sampled_from(["t-1", "t-2", "t-3", "t-9"])
tags = st.sampled_from([None, None, [], ["vip"], ["vip", "staff"]])
stores = st.lists(st.sampled_from(["s-1", "s-2", "s-3"]), max_size=2, unique=True)

lines = st.fixed_dictionaries(
    {
        "sku": st.sampled_from(["S1", "S2", "S3"]),
        "amount": st.sampled_from(["0.01", "3.34", "6.68", "50.00", "0.00"]),
        "on_sale": st.sampled_from([False, False, True]),
    },
    optional={
        "category": st.sampled_from(["shoes", "hats", None]),
        "brand": st.sampled_from(["Acme", "Zeta", None]),
        "quantity": st.sampled_from([1, 2.5]),
    },
)
bills = st.builds(
    lambda amount, found: {
        "number": "B-1", "amount": amount, "currency": "INR",
        **({} if found is None else {"lines": found}),
    },
    st.sampled_from(["10.00", "10.01", "50", "99.99", "100.00"]),
    st.one_of(st.none(), st.lists(lines, max_size=4)),
)  # fmt: skip

products = st.sampled_from(
    [
        {},
        {"on_sale_items": True},
        {"skus": ["S1"]},
        {"skus": ["S1"], "categories": ["shoes"], "on_sale_items": True},
        {"brands": ["Acme"], "exclude": {"categories": ["shoes"]}},
        {"categories": ["shoes", "hats"], "exclude": {"skus": ["S2"], "categories": ["hats"]}},
        {"exclude": {"brands": ["Acme"], "skus": ["S3"]}},
        {"exclude": {"customer_tags": ["staff", "minor"]}},
    ]
)
entities = st.one_of(
    st.none(),
    st.sampled_from(
        [
            {"stores": ["s-1"]},
            {"zones": ["south"]},
            {"concepts": ["outlet"]},
            {"tills": ["t-3", "t-9"], "zones": ["south", "west"]},
            {"stores": [], "zones": []},
        ]
    ),
)
slots = st.sampled_from(
    [
        {"days": ["sun"]},
        {"days": ["sat"], "from": "22:00", "to": "02:00"},
        {"from": "10:00", "to": "18:00"},
        {"from": "01:30", "to": "02:00", "dates": {"from": "2026-11-01", "to": "2026-11-01"}},
        {"dates": {"to": "2026-10-31"}, "from": "18:00"},
        {"dates": {"from": "2026-11-02"}, "to": "24:00"},
        {"from": "12:00", "to": "12:00", "days": ["sat", "mon"]},
    ]
)
ranges = st.sampled_from(
    [None, None, {"min": "10.01"}, {"max": "99.99"}, {"min": "50.00", "max": "99.99"}]
)


@st.composite
def judged(draw: st.DrawFn) -> dict[str, Any]:
    """Rules of which each bill meets some; nothing that was redeemed counts, but a budget."""
    return {
        "name": draw(names),
        "expiry": {"type": "fixed_date", "at": "2026-12-31T23:59:59+05:30"},
        "discount": draw(
            st.sampled_from(
                [
                    {"type": "percentage", "percent": "12.5"},
                    {"type": "percentage", "percent": "33.3333", "max_amount": "3.33"},
                    {"type": "percentage", "percent": "100"},
                    {"type": "fixed", "amount": "5.00", "currency": "INR"},
                ]
            )
        ),
        "products": draw(products),
        "coupons": {"codes": {"type": "common", "code": "ALL"}},
        "redeem": {
            "anyone_may_redeem": True,
            "uses_per_coupon": "unlimited",
            "org_entities": draw(entities),
            "when": draw(st.one_of(st.just([]), st.lists(slots, min_size=1, max_size=2))),
            "bill": draw(ranges),
        },
        "budget": draw(st.sampled_from([{}, {}, {}, {"discount": "1000.00"}])),
        "claim": DVS,
    }
