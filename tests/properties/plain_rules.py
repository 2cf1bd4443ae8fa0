"""What the oracle keeps of an offer, and the rules that need no more, said in the plainest way."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Kolkata")
Request = dict[str, Any]
Said = dict[str, Any]


@dataclass
class Coupon:
    number: int
    customer_id: str
    day: int
    starts: datetime
    revoked: bool = False
    #: A revoke of the unredeemed reached it: revoked whenever no redemption stands.
    ends_unredeemed: bool = False


@dataclass
class Redemption:
    request_id: str
    coupon: Coupon
    customer_id: str | None
    day: int
    reversed: bool = False


@dataclass
class Offer:
    offer_id: str
    rules: dict[str, Any]
    claim: dict[str, Any] | None = None
    version: int = 1
    decisions: int = 0
    lead: str = ""
    offer_code: str = ""
    exhausted: bool = False
    coupons: list[Coupon] = field(default_factory=list)
    coupon_of_code: dict[str, Coupon] = field(default_factory=dict)
    redemptions: list[Redemption] = field(default_factory=list)

    def rule(self, section: str, name: str, default: Any = None) -> Any:
        return self.rules.get(section, {}).get(name, default)

    def end(self) -> datetime | None:
        if self.rules["expiry"]["type"] == "fixed_date":
            return moment(self.rules["expiry"]["at"])
        return moment(self.claim["ends_at"]) if self.claim and self.claim["ends_at"] else None

    def coupon_end(self) -> datetime | None:
        """Of all its coupons: none has an expiry of its own yet."""
        return None if self.claim and self.claim["service"] == "loyalty" else self.end()

    def standing(self, **wanted: Any) -> list[Redemption]:
        return [
            one for one in self.redemptions
            if not one.reversed and all(getattr(one, name) == v for name, v in wanted.items())
        ]  # fmt: skip

    def revoked(self, coupon: Coupon) -> bool:
        return coupon.revoked or (coupon.ends_unredeemed and not self.standing(coupon=coupon))

    def used_up(self, coupon: Coupon) -> bool:
        uses = self.rule("redeem", "uses_per_coupon", 1)
        return uses != "unlimited" and len(self.standing(coupon=coupon)) >= uses


def starts(start: dict[str, Any], at: datetime) -> datetime:
    if start["type"] == "from_date":
        return moment(start["at"])
    if start["type"] == "days_after_issue":
        return at.replace(hour=0, minute=0, second=0) + timedelta(days=start["days"])
    return at


def first(*guards: tuple[Any, str]) -> str | None:
    return next((reason for holds, reason in guards if holds), None)


def refused(reason: str, request: Request | None) -> Said:
    said = {"outcome": "rejected", "reason": reason, "replayed": False}
    return said if request is None else {**said, "occurred_at": request["occurred_at"]}


def accepted(request: Request, **more: Any) -> Said:
    said = {"outcome": "accepted", "reason": None, "replayed": False}
    return {**said, "occurred_at": request["occurred_at"], **more}


def moment(text: str) -> datetime:
    """In the organisation's zone; fractions of a second are dropped."""
    return datetime.fromisoformat(text).astimezone(ZONE).replace(microsecond=0)


def shown(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def day_of(at: datetime) -> int:
    return at.toordinal()


def past(at: datetime, end: datetime | None) -> bool:
    return end is not None and at > end


def reached(count: int, limit: int | None) -> bool:
    return limit is not None and count >= limit


def near(days: list[int], at: datetime, gap_days: int) -> bool:
    return any(abs(day - day_of(at)) < gap_days for day in days)


def discount(rule: dict[str, Any], bill: dict[str, Any]) -> Said:
    """With its lines where there is but one that counts; else only the whole can be foreseen."""
    lines = bill.get("lines") or [{"amount": bill["amount"], "on_sale": False}]
    eligible = [Decimal(0 if line["on_sale"] else line["amount"]) for line in lines]
    whole = sum(eligible)
    if rule["type"] == "fixed":
        amount = min(Decimal(rule["amount"]), whole)
    else:
        cap = Decimal(rule.get("max_amount") or "Infinity")
        amount = min(whole * Decimal(rule["percent"]) / 100, cap, Decimal(whole))
    amount = amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
    said: Said = {"amount": f"{amount:.2f}", "currency": "INR"}
    if sum(one > 0 for one in eligible) == 1:
        said["lines"] = [f"{amount if one else 0:.2f}" for one in eligible]
    return said


def length_of(rules: dict[str, Any]) -> int:
    return int(rules["coupons"]["codes"]["length"])


def claim_of(request: Request) -> dict[str, Any] | None:
    found = request if request["type"] == "claim" else request["offer"].get("claim")
    if not found:
        return None
    return {name: found.get(name) for name in ("service", "holder", "ends_at")}


def holder_of(claim: dict[str, Any] | None) -> tuple[str, str] | None:
    return (claim["service"], claim["holder"]) if claim else None


def normalised(code: str) -> str:
    return "".join(code.split()).replace("-", "").upper()


def content_of(request: Request) -> Any:
    """What a retry has in common with its first request, as something to compare."""
    content = {name: v for name, v in request.items() if name not in ("occurred_at", "request_id")}
    if "code" in content:
        content["code"] = normalised(content["code"])
    if content.get("customer_ids"):
        content["customer_ids"] = sorted(set(content["customer_ids"]))
    return content


def totals(offer: Offer, coupon: Coupon, customer_id: str | None) -> dict[str, int | None]:
    return {
        "coupon": len(offer.standing(coupon=coupon)),
        "customer": len(offer.standing(customer_id=customer_id)) if customer_id else None,
        "offer": len(offer.standing()),
    }


def editable(offer: Offer | None, wanted: dict[str, Any] | None) -> bool:
    if offer is None or wanted is None:
        return True
    codes, known = wanted["coupons"]["codes"], offer.rules["coupons"]["codes"]
    return (
        wanted["expiry"]["type"] == offer.rules["expiry"]["type"]
        and all(codes[name] == known[name] for name in ("type", "charset", "length"))
        and codes.get("prefix") in (None, offer.lead)
    )
