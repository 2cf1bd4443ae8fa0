"""What the oracle keeps of an offer, and the rules that need no more, said in the plainest way."""

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tests.properties.plain_codes import normalised

ZONE = ZoneInfo("Asia/Kolkata")
Request = dict[str, Any]
Said = dict[str, Any]


@dataclass
class Coupon:
    number: int
    #: Whom it was issued to; '' where to nobody.
    customer_id: str
    day: int
    starts: datetime
    #: By its own rule; None: with the offer.
    ends: datetime | None
    code: str | None = None
    revoked: bool = False
    #: A revoke of the unredeemed reached it: revoked whenever no redemption stands.
    ends_unredeemed: bool = False


@dataclass
class Redemption:
    request_id: str
    coupon: Coupon
    customer_id: str | None
    day: int
    discount: Decimal
    bill: Decimal
    reversed: bool = False


@dataclass
class UploadedCode:
    number: int
    code: str
    customer_id: str
    #: Neither for a customer nor for a third party to give out.
    free: bool
    #: It "waits" for the last part, is "there", or was "given up".
    state: str = "waits"
    gone: bool = False
    revoked: bool = False


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
    redemptions: list[Redemption] = field(default_factory=list)
    uploaded: list[UploadedCode] = field(default_factory=list)
    audience: list[str] = field(default_factory=list)
    stores: list[str] = field(default_factory=list)
    #: Of each kind of upload the parts that wait, by their number, and how many there are to be.
    waiting: dict[str, dict[int, list[Any]]] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)

    def rule(self, section: str, name: str, default: Any = None) -> Any:
        found = (self.rules.get(section) or {}).get(name)
        return default if found is None else found

    @property
    def codes(self) -> dict[str, Any]:
        found: dict[str, Any] = self.rules["coupons"]["codes"]
        return found

    @property
    def way(self) -> str:
        return str(self.codes["type"])

    @property
    def third_party(self) -> bool:
        return bool(self.rules["coupons"].get("delivery") == "third_party")

    def end(self) -> datetime | None:
        if self.rules["expiry"]["type"] == "fixed_date":
            return moment(self.rules["expiry"]["at"])
        return moment(self.claim["ends_at"]) if self.claim and self.claim["ends_at"] else None

    def coupon_end(self, coupon: Coupon) -> datetime | None:
        if coupon.ends is None and self.claim and self.claim["service"] == "loyalty":
            return None
        campaign = moment(self.claim["ends_at"]) if self.claim and self.claim["ends_at"] else None
        if coupon.ends is None:
            return self.end()
        return min(end for end in (coupon.ends, self.end(), campaign) if end is not None)

    def coupon_of_code(self, code: str) -> Coupon | None:
        return next((one for one in self.coupons if one.code == code), None)

    def standing(self, **wanted: Any) -> list[Redemption]:
        return [
            one for one in self.redemptions
            if not one.reversed and all(getattr(one, name) == v for name, v in wanted.items())
        ]  # fmt: skip

    def recipient(self, coupon: Coupon) -> str:
        """Whom it was issued to, else who redeemed it first of those redemptions that stand."""
        named = [one.customer_id for one in self.standing(coupon=coupon) if one.customer_id]
        return coupon.customer_id or (named[0] if named else "")

    def revoked(self, coupon: Coupon) -> bool:
        return coupon.revoked or (coupon.ends_unredeemed and not self.standing(coupon=coupon))

    def used_up(self, coupon: Coupon) -> bool:
        uses = self.rule("redeem", "uses_per_coupon", 1)
        return uses != "unlimited" and len(self.standing(coupon=coupon)) >= uses

    def active(self, coupon: Coupon, at: datetime) -> bool:
        ended = self.revoked(coupon) or self.used_up(coupon)
        return not ended and not past(at, self.coupon_end(coupon))

    def give(self, number: int, customer_id: str, at: datetime, code: str | None) -> Coupon:
        """Another coupon, by the rules as they stand."""
        rule = self.rule("redeem", "start", {"type": "on_issue"})
        ends = own_end(self.rules["coupons"].get("expiry") or {"type": "with_offer"}, at)
        coupon = Coupon(number, customer_id, day_of(at), starts(rule, at), ends, code)
        self.coupons.append(coupon)
        return coupon


def starts(start: dict[str, Any], at: datetime) -> datetime:
    if start["type"] == "from_date":
        return moment(start["at"])
    if start["type"] == "days_after_issue":
        return at.replace(hour=0, minute=0, second=0) + timedelta(days=start["days"])
    return at


def own_end(expiry: dict[str, Any], at: datetime) -> datetime | None:
    last = at.replace(hour=23, minute=59, second=59)
    if expiry["type"] == "days_after_issue":
        return last + timedelta(days=expiry["days"])
    if expiry["type"] == "month_ends_after_issue":
        for _ in range(expiry["months"] - 1):
            last = end_of_month(last) + timedelta(days=1)
        return end_of_month(last)
    return None


def end_of_month(at: datetime) -> datetime:
    return at.replace(day=monthrange(at.year, at.month)[1])


def months_before(at: datetime, months: int) -> int:
    """The same day so many months ago, or the last of that month where it has none."""
    year, month = at.year, at.month
    for _ in range(months):
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return day_of(at.replace(year=year, month=month, day=min(at.day, monthrange(year, month)[1])))


def first(*guards: tuple[Any, str]) -> str | None:
    return next((reason for holds, reason in guards if holds), None)


def refused(reason: str, request: Request | None, **more: Any) -> Said:
    said = {"outcome": "rejected", "reason": reason, "replayed": False, **more}
    return said if request is None else {**said, "occurred_at": request["occurred_at"]}


def accepted(request: Request, **more: Any) -> Said:
    said = {"outcome": "accepted", "reason": None, "replayed": False}
    return {**said, "occurred_at": request["occurred_at"], **more}


def moment(text: str) -> datetime:
    """In the organisation's zone; fractions of a second are dropped."""
    return datetime.fromisoformat(text).astimezone(ZONE).replace(microsecond=0)


def shown(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def second_of(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())


def day_of(at: datetime) -> int:
    return at.toordinal() - datetime(1970, 1, 1).toordinal()


def past(at: datetime, end: datetime | None) -> bool:
    return end is not None and at > end


def reached(count: int, limit: int | None) -> bool:
    return limit is not None and count >= limit


def near(days: list[int], at: datetime, gap_days: int) -> bool:
    return any(abs(day - day_of(at)) < gap_days for day in days)


def claim_of(request: Request) -> dict[str, Any] | None:
    found = request if request["type"] == "claim" else request.get("offer", {}).get("claim")
    if not found:
        return None
    return {name: found.get(name) for name in ("service", "holder", "ends_at")}


def holder_of(claim: dict[str, Any] | None) -> tuple[str, str] | None:
    return (claim["service"], claim["holder"]) if claim else None


def content_of(request: Request) -> Any:
    """What a retry has in common with its first request, as something to compare."""
    content = {name: v for name, v in request.items() if name not in ("occurred_at", "request_id")}
    if "code" in content:
        content["code"] = normalised(content["code"])
    if request["type"] == "revoke" and content.get("customer_ids"):
        content["customer_ids"] = sorted(set(content["customer_ids"]))
    if content.get("customer_tags"):
        content["customer_tags"] = sorted(content["customer_tags"])
    return content
