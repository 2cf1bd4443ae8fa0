"""What refuses a bill, and what is taken off it, by rules that need no memory."""

from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tests.properties.plain_rules import ZONE, Offer, Request, Said, first

CENT = Decimal("0.01")
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Till = dict[str, Any]


def refusal(request: Request, offer: Offer, till: Till | None) -> str | None:
    products = offer.rules.get("products") or {}
    tags = products.get("exclude", {}).get("customer_tags", [])
    bounds = offer.rule("redeem", "bill", {})
    amount = Decimal(request["bill"]["amount"])
    return first(
        (any(tag in tags for tag in request.get("customer_tags") or []), "customer_excluded"),
        (not allowed(offer, till), "store_not_allowed"),
        (not open_at(offer.rule("redeem", "when", []), request, till), "outside_time_window"),
        (amount < Decimal(bounds.get("min") or 0), "bill_amount_out_of_range"),
        (amount > Decimal(bounds.get("max") or "Infinity"), "bill_amount_out_of_range"),
        (not any(counting(products, request["bill"])), "no_eligible_items"),
    )


def places_of(offer: Offer) -> dict[str, list[str]]:
    places = dict(offer.rule("redeem", "org_entities", {}))
    if offer.stores:
        places["stores"] = offer.stores
    return places


def allowed(offer: Offer, till: Till | None) -> bool:
    places = places_of(offer)
    if not any(places.values()):
        return True
    return till is not None and (
        till["till_id"] in places.get("tills", [])
        or till["store_id"] in places.get("stores", [])
        or till["concept_id"] in places.get("concepts", [])
        or any(zone in places.get("zones", []) for zone in till["zone_ids"])
    )


def open_at(when: list[dict[str, Any]], request: Request, till: Till | None) -> bool:
    zone = ZoneInfo(till["time_zone"]) if till and till["time_zone"] else ZONE
    wall = datetime.fromisoformat(request["occurred_at"]).astimezone(zone).replace(tzinfo=None)
    return not when or any(
        in_slot(slot, day, wall) for slot in when for day in (wall.date(), yesterday(wall))
    )


def yesterday(wall: datetime) -> date:
    return wall.date() - timedelta(days=1)


def in_slot(slot: dict[str, Any], day: date, wall: datetime) -> bool:
    """Whether it lies in the slot that begins on this day."""
    dates = slot.get("dates") or {}
    if DAYS[day.weekday()] not in slot.get("days", DAYS):
        return False
    if not (dates.get("from") or "0001-01-01") <= day.isoformat() <= (dates.get("to") or "9999"):
        return False
    midnight = datetime.combine(day, time())
    begins = midnight + length(slot.get("from", "00:00"))
    ends = midnight + length(slot.get("to", "24:00"))
    if ends <= begins:
        ends += timedelta(days=1)
    return begins <= wall < ends


def length(time_of_day: str) -> timedelta:
    hours, minutes = time_of_day.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def counting(products: dict[str, Any], bill: dict[str, Any]) -> list[bool]:
    """Of each line whether it counts; a bill without lines is one."""
    selects = any(products.get(name) for name in ("skus", "categories", "brands"))
    if not bill.get("lines"):
        return [not selects]
    return [
        (matches(products, line) or not selects)
        and not matches(products.get("exclude") or {}, line)
        and (bool(products.get("on_sale_items")) or not line.get("on_sale"))
        for line in bill["lines"]
    ]


def matches(lists: dict[str, Any], line: dict[str, Any]) -> bool:
    kinds = (("skus", "sku"), ("categories", "category"), ("brands", "brand"))
    return any(line.get(name) in lists.get(listed, []) for listed, name in kinds)


def eligible(offer: Offer, bill: dict[str, Any]) -> list[Decimal]:
    """Of each line the amount that counts."""
    lines = bill.get("lines") or [bill]
    counts = counting(offer.rules.get("products") or {}, bill)
    return [Decimal(line["amount"]) * yes for line, yes in zip(lines, counts, strict=True)]


def discount(rule: dict[str, Any], amounts: list[Decimal]) -> Decimal:
    whole = sum(amounts, Decimal(0))
    if rule["type"] == "fixed":
        return min(Decimal(rule["amount"]), whole)
    cap = Decimal(rule.get("max_amount") or "Infinity")
    taken = (whole * Decimal(rule["percent"]) / 100).quantize(CENT, ROUND_HALF_UP)
    return min(taken, cap, whole)


def wrong_lines(said: Said, amounts: list[Decimal]) -> str | None:
    """What is wrong with how a discount was spread: by share, to within a cent, as a whole."""
    lines, taken = [Decimal(line) for line in said["lines"]], Decimal(said["amount"])
    whole = sum(amounts)
    if len(lines) != len(amounts) or sum(lines) != taken:
        return f"{lines} are not the whole {taken} of {amounts}"
    for line, amount in zip(lines, amounts, strict=True):
        share = taken * amount / whole if whole else Decimal(0)
        if not 0 <= line <= amount or abs(line - share) >= CENT:
            return f"{lines} is not {taken} spread over {amounts}"
    return None
