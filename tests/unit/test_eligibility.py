"""The rules of an offer that need no memory: who, where, when, what bill and which lines."""

from itertools import combinations
from typing import Any

import orjson
import pytest

from schemas.offers import Offer, errors_of
from schemas.org import OrgEntity
from schemas.reading import Reader
from schemas.reasons import PRECEDENCE, Reason
from schemas.times import Calendar
from state.eligibility import Eligibility
from tests.unit.written_offers import OFFER, Sections

READER = Reader(("redeem", "validate"), "INR", 2)
KOLKATA = Calendar("Asia/Kolkata")
TILL = OrgEntity(till_id="t-1", store_id="s-1", zone_ids=["north", "malls"], concept_id="shoes")
TEN_PERCENT = {"type": "percentage", "percent": "10"}
SHOES, SHIRT, SOCKS = (
    {"sku": "S1", "category": "shoes", "brand": "Acme", "amount": "1000.00"},
    {"sku": "S2", "category": "shirts", "brand": "Bolt", "amount": "500.00"},
    {"sku": "S3", "amount": "200.00"},
)


def eligibility(discount: Sections = TEN_PERCENT, **sections: Any) -> Eligibility:
    """As stored and read back: what is compiled is what Redis has."""
    offer, wrong = errors_of(OFFER | {"discount": discount} | sections, "INR")
    assert not wrong
    assert offer is not None
    stored = offer.model_dump_json(exclude={"claim"})
    return Eligibility.of(Offer.model_validate(orjson.loads(stored)), 2, KOLKATA)


def request(
    *lines: Sections, amount: str = "1000.00", at: str = "2026-11-20T12:00:00+05:30", **more: Any
) -> Sections:
    """A redeem as the reader reads it. 2026-11-20 is a Friday."""
    bill = {"number": "B-1", "amount": amount, "currency": "INR", "lines": list(lines)}
    sent = {
        "type": "redeem",
        "request_id": "r-1",
        "code": "SAVE",
        "till_id": "t-1",
        "bill": bill,
        "occurred_at": at,
        **more,
    }
    found = READER.read(orjson.dumps(sent))
    assert isinstance(found, dict), found
    return found


def test_an_offer_without_rules_takes_its_discount_off_any_bill_at_any_till() -> None:
    found = eligibility()
    assert found.judge(request(), None) == [10000]
    assert found.judge(request(SHOES, SHIRT), TILL) == [10000, 5000]


def test_a_bill_may_leave_lines_and_tags_out_or_empty() -> None:
    found, sent = eligibility(products={"exclude": {"customer_tags": ["staff"]}}), request()
    for lines in ({}, {"lines": None}, {"lines": []}):
        sent["bill"] = {"number": "B-1", "amount": "1000.00", "currency": "INR", **lines}
        assert found.judge(sent | {"customer_tags": None}, None) == [10000]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["staff"], Reason.CUSTOMER_EXCLUDED),
        (["gold", "press"], Reason.CUSTOMER_EXCLUDED),
        (["gold"], [10000]),
        (["Staff", "staff "], [10000]),  # another tag
        ([], [10000]),
        (None, [10000]),
    ],
)
def test_customers_with_an_excluded_tag(tags: list[str] | None, expected: Any) -> None:
    found = eligibility(products={"exclude": {"customer_tags": ["staff", "press"]}})
    assert found.judge(request(customer_tags=tags), TILL) == expected


@pytest.mark.parametrize(
    ("listed", "passes"),
    [
        ({"tills": ["t-1"]}, True),
        ({"stores": ["s-0", "s-1"]}, True),
        ({"zones": ["malls"]}, True),
        ({"concepts": ["shoes"]}, True),
        ({"stores": ["s-0"], "concepts": ["shoes"]}, True),
        ({"tills": ["t-0"], "stores": ["s-0"], "zones": ["south"], "concepts": ["food"]}, False),
        ({"stores": ["S-1"]}, False),
        # an id counts only in the list of its kind
        ({"stores": ["t-1", "north", "shoes"]}, False),
        ({"tills": ["s-1"], "zones": ["shoes"], "concepts": ["north"]}, False),
    ],
)
def test_a_till_passes_by_itself_its_store_its_zones_or_its_concept(
    listed: Sections, passes: bool
) -> None:
    found = eligibility(redeem={"org_entities": listed})
    assert found.judge(request(), TILL) == ([10000] if passes else Reason.STORE_NOT_ALLOWED)


