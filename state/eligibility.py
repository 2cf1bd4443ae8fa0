"""The rules of an offer that need no memory: pure functions over compiled rules."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from schemas.reasons import Reason

_PERCENT_SCALE = 10_000


@dataclass(frozen=True, slots=True)
class DiscountRule:
    """Exactly one of ``fixed_minor`` (minor units) and ``percent_scaled`` (1e-4 percent) is set."""

    fixed_minor: int | None
    percent_scaled: int | None
    max_minor: int | None
    on_sale_items: bool

    @classmethod
    def of(cls, discount: Any, on_sale_items: bool, decimals: int) -> "DiscountRule":
        """From an offer's ``discount`` section; amounts with the currency's decimals."""
        unit = 10**decimals
        if discount.type == "fixed":
            return cls(int(Fraction(discount.amount) * unit), None, None, on_sale_items)
        cap = discount.max_amount
        return cls(
            None,
            int(Fraction(discount.percent) * _PERCENT_SCALE),
            None if cap is None else int(Fraction(cap) * unit),
            on_sale_items,
        )


def discount_of(rule: DiscountRule, request: dict[str, Any]) -> list[int] | Reason:
    """The discount of each line in minor units; a bill without lines counts as one line.

    On the eligible lines only, never above their sum, rounded half up as a whole.
    """
    amounts: list[int] = request.get("line_minors") or [request["amount_minor"]]
    lines = request["bill"].get("lines")
    if not lines or rule.on_sale_items:
        eligible = amounts
    else:
        eligible = [
            0 if line.get("on_sale") else amount
            for line, amount in zip(lines, amounts, strict=True)
        ]
        if all(line.get("on_sale") for line in lines):
            return Reason.NO_ELIGIBLE_ITEMS
    return _spread(_whole_discount(rule, sum(eligible)), eligible)


def _whole_discount(rule: DiscountRule, eligible_minor: int) -> int:
    if rule.fixed_minor is not None:
        return min(rule.fixed_minor, eligible_minor)
    assert rule.percent_scaled is not None
    whole = 100 * _PERCENT_SCALE
    discount = (2 * eligible_minor * rule.percent_scaled + whole) // (2 * whole)
    if rule.max_minor is not None:
        discount = min(discount, rule.max_minor)
    return min(discount, eligible_minor)


def _spread(discount: int, amounts: list[int]) -> list[int]:
    """Shares in proportion to the amounts that sum to the discount: largest remainders first."""
    if len(amounts) == 1:
        return [discount]
    total = sum(amounts)
    if not total:
        return [0] * len(amounts)
    shares = [discount * amount // total for amount in amounts]
    by_remainder = sorted(
        range(len(amounts)), key=lambda i: discount * amounts[i] % total, reverse=True
    )
    for i in by_remainder[: discount - sum(shares)]:
        shares[i] += 1
    return shares
