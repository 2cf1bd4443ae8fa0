"""The rules once more, as plain as they can be: what one offer's next decision has to be, and what
it changes. Days are those of the organisation's time zone; seconds since 1970; money in paise.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

Said = dict[str, Any]
_EPOCH, _EPOCH_DAY = datetime(1970, 1, 1, tzinfo=UTC), date(1970, 1, 1).toordinal()
#: What an offer may have here, each the only value known, or None where any is.
_KNOWN: dict[str, Any] = {
    "expiry.type": "fixed_date", "discount.type": "percentage", "issue.unless_received": None,
    "redeem.start.type": "on_issue", "redeem.bill": None, "redeem.org_entities": None,
    "redeem.when": None, "budget.discount": None, "budget.revenue_goal": None,
    "coupons.delivery": "ours", "coupons.codes.type": "unique", "coupons.expiry.type": "with_offer",
    "products.categories": None, "products.brands": None, "products.skus": None,
    "products.exclude.customer_tags": None, "products.exclude.skus": None,
    "products.exclude.categories": None, "products.exclude.brands": None,
}  # fmt: skip


@lru_cache(maxsize=65_536)
def second_of(moment: str) -> int:
    return int((datetime.fromisoformat(moment.upper()) - _EPOCH) // timedelta(seconds=1))


@lru_cache(maxsize=65_536)
def day_of(moment: str, time_zone: str) -> int:
    """The local day of a moment; 0 is 1970-01-01."""
    local = datetime.fromisoformat(moment.upper()).astimezone(ZoneInfo(time_zone))
    return local.date().toordinal() - _EPOCH_DAY


def unknown_rules(rules: dict[str, Any]) -> list[str]:
    """What of an offer isn't known here, so that nothing can be said of its decisions."""
    unknown = []
    for path, known in _KNOWN.items():
        content: Any = rules
        for name in path.split("."):
            content = (content or {}).get(name)
        if (content or None) != known:
            unknown.append(f"{path} {content}")
    return unknown


class Guard(NamedTuple):
    """``must``: refuses. ``may``: refuses, if decisions that were lost made it so."""

    reason: str
    must: bool
    may: bool


def guard(reason: str, holds: bool) -> Guard:
    return Guard(reason, holds, holds)


def reached(reason: str, limit: Any, count: int, more: int, fewer: int = 0) -> Guard:
    """Of a count that decisions which were lost may have made so much higher, or lower."""
    if limit is None or limit == "unlimited":
        return guard(reason, False)
    return Guard(reason, count - fewer >= limit, count + more >= limit)


@dataclass
class Use:
    customer_id: str
    day: int
    discount_minor: int
    bill_minor: int
    sequence: int  # of its decision
    reversed_by: str | None = None


@dataclass
class Coupon:
    serial: int
    customer_id: str
    starts: int
    revoked: bool = False
    uses: dict[str, Use] = field(default_factory=dict)  # by redemption_id

    def standing(self) -> int:
        return sum(use.reversed_by is None for use in self.uses.values())