@pytest.mark.parametrize(
    ("listed", "passes"),
    [
        (None, True),
        ({"stores": [], "zones": [], "concepts": [], "tills": []}, True),
        ({"tills": ["t-1"]}, False),
        ({"stores": ["s-1"]}, False),
    ],
)
def test_an_unknown_till_passes_only_where_every_store_does(
    listed: Sections | None, passes: bool
) -> None:
    found = eligibility(redeem={"org_entities": listed})
    assert found.judge(request(), None) == ([10000] if passes else Reason.STORE_NOT_ALLOWED)


def test_a_till_without_zones_and_concept_passes_by_what_it_has() -> None:
    bare = OrgEntity(till_id="t-2", store_id="s-2")
    everywhere = {"zones": ["north"], "concepts": ["shoes"]}
    refused = eligibility(redeem={"org_entities": everywhere}).judge(request(), bare)
    assert refused == Reason.STORE_NOT_ALLOWED
    listed = eligibility(redeem={"org_entities": everywhere | {"stores": ["s-2"]}})
    assert listed.judge(request(), bare) == [10000]


@pytest.mark.parametrize(
    ("time_zone", "at", "passes"),
    [
        (None, "2026-11-20T17:59:59+05:30", True),
        (None, "2026-11-20T18:00:00+05:30", False),
        ("Asia/Dubai", "2026-11-20T17:59:59+04:00", True),
        ("Asia/Dubai", "2026-11-20T18:00:00+04:00", False),
    ],
)
def test_a_slot_is_in_the_stores_time_zone_or_else_the_organisations(
    time_zone: str | None, at: str, passes: bool
) -> None:
    found = eligibility(redeem={"when": [{"days": ["fri"], "from": "10:00", "to": "18:00"}]})
    expected = [10000] if passes else Reason.OUTSIDE_TIME_WINDOW
    till = TILL.model_copy(update={"time_zone": time_zone})
    assert found.judge(request(at=at), till) == expected
    if time_zone is None:
        assert found.judge(request(at=at), None) == expected


@pytest.mark.parametrize(
    ("limits", "amount", "passes"),
    [
        ({"min": "500.00"}, "499.99", False),
        ({"min": "500.00"}, "500.00", True),
        ({"min": "500"}, "500.0", True),
        ({"min": "500.00"}, "500.01", True),
        ({"max": "500.00"}, "499.99", True),
        ({"max": "500.00"}, "500.00", True),
        ({"max": "500.00"}, "500.01", False),
        ({"min": "1000.00", "max": "1000.00"}, "1000.00", True),
        ({"min": "90.00"}, "100.00", True),  # as numbers, not as text
        ({}, "9999999999.99", True),
    ],
)
def test_a_bills_amount_lies_between_both_ends_included(
    limits: Sections, amount: str, passes: bool
) -> None:
    found = eligibility({"type": "fixed", "amount": "1.00", "currency": "INR"},
                        redeem={"bill": limits})  # fmt: skip
    expected = [100] if passes else Reason.BILL_AMOUNT_OUT_OF_RANGE
    assert found.judge(request(amount=amount), TILL) == expected


@pytest.mark.parametrize(
    ("products", "discounts"),
    [
        ({}, [10000, 5000, 2000]),
        ({"categories": ["shoes"]}, [10000, 0, 0]),
        ({"brands": ["Bolt"]}, [0, 5000, 0]),
        ({"skus": ["S3"]}, [0, 0, 2000]),
        ({"categories": ["shoes"], "skus": ["S3"]}, [10000, 0, 2000]),  # any of the lists
        ({"categories": ["shoes"], "brands": ["Bolt"]}, [10000, 5000, 0]),
        ({"categories": ["Shoes", "shoe", "S1", "Acme"]}, None),
        ({"skus": ["shoes"], "brands": ["shoes"]}, None),
        # what is excluded never counts
        ({"exclude": {"skus": ["S1"]}}, [0, 5000, 2000]),
        ({"exclude": {"categories": ["shirts"]}}, [10000, 0, 2000]),
        ({"exclude": {"brands": ["Acme"]}}, [0, 5000, 2000]),
        ({"skus": ["S1", "S2"], "exclude": {"brands": ["Acme"]}}, [0, 5000, 0]),
        ({"skus": ["S1"], "exclude": {"categories": ["shoes"]}}, None),
        ({"exclude": {"skus": ["S1", "S2", "S3"]}}, None),
        ({"exclude": {"skus": ["shoes"], "categories": ["Acme"]}}, [10000, 5000, 2000]),
    ],
)
def test_which_lines_count(products: Sections, discounts: list[int] | None) -> None:
    found = eligibility(products=products)
    bill = request(SHOES, SHIRT, SOCKS, amount="1700.00")
    assert found.judge(bill, TILL) == (discounts or Reason.NO_ELIGIBLE_ITEMS)


