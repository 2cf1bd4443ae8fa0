"""How much is taken off: percentages and amounts, rounding, and each line's share."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.offer_sections import FixedAmount, Percentage
from state.discount import Discount, spread

whole_amounts = st.integers(0, 10**12)
line_amounts = st.lists(st.integers(0, 10**9), min_size=1, max_size=20)


def percentage(percent: str, max_amount: str | None = None) -> Discount:
    section: Any = {"type": "percentage", "percent": percent, "max_amount": max_amount}
    return Discount.of(Percentage.model_validate(section), decimals=2)


def fixed(amount: str, decimals: int = 2) -> Discount:
    section: Any = {"type": "fixed", "amount": amount, "currency": "INR"}
    return Discount.of(FixedAmount.model_validate(section), decimals)


@pytest.mark.parametrize(
    ("discount", "eligible", "expected"),
    [
        (percentage("10"), 149900, 14990),
        (percentage("10"), 4, 0),
        (percentage("10"), 5, 1),  # half a minor unit goes up
        (percentage("10"), 6, 1),
        (percentage("10"), 0, 0),
        (percentage("100"), 149900, 149900),
        (percentage("0.0001"), 499_999, 0),
        (percentage("0.0001"), 500_000, 1),
        (percentage("33.3333"), 10**12, 333_333_000_000),
        # an amount at the most
        (percentage("10", "50.00"), 49_999, 5000),
        (percentage("10", "50.00"), 50_000, 5000),
        (percentage("10", "50.00"), 50_010, 5000),
        # a fixed amount, never above what is eligible
        (fixed("100.00"), 149900, 10000),
        (fixed("100.00"), 10000, 10000),
        (fixed("100.00"), 9999, 9999),
        (fixed("100.00"), 0, 0),
        (fixed("100", decimals=0), 149900, 100),
        (fixed("100.5", decimals=3), 149900, 100_500),
    ],
)
def test_a_discount_on_what_is_eligible(discount: Discount, eligible: int, expected: int) -> None:
    assert discount.on(eligible) == expected


@given(whole_amounts, st.integers(1, 1_000_000), st.none() | whole_amounts)
def test_no_discount_is_above_what_is_eligible(
    eligible: int, percent_scaled: int, most: int | None
) -> None:
    assert 0 <= Discount(percent_scaled, most).on(eligible) <= eligible


@given(whole_amounts, st.integers(1, 1_000_000))
def test_a_percentage_is_off_by_half_a_minor_unit_at_the_most(
    eligible: int, percent_scaled: int
) -> None:
    taken, exactly = Discount(percent_scaled, None).on(eligible), eligible * percent_scaled
    assert -500_000 < taken * 1_000_000 - exactly <= 500_000


@pytest.mark.parametrize(
    ("discount", "amounts", "shares"),
    [
        (100, [100, 100, 100], [34, 33, 33]),  # what is left over goes to the first of equals
        (10, [1, 99], [0, 10]),
        (50, [100, 0], [50, 0]),
        (7, [70], [7]),
        (0, [0, 0], [0, 0]),
    ],
)
def test_lines_share_a_discount_by_their_amounts(
    discount: int, amounts: list[int], shares: list[int]
) -> None:
    assert spread(discount, amounts) == shares


@given(line_amounts, st.integers(0, 10**10))
def test_lines_sum_to_the_discount_and_stay_below_their_amounts(
    amounts: list[int], most: int
) -> None:
    discount = Discount(None, most).on(sum(amounts))
    shares = spread(discount, amounts)
    assert sum(shares) == discount == min(most, sum(amounts))
    assert all(0 <= share <= amount for share, amount in zip(shares, amounts, strict=True))
    exact = [discount * amount / (sum(amounts) or 1) for amount in amounts]
    assert all(abs(share - part) < 1.001 for share, part in zip(shares, exact, strict=True))
