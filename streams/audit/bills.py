"""What an offer asks of a bill, and what it takes off: from its definition, without any memory."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

_ZERO = Decimal(0)
#: A list of an offer's `products`, and the field of a line that it is about.
_FIELDS = {"categories": "category", "brands": "brand", "skus": "sku"}
#: (field of a line, what it may be) of each list that isn't empty.
Selection = tuple[tuple[str, frozenset[str]], ...]


@dataclass(frozen=True, slots=True)
class BillRules:
    """Amounts are decimal; None: no limit."""

    percent: Decimal | None
    amount: Decimal | None  # of a fixed discount, or the most of a percentage
    on_sale_items: bool
    selected: Selection  # nothing: all products
    excluded: Selection
    excluded_tags: frozenset[str]
    least: Decimal | None
    most: Decimal | None

    @classmethod
    def of(cls, offer: dict[str, Any]) -> "BillRules":
        discount, products = offer["discount"], offer["products"]
        exclude, limits = products.get("exclude") or {}, offer["redeem"].get("bill") or {}
        cap = discount["amount"] if discount["type"] == "fixed" else discount["max_amount"]
        return cls(
            percent=Decimal(discount["percent"]) if discount["type"] == "percentage" else None,
            amount=_decimal(cap),
            on_sale_items=products["on_sale_items"],
            selected=_selection(products),
            excluded=_selection(exclude),
            excluded_tags=frozenset(exclude.get("customer_tags") or ()),
            least=_decimal(limits.get("min")),
            most=_decimal(limits.get("max")),
        )

    def excludes_customer(self, tags: list[str] | None) -> bool:
        return bool(tags and not self.excluded_tags.isdisjoint(tags))

    def out_of_range(self, bill: dict[str, Any]) -> bool:
        if self.least is None and self.most is None:
            return False
        amount = Decimal(bill["amount"])
        return (self.least is not None and amount < self.least) or (
            self.most is not None and amount > self.most
        )

    def has_eligible(self, bill: dict[str, Any]) -> bool:
        lines = bill.get("lines")
        if not lines:
            return not self.selected
        return any(self._is_eligible(line) for line in lines)

    def discount(self, bill: dict[str, Any], unit: Decimal) -> tuple[Decimal, list[Decimal]] | None:
        """The discount in all, and the eligible amount of each line. None: no line is eligible."""
        lines = bill.get("lines")
        if not lines:
            if self.selected:
                return None
            eligible = [Decimal(bill["amount"])]
        else:
            counts = [self._is_eligible(line) for line in lines]
            if True not in counts:
                return None
            eligible = [
                Decimal(line["amount"]) if counts_ else _ZERO
                for line, counts_ in zip(lines, counts, strict=True)
            ]
        total = eligible[0] if len(eligible) == 1 else sum(eligible, _ZERO)
        whole = total
        if self.percent is not None:
            whole = (total * self.percent / 100).quantize(unit, ROUND_HALF_UP)
        if self.amount is not None and self.amount < whole:
            whole = self.amount
        return min(whole, total), eligible

    def _is_eligible(self, line: dict[str, Any]) -> bool:
        if not self.on_sale_items and line.get("on_sale"):
            return False
        if self.excluded and _matches(self.excluded, line):
            return False
        return not self.selected or _matches(self.selected, line)


def _matches(selection: Selection, line: dict[str, Any]) -> bool:
    return any(line.get(name) in wanted for name, wanted in selection)


def _selection(lists: dict[str, Any]) -> Selection:
    found = ((field, frozenset(lists.get(name) or ())) for name, field in _FIELDS.items())
    return tuple((field, wanted) for field, wanted in found if wanted)


def _decimal(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)
