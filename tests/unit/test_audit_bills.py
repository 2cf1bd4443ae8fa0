"""The audit's fold on what an offer asks of a bill and its customer, and on budgets."""

from typing import Any

import pytest

from schemas.topics import REDEEM
from tests.unit.audit_story import (
    DAY_2,
    UNLIMITED,
    Story,
    accept,
    created,
    issued,
    redeemed,
    refuse,
    reversed_,
)

SHOES = {"sku": "s-1", "category": "shoes", "brand": "Acme", "amount": "100.00", "on_sale": False}
HATS = {"sku": "h-1", "category": "hats", "brand": "Acme", "amount": "50.00", "on_sale": False}
SALE = {"sku": "s-2", "category": "shoes", "brand": "Bell", "amount": "30.00", "on_sale": True}


def story_of(*changes: dict[str, Any]) -> Story:
    story = Story()
    created(story, UNLIMITED, *changes)
    issued(story, "i-0", "c-1", 0, 1)
    issued(story, "i-1", "c-1", 1, 2)
    return story


def bought(story: Story, shares: list[str] | None, *lines: dict[str, Any], **more: Any) -> Any:
    """A redeem of coupon 0 with this discount of each line, None: refused for its lines."""
    amount = f"{sum(float(line['amount']) for line in lines) or 149.95:.2f}"
    given = None if shares is None else f"{sum(map(float, shares)):.2f}"
    return redeemed(
        story, "r-1", "c-1", 0, (1, 1, 1) if given else None, amount=amount, lines=list(lines),
        reason=None if given else "no_eligible_items", discount=given or "", shares=shares, **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("products", "lines", "shares"),
    [
        ({"categories": ["shoes"]}, [SHOES, HATS], ["10.00", "0.00"]),
        ({"brands": ["Bell"], "on_sale_items": True}, [SHOES, SALE], ["0.00", "3.00"]),
        ({"skus": ["h-1"]}, [SHOES, HATS], ["0.00", "5.00"]),
        ({"skus": ["h-1"], "categories": ["shoes"]}, [SHOES, HATS], ["10.00", "5.00"]),
        ({"exclude": {"brands": ["Bell"]}, "on_sale_items": True}, [SHOES, SALE],
         ["10.00", "0.00"]),
        ({"categories": ["shoes"], "exclude": {"skus": ["s-1"]}}, [SHOES, HATS], None),
        ({"exclude": {"categories": ["hats", "shoes"]}}, [SHOES, HATS], None),
        ({"categories": ["shoes"]}, [HATS, SALE], None),
        ({"categories": ["shoes"]}, [], None),
        ({"exclude": {"categories": ["shoes"]}}, [], ["14.995"]),
    ],
)  # fmt: skip
def test_only_eligible_lines_count(
    products: dict[str, Any], lines: list[dict[str, Any]], shares: list[str] | None
) -> None:
    right = story_of({"products": products})
    if not lines and shares:
        redeemed(right, "r-1", "c-1", 0, (1, 1, 1))
    else:
        bought(right, shares, *lines)
    right.passes()

    forged = story_of({"products": products})
    if shares:
        bought(forged, None, *lines)
        forged.fails("r-1", "refused as no_eligible_items", "is to be accepted")
    else:
        bought(forged, ["1.00"] * max(1, len(lines)), *lines)
        forged.fails("r-1", "no line of the bill is eligible")
        forged.fails("r-1", "accepted", "no_eligible_items")


def test_a_line_that_does_not_count_gets_nothing() -> None:
    story = story_of({"products": {"categories": ["shoes"]}})
    bought(story, ["6.67", "3.33"], SHOES, HATS)

    story.fails("r-1", "has a line of")


@pytest.mark.parametrize("tags", [None, [], ["vip"], ["staff", "vip"]])
def test_tags_exclude_customers(tags: list[str] | None) -> None:
    excluded = bool(tags and "staff" in tags)
    rule = {"products": {"exclude": {"customer_tags": ["staff", "partner"]}}}
    story = story_of(rule)
    said = redeemed(story, "r-1", "c-1", 0, None if excluded else (1, 1, 1), tags=tags,
                    reason="customer_excluded" if excluded else None)  # fmt: skip
    story.passes()

    refuse(said, "no_eligible_items" if excluded else "customer_excluded")

    story.fails("r-1", "refused as", "customer_excluded")