@pytest.mark.parametrize(
    ("on_sale_items", "on_sale", "discounts"),
    [
        (False, (True, False), [0, 5000]),
        (False, (False, False), [10000, 5000]),
        (False, (True, True), None),
        (True, (True, False), [10000, 5000]),
        (True, (True, True), [10000, 5000]),
    ],
)
def test_lines_on_sale_count_only_where_the_offer_says_so(
    on_sale_items: bool, on_sale: tuple[bool, bool], discounts: list[int] | None
) -> None:
    found = eligibility(products={"on_sale_items": on_sale_items})
    lines = (SHOES | {"on_sale": on_sale[0]}, SHIRT | {"on_sale": on_sale[1]})
    assert found.judge(request(*lines), TILL) == (discounts or Reason.NO_ELIGIBLE_ITEMS)


def test_a_selected_line_on_sale_counts_no_more_than_another() -> None:
    found = eligibility(products={"skus": ["S1"]})
    refused = found.judge(request(SHOES | {"on_sale": True}, SHIRT), TILL)
    assert refused == Reason.NO_ELIGIBLE_ITEMS


@pytest.mark.parametrize(
    ("products", "discounts"),
    [
        ({}, [10000]),
        ({"on_sale_items": True}, [10000]),
        ({"exclude": {"skus": ["S1"], "categories": ["shoes"], "brands": ["Acme"]}}, [10000]),
        ({"skus": ["S1"]}, None),
        ({"categories": ["shoes"]}, None),
        ({"brands": ["Acme"]}, None),
    ],
)
def test_a_bill_without_lines_is_one_line_of_all_products(
    products: Sections, discounts: list[int] | None
) -> None:
    found = eligibility(products=products)
    assert found.judge(request(), TILL) == (discounts or Reason.NO_ELIGIBLE_ITEMS)


def test_lines_of_nothing_count_and_get_nothing() -> None:
    free = SHOES | {"amount": "0.00"}
    assert eligibility().judge(request(free, free), TILL) == [0, 0]


@pytest.mark.parametrize(
    ("discount", "discounts"),
    [
        # 15% of 12.02 is 1.803; of the lines 0.1515, 1.6515
        ({"type": "percentage", "percent": "15"}, [15, 165, 0]),
        ({"type": "percentage", "percent": "50", "max_amount": "2.00"}, [17, 183, 0]),
        ({"type": "fixed", "amount": "12.01", "currency": "INR"}, [101, 1100, 0]),
        ({"type": "fixed", "amount": "12.02", "currency": "INR"}, [101, 1101, 0]),
        ({"type": "fixed", "amount": "99.00", "currency": "INR"}, [101, 1101, 0]),
    ],
)
def test_the_discount_is_on_the_eligible_lines_as_a_whole(
    discount: Sections, discounts: list[int]
) -> None:
    found = eligibility(discount, products={"exclude": {"skus": ["S3"]}})
    lines = (SHOES | {"amount": "1.01"}, SHIRT | {"amount": "11.01"}, SOCKS)
    assert found.judge(request(*lines), TILL) == discounts


#: What refuses, in order of precedence: the offer's rules and what of the request meets them.
REFUSALS: tuple[tuple[Reason, Sections, Sections], ...] = (
    (
        Reason.CUSTOMER_EXCLUDED,
        {"products": {"exclude": {"customer_tags": ["staff"]}}},
        {"customer_tags": ["staff"]},
    ),
    (Reason.STORE_NOT_ALLOWED, {"redeem": {"org_entities": {"stores": ["s-0"]}}}, {}),
    (Reason.OUTSIDE_TIME_WINDOW, {"redeem": {"when": [{"days": ["mon"]}]}}, {}),
    (Reason.BILL_AMOUNT_OUT_OF_RANGE, {"redeem": {"bill": {"min": "1000.01"}}}, {}),
    (Reason.NO_ELIGIBLE_ITEMS, {"products": {"skus": ["S1"]}}, {}),
)


def test_the_refusals_stand_in_order_of_precedence() -> None:
    order = [PRECEDENCE["redeem"].index(reason) for reason, _, _ in REFUSALS]
    assert order == sorted(order)


@pytest.mark.parametrize(("first", "second"), list(combinations(REFUSALS, 2)))
def test_of_two_that_refuse_the_first_is_named(first: Any, second: Any) -> None:
    sections: Sections = {"products": {}, "redeem": {}}
    for _, rules, _ in (first, second):
        for section, content in rules.items():
            sections[section] = sections[section] | content
    refused = eligibility(**sections).judge(request(**(first[2] | second[2])), TILL)
    assert refused == first[0]
