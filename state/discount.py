"""How much an offer takes off, and what of it off each line. All in minor units."""

from dataclasses import dataclass
from fractions import Fraction

from schemas.money import to_minor
from schemas.offer_sections import FixedAmount, Percentage

_PERCENT_SCALE = 10_000
_WHOLE = 100 * _PERCENT_SCALE


@dataclass(frozen=True, slots=True)
class Discount:
    """``percent_scaled`` (1e-4 percent) of the eligible lines; ``most_minor``: and never above, or
    the amount itself where it is a fixed one."""

    percent_scaled: int | None
    most_minor: int | None

    @classmethod
    def of(cls, discount: Percentage | FixedAmount, decimals: int) -> "Discount":
        """From an offer's ``discount`` section; amounts with the currency's decimals."""
        if discount.type == "fixed":
            return cls(None, to_minor(discount.amount, decimals))
        cap = discount.max_amount
        return cls(
            int(Fraction(discount.percent) * _PERCENT_SCALE),
            None if cap is None else to_minor(cap, decimals),
        )

    def on(self, eligible_minor: int) -> int:
        """Rounded half up as a whole, never above what is eligible."""
        taken = eligible_minor
        if self.percent_scaled is not None:
            taken = (2 * eligible_minor * self.percent_scaled + _WHOLE) // (2 * _WHOLE)
        if self.most_minor is not None and taken > self.most_minor:
            taken = self.most_minor
        return taken


def spread(discount: int, amounts: list[int]) -> list[int]:
    """Shares in proportion to the amounts that sum to the discount: largest remainders first."""
    if len(amounts) == 1:
        return [discount]
    total = sum(amounts)
    if not total:
        return [0] * len(amounts)
    shares = [discount * amount // total for amount in amounts]
    missing = discount - sum(shares)
    if missing:
        by_remainder = sorted(
            range(len(amounts)), key=lambda i: discount * amounts[i] % total, reverse=True
        )
        for i in by_remainder[:missing]:
            shares[i] += 1
    return shares
