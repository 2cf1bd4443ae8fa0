"""The rules of an offer that need no memory: who, where, when, what bill and which of its lines."""

from dataclasses import dataclass
from typing import Any

from schemas.money import to_minor
from schemas.offer_sections import Exclude, OrgEntities, Products
from schemas.offers import Offer
from schemas.org import OrgEntity
from schemas.reasons import Reason
from schemas.times import Calendar
from state.discount import Discount, spread
from state.windows import Slot, Windows

#: Above any bill there is.
_NO_END = 2**63


@dataclass(frozen=True, slots=True)
class Places:
    """Where an offer that isn't open to every store may be redeemed."""

    tills: frozenset[str]
    stores: frozenset[str]
    zones: frozenset[str]
    concepts: frozenset[str]

    @classmethod
    def of(cls, listed: OrgEntities | None) -> "Places | None":
        """None: at every store."""
        if listed is None or not (listed.tills or listed.stores or listed.zones or listed.concepts):
            return None
        return cls(*map(frozenset, (listed.tills, listed.stores, listed.zones, listed.concepts)))

    def allow(self, entity: OrgEntity) -> bool:
        return (
            entity.store_id in self.stores
            or entity.till_id in self.tills
            or entity.concept_id in self.concepts
            or not self.zones.isdisjoint(entity.zone_ids)
        )


@dataclass(frozen=True, slots=True)
class Matching:
    """Lines by what is on them: of one of these SKUs, categories or brands."""

    skus: frozenset[str]
    categories: frozenset[str]
    brands: frozenset[str]

    @classmethod
    def of(cls, listed: Products | Exclude) -> "Matching | None":
        """None: nothing is listed."""
        if not (listed.skus or listed.categories or listed.brands):
            return None
        return cls(*map(frozenset, (listed.skus, listed.categories, listed.brands)))

    def matches(self, line: dict[str, Any]) -> bool:
        return (
            line["sku"] in self.skus
            or line.get("category") in self.categories
            or line.get("brand") in self.brands
        )


@dataclass(frozen=True, slots=True)
class Lines:
    """Which lines of a bill count. ``selected`` None: all products."""

    selected: Matching | None
    excluded: Matching | None
    on_sale_items: bool

    def count(self, lines: list[dict[str, Any]]) -> list[bool]:
        """For each line, whether it does."""
        if self.on_sale_items:
            counts = [True] * len(lines)
        else:
            counts = [not line.get("on_sale") for line in lines]
        selected, excluded = self.selected, self.excluded
        if selected is not None:
            counts = [c and selected.matches(line) for c, line in zip(counts, lines, strict=True)]
        if excluded is not None:
            counts = [
                c and not excluded.matches(line) for c, line in zip(counts, lines, strict=True)
            ]
        return counts


@dataclass(frozen=True, slots=True)
class Eligibility:
    """An offer's rules without memory, compiled once a version of the offer.

    ``conditional``: there is one of the customer, the place, the time or the bill's amount.
    """

    conditional: bool
    excluded_tags: frozenset[str]
    places: Places | None
    windows: Windows | None
    least_minor: int
    most_minor: int
    lines: Lines
    discount: Discount

    @classmethod
    def of(cls, offer: Offer, decimals: int, calendar: Calendar) -> "Eligibility":
        """``calendar``: the organisation's, for stores without a time zone."""
        products, redeem = offer.products, offer.redeem
        tags = frozenset(products.exclude.customer_tags)
        places = Places.of(redeem.org_entities)
        slots = tuple(Slot.of(when) for when in redeem.when)
        least, most = (redeem.bill.min, redeem.bill.max) if redeem.bill else (None, None)
        return cls(
            bool(tags or places or slots or least or most),
            tags,
            places,
            Windows(slots, calendar.time_zone) if slots else None,
            0 if least is None else to_minor(least, decimals),
            _NO_END if most is None else to_minor(most, decimals),
            Lines(Matching.of(products), Matching.of(products.exclude), products.on_sale_items),
            Discount.of(offer.discount, decimals),
        )

    def judge(self, request: dict[str, Any], entity: OrgEntity | None) -> Reason | list[int]:
        """The first reason that refuses, or the discount of each line in minor units.

        ``entity``: the till's, None where nobody knows it. A bill without lines is one line.
        """
        refused = self._refusal(request, entity) if self.conditional else None
        if refused is not None:
            return refused
        lines = request["bill"].get("lines")
        if not lines:
            if self.lines.selected is not None:
                return Reason.NO_ELIGIBLE_ITEMS
            return [self.discount.on(request["amount_minor"])]
        counts, amounts = self.lines.count(lines), request["line_minors"]
        if True not in counts:
            return Reason.NO_ELIGIBLE_ITEMS
        if False in counts:
            amounts = [
                amount if counted else 0 for amount, counted in zip(amounts, counts, strict=True)
            ]
        return spread(self.discount.on(sum(amounts)), amounts)

    def _refusal(self, request: dict[str, Any], entity: OrgEntity | None) -> Reason | None:
        if not self.excluded_tags.isdisjoint(request.get("customer_tags") or ()):
            return Reason.CUSTOMER_EXCLUDED
        if self.places is not None and (entity is None or not self.places.allow(entity)):
            return Reason.STORE_NOT_ALLOWED
        if self.windows is not None:
            time_zone = None if entity is None else entity.time_zone
            if not self.windows.open_at(request["second"], time_zone):
                return Reason.OUTSIDE_TIME_WINDOW
        if not self.least_minor <= request["amount_minor"] <= self.most_minor:
            return Reason.BILL_AMOUNT_OUT_OF_RANGE
        return None