@dataclass
class OfferModel:
    """One offer's state. ``rules``: the offer as its last change left it. What changed is taken
    from outcomes, right or wrong: `told` and `reasons` say what had to be."""

    offer_id: str
    time_zone: str
    kinds: set[str]  # of its decisions, ever
    rules: dict[str, Any] = field(default_factory=dict)
    version: int = 0
    issued: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    redeemed: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))  # days
    coupons: dict[int, Coupon] = field(default_factory=dict)  # by serial
    codes: dict[str, Coupon] = field(default_factory=dict)
    standing: int = 0  # redemptions not reversed
    next_serial: int = 0
    watermark: int = 0
    closed: bool = False
    sequence: int = 0

    # What has to be ------------------------------------------------------------------------------

    def reasons(self, request: dict[str, Any], lost: int) -> list[str | None]:
        """Reasons that may be given, None for accepting. Only one, where nothing was lost."""
        found: list[str | None] = []
        for each in getattr(self, f"_{request['type']}_guards")(request, lost):
            found += [each.reason] if each.may else []
            if each.must:
                return found
        return [*found, None]

    def _issue_guards(self, request: dict[str, Any], lost: int) -> Iterator[Guard]:
        limits, issued = self.rules["issue"], self.issued.get(request["customer_id"], [])
        yield guard("offer_expired", second_of(request["occurred_at"]) > self.ends)
        claim = self.rules["claim"] or {}
        ours = all(claim.get(name) == request[name] for name in ("service", "holder"))
        yield guard("not_claimed_by_service", not ours)
        count = len(issued)
        yield reached("customer_limit_reached", limits["max_per_customer"], count, lost)
        yield self._gap(limits, request, [day for _, day in issued], lost)
        yield reached("offer_limit_reached", limits["max_total"], len(self.coupons), lost)
        may_be_closed = self.closed or (lost > 0 and "revoke" in self.kinds)
        yield Guard("codes_exhausted", self.closed, may_be_closed)

    def _redeem_guards(self, request: dict[str, Any], lost: int) -> Iterator[Guard]:
        limits, customer_id = self.rules["redeem"], request.get("customer_id") or ""
        coupon, days = self.codes[request["code"]], self.redeemed.get(customer_id, [])
        second, fewer = second_of(request["occurred_at"]), self._undone(lost)
        yield self._revoked(coupon, lost)
        yield reached("coupon_redeemed", limits["uses_per_coupon"], coupon.standing(), lost, fewer)
        yield guard("coupon_expired", second > self.ends)
        yield guard("not_started", second < coupon.starts)
        theirs = limits["anyone_may_redeem"] or coupon.customer_id == customer_id
        yield guard("not_recipient", not theirs)
        if customer_id:
            most = limits["max_per_customer"]
            yield reached("customer_limit_reached", most, len(days), lost, fewer)
            yield self._gap(limits, request, days, lost)
        yield reached("offer_limit_reached", limits["max_total"], self.standing, lost, fewer)

    def _reverse_guards(self, request: dict[str, Any], lost: int) -> Iterator[Guard]:
        coupon = self.codes[request["code"]]
        use = coupon.uses.get(request["redemption_id"])
        if use is None or use.customer_id != (request.get("customer_id") or ""):
            yield Guard("redemption_not_found", not lost, True)
        undone = use is not None and use.reversed_by is not None
        yield Guard("already_reversed", undone, undone or lost > 0)
        yield self._revoked(coupon, lost)
        yield guard("coupon_expired", second_of(request["occurred_at"]) > self.ends)

    def _revoke_guards(self, _request: dict[str, Any], _lost: int) -> Iterator[Guard]:
        yield from ()

    def _revoked(self, coupon: Coupon, lost: int) -> Guard:
        if lost and "revoke" in self.kinds:
            return Guard("coupon_revoked", coupon.revoked, True)
        return guard("coupon_revoked", self.is_revoked(coupon))

    def _gap(
        self, limits: dict[str, Any], request: dict[str, Any], days: list[int], lost: int
    ) -> Guard:
        """A redemption that was reversed, and that lost, may stand here, and so be too near."""
        gap_days, day = limits["min_gap_days"], day_of(request["occurred_at"], self.time_zone)
        near = any(abs(other - day) < gap_days for other in days)
        sure = near and not (request["type"] == "redeem" and self._undone(lost))
        return Guard("gap_not_elapsed", sure, near or (lost > 0 and gap_days > 0))

    def _undone(self, lost: int) -> int:
        """How many redemptions fewer there may have been by reversals that were lost."""
        return lost if "reverse" in self.kinds else 0

    def is_revoked(self, coupon: Coupon) -> bool:
        return coupon.revoked or (coupon.serial < self.watermark and coupon.standing() == 0)

    @property
    def ends(self) -> int:
        return second_of(self.rules["expiry"]["at"])

    def told(self, request: dict[str, Any], said: Said) -> dict[str, Any]:
        """What an accepted outcome has to say, once it is folded; totals as `totals`."""
        kind, customer_id = request["type"], request.get("customer_id")
        if kind == "revoke":
            return {}
        common = {"offer_id": self.offer_id, "customer_id": customer_id}
        if kind == "issue":
            coupon = self.codes[said["code"]]
            totals = {"customer": len(self.issued[coupon.customer_id]), "offer": len(self.coupons)}
            return {**common, "totals": totals}
        coupon = self.codes[request["code"]]
        counts = {
            "coupon": coupon.standing(),
            "customer": len(self.redeemed[customer_id]) if customer_id else None,
            "offer": self.standing,
        }
        common |= {"coupon_id": f"{self.offer_id}:{coupon.serial}", "totals": counts}
        if kind == "reverse":
            return {**common, "redemption_id": request["redemption_id"]}
        bill, discount = request["bill"], self.discount(request["bill"])
        shown = {"amount": discount, "currency": bill["currency"], "lines": [discount]}
        return {**common, "discount": shown, "bill": bill}

    def discount(self, bill: dict[str, Any]) -> str:
        """Of a bill without lines, by an offer for all products."""
        rule, amount = self.rules["discount"], Decimal(bill["amount"])
        share = (amount * Decimal(rule["percent"]) / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
        return str(min(share, amount, Decimal(rule["max_amount"] or "Infinity")))

    # What changes --------------------------------------------------------------------------------

    def fold(self, request: dict[str, Any], said: Said) -> None:
        """Take in what an outcome says. A KeyError names what it speaks of and isn't there."""
        if said["outcome"] == "accepted":
            getattr(self, f"_{request['type']}")(request, said)

    def _create(self, _request: dict[str, Any], said: Said) -> None:
        self.rules, self.version = said["offer"], said["offer_version"]

    _edit = _claim = _create

    def _issue(self, request: dict[str, Any], said: Said) -> None:
        serial, customer_id = int(said["coupon_id"].rpartition(":")[2]), request["customer_id"]
        coupon = Coupon(serial, customer_id, second_of(said["starts_at"]))
        self.coupons[serial] = self.codes[said["code"]] = coupon
        day = day_of(request["occurred_at"], self.time_zone)
        self.issued[customer_id].append((serial, day))
        self.next_serial = max(self.next_serial, serial + 1)

    def _redeem(self, request: dict[str, Any], said: Said) -> None:
        customer_id = request.get("customer_id") or ""
        day = day_of(request["occurred_at"], self.time_zone)
        minor = paise(said["discount"]["amount"]), paise(said["bill"]["amount"])
        uses = self.codes[request["code"]].uses
        uses[request["request_id"]] = Use(customer_id, day, *minor, said["ledger"]["sequence"])
        if customer_id:
            self.redeemed[customer_id].append(day)
        self.standing += 1

    def _reverse(self, request: dict[str, Any], _said: Said) -> None:
        use = self.codes[request["code"]].uses.get(request["redemption_id"])
        if use is None or use.reversed_by is not None:
            return  # said already, or it was lost
        use.reversed_by = request["request_id"]
        if use.customer_id:
            self.redeemed[use.customer_id].remove(use.day)
        self.standing -= 1

    def _revoke(self, request: dict[str, Any], said: Said) -> None:
        for serial in self.coupons.keys() & set(said["ledger"]["revoked"]):
            self.coupons[serial].revoked = True
        self.closed = self.closed or request["scope"] != "customers"
        self.watermark = max(self.watermark, said["ledger"]["watermark"] or 0)

    def ending(self, request: dict[str, Any], second: int) -> list[int]:
        """Serials of the coupons that a request to remind is about, as they are at this second."""
        most, run = self.rules["redeem"]["uses_per_coupon"], request["run"]
        names = [name for name, _ in self.reminders()]
        ends_on = _local(self.ends, self.time_zone).date().isoformat()
        if ends_on != request["ends_on"] or second > self.ends or request["reminder"] not in names:
            return []
        return sorted(
            serial
            for serial, coupon in self.coupons.items()
            if serial // RUN == run
            and not self.is_revoked(coupon)
            and (most == "unlimited" or coupon.standing() < most)
        )

    def reminders(self) -> Iterator[tuple[str, int]]:
        """Their names, and the seconds in which they are due."""
        for one in self.rules.get("reminders") or ():
            day = _local(self.ends, self.time_zone).date() - timedelta(one["days_before"])
            due = datetime.fromisoformat(f"{day}T{one['at']}").replace(
                tzinfo=ZoneInfo(self.time_zone)
            )
            name = f"{one['days_before']}d-{one['at']}-{one['channel']}"
            yield name, int(due.timestamp())

    def active(self, request: dict[str, Any]) -> list[int]:
        """Serials of the coupons that a revoke of customers ends."""
        most = self.rules["redeem"]["uses_per_coupon"]
        if second_of(request["occurred_at"]) > self.ends:
            return []
        return sorted(
            serial
            for customer_id in set(request["customer_ids"])
            for serial, _ in self.issued.get(customer_id, [])
            if not self.is_revoked(self.coupons[serial])
            and (most == "unlimited" or self.coupons[serial].standing() < most)
        )


RUN = 1_024


def _local(second: int, time_zone: str) -> datetime:
    return datetime.fromtimestamp(second, ZoneInfo(time_zone))


def paise(amount: str) -> int:
    return int(Decimal(amount) * 100)