@pytest.mark.parametrize(
    ("amount", "discount", "inside"),
    [
        ("99.99", "10.00", False),
        ("100.00", "10.00", True),
        ("200.00", "20.00", True),
        ("200.01", "20.00", False),
    ],
)
def test_a_bill_lies_between_the_least_and_the_most(
    amount: str, discount: str, inside: bool
) -> None:
    rule = {"redeem": {"bill": {"min": "100.00", "max": "200"}}}
    accepted, refused = story_of(rule), story_of(rule)
    redeemed(accepted, "r-1", "c-1", 0, (1, 1, 1), amount=amount, discount=discount)
    redeemed(refused, "r-1", "c-1", 0, None, amount=amount, reason="bill_amount_out_of_range")

    right, forged = (accepted, refused) if inside else (refused, accepted)
    right.passes()
    forged.fails("r-1", "bill_amount_out_of_range")


def test_the_first_reason_without_memory_is_given() -> None:
    rule = {"redeem": {"bill": {"min": "500.00"}}, "products": {"categories": ["hats"]}}
    story = story_of(rule)
    said = bought(story, None, SHOES)
    said["reason"] = "bill_amount_out_of_range"
    story.passes()

    said["reason"] = "no_eligible_items"

    story.fails("refused as no_eligible_items", "to be refused as bill_amount_out_of_range")


def test_validate_goes_by_the_bill_too() -> None:
    story = story_of({"redeem": {"bill": {"min": "500.00"}}})
    said = redeemed(story, "r-1", "c-1", 0, None, reason="bill_amount_out_of_range")
    del said["ledger"]
    said["type"] = story.told[REDEEM][-1][0]["type"] = "validate"
    story.passes()

    said["reason"] = "store_not_allowed"
    story.fails("validate r-1", "refused as store_not_allowed", "bill_amount_out_of_range")

    accept(said, discount={"amount": "15.00", "currency": "INR", "lines": ["15.00"]})
    story.fails("validate r-1", "accepted", "bill_amount_out_of_range")


# Budgets -----------------------------------------------------------------------------------------


def test_the_discounts_given_stay_below_the_budget() -> None:
    """30.00: two of 15.00 and nothing more, until one is reversed."""
    story = story_of({"budget": {"discount": "30.00"}})
    issued(story, "i-2", "c-2", 2, 1)
    redeemed(story, "r-0", "c-1", 0, (1, 1, 1))
    redeemed(story, "r-1", "c-1", 1, (1, 2, 2))
    third = redeemed(story, "r-2", "c-2", 2, None, reason="budget_exhausted", amount="0.05")
    reversed_(story, "v-1", "r-0", "c-1", 0, (0, 1, 1))
    redeemed(story, "r-3", "c-2", 2, (1, 1, 2), DAY_2)
    story.passes()

    accept(third, discount={"amount": "0.01", "currency": "INR", "lines": ["0.01"]},
           totals={"coupon": 1, "customer": 1, "offer": 3})  # fmt: skip
    third["ledger"] |= {"day": third["ledger"].get("day", 0), "discount_minor": 1, "bill_minor": 5}
    story.fails("r-2", "accepted", "budget_exhausted")


def test_a_budget_that_is_not_used_up_refuses_nobody() -> None:
    story = story_of({"budget": {"discount": "30.00", "revenue_goal": "149.96"}})
    redeemed(story, "r-0", "c-1", 0, (1, 1, 1))
    redeemed(story, "r-1", "c-1", 1, None, reason="budget_exhausted")

    story.fails("r-1", "refused as budget_exhausted", "to be accepted")


def test_the_revenue_goal_ends_the_offer_once_it_is_reached() -> None:
    story = story_of({"budget": {"revenue_goal": "149.95"}})
    redeemed(story, "r-0", "c-1", 0, (1, 1, 1))
    redeemed(story, "r-1", "c-1", 1, None, reason="budget_exhausted")
    story.passes()

    story.told[REDEEM].pop()
    story.sequence -= 1
    redeemed(story, "r-1", "c-1", 1, (1, 2, 2))

    story.fails("r-1", "accepted", "budget_exhausted")


@pytest.mark.parametrize(("name", "wrong"), [("discount_minor", 1499), ("bill_minor", 0)])
def test_what_the_ledger_notes_is_what_was_shown(name: str, wrong: int) -> None:
    story = story_of()
    said = redeemed(story, "r-0", "c-1", 0, (1, 1, 1))
    said["ledger"][name] = wrong

    story.fails("r-0", f"noted a {name.removesuffix('_minor')} of {wrong}")
