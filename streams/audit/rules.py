"""An offer's rules as the audit reads them: from the definition in the offer's own outcome.

Nothing here is shared with the code that decides. Rules the audit doesn't know are named, so that
no offer passes as checked that wasn't. What is asked of a bill stands in `streams.audit.bills`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

from schemas.money import to_minor
from schemas.times import Calendar, to_second
from streams.audit.bills import BillRules
from streams.audit.matching import plain_code
from streams.audit.places import PlaceRules, unknown_windows

#: Kinds that this audit can judge; whoever builds another one teaches it here.
_KNOWN_KINDS = {
    "expiry.type": {"fixed_date", "with_campaign"},
    "discount.type": {"fixed", "percentage"},
    "redeem.start.type": {"on_issue", "days_after_issue", "from_date"},
    "coupons.delivery": {"ours", "third_party"},
    "coupons.codes.type": {"unique", "common", "uploaded", "randomised"},
    "coupons.expiry.type": {"with_offer", "days_after_issue", "month_ends_after_issue"},
}
_DIGITS, _LETTERS = frozenset("0123456789"), frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LOOKALIKES = frozenset("0O1IL")
_EPOCH = date(1970, 1, 1)


class CodeRules(NamedTuple):
    """What an offer's codes look like. ``possible`` None: as many as there are."""

    type: str
    lead: str
    length: int
    characters: frozenset[str]
    possible: int | None

    @property
    def generated(self) -> bool:
        return self.possible is not None

    def fits(self, code: str) -> bool:
        """Can a coupon of this offer have such a code? An uploaded one may be any."""
        if self.type == "common":
            return code == self.lead
        return not self.generated or (
            len(code) == self.length
            and code.startswith(self.lead)
            and self.characters.issuperset(code[len(self.lead) :])
        )


class Received(NamedTuple):
    """Offers whose customers of the last months get nothing."""

    offers: tuple[str, ...]
    months: int

    def since(self, day: int) -> int:
        """So late an issue of those must have been to refuse one on this day: after this day."""
        return months_before(day, self.months)


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of an offer. None: no limit; times are seconds since 1970, money minor units."""

    ends: int | None
    claim: tuple[str, str, int | None] | None  # service, holder, end of its campaign
    loyalty: bool
    coupon_expiry: dict[str, Any]
    third_party: bool
    codes: CodeRules
    issue_per_customer: int | None
    issue_gap_days: int
    issue_total: int | None
    received: Received | None
    resend: str | None
    start: dict[str, Any]
    anyone_may_redeem: bool
    uses_per_coupon: int | None
    redeem_per_customer: int | None
    redeem_gap_days: int
    redeem_total: int | None
    budget_discount: int | None
    revenue_goal: int | None
    bills: BillRules
    places: PlaceRules | None  # None: everywhere and always
    reminders: dict[str, str]  # their texts, by days, time of day and channel
    poc_reminders: dict[str, list[str]]
    issue_limits: int  # how many of them are set
    redeem_limits: int

    @classmethod
    def of(cls, offer: dict[str, Any], decimals: int) -> "Rules":
        """From the `offer` of an outcome, with every section it may have."""
        issue, redeem, budget = offer["issue"], offer["redeem"], offer.get("budget") or {}
        claim, uses, expiry = offer["claim"], redeem["uses_per_coupon"], offer["coupons"]["expiry"]
        ends_at = claim and claim["ends_at"]
        claimed = claim and (claim["service"], claim["holder"], ends_at and to_second(ends_at))
        if offer["expiry"]["type"] == "with_campaign":
            ends = claimed[2] if claimed else None
        else:
            ends = to_second(offer["expiry"]["at"])
        received, resend = issue.get("unless_received"), issue.get("resend")
        return cls(
            ends=ends,
            claim=claimed,
            loyalty=claim is not None and claim["service"] == "loyalty",
            coupon_expiry=expiry,
            third_party=offer["coupons"]["delivery"] == "third_party",
            codes=code_rules(offer["coupons"]["codes"]),
            issue_per_customer=issue["max_per_customer"],
            issue_gap_days=issue["min_gap_days"],
            issue_total=issue["max_total"],
            received=Received(tuple(received["offers"]), received["months"]) if received else None,
            resend=resend["content"] if resend else None,
            start=redeem["start"],
            anyone_may_redeem=redeem["anyone_may_redeem"],
            uses_per_coupon=None if uses == "unlimited" else uses,
            redeem_per_customer=redeem["max_per_customer"],
            redeem_gap_days=redeem["min_gap_days"],
            redeem_total=redeem["max_total"],
            budget_discount=minor_of(budget.get("discount"), decimals),
            revenue_goal=minor_of(budget.get("revenue_goal"), decimals),
            bills=BillRules.of(offer),
            places=PlaceRules.of(redeem),
            reminders={
                f"{one['days_before']}d-{one['at']}-{one['channel']}": one["content"]
                for one in offer.get("reminders") or ()
            },
            poc_reminders={
                f"{one['days_before']}d-10:00-email": one["pocs"]
                for one in offer.get("poc_reminders") or ()
            },
            issue_limits=_set(issue, "max_per_customer", "min_gap_days", "max_total"),
            redeem_limits=_set(redeem, "max_per_customer", "min_gap_days", "max_total")
            + _set(budget, "discount", "revenue_goal")
            + (uses != "unlimited"),
        )

    def starts(self, calendar: Calendar, second: int) -> int:
        """From when a coupon issued at this second can be redeemed."""
        if self.start["type"] == "from_date":
            return to_second(self.start["at"])
        if self.start["type"] == "days_after_issue":
            return calendar.first_second(calendar.day(second) + int(self.start["days"]))
        return second

    def expires(self, calendar: Calendar, second: int) -> int | None:
        """The last second of its own of a coupon issued at this second; None: with the offer."""
        kind = self.coupon_expiry["type"]
        if kind == "with_offer":
            return None
        day = calendar.day(second)
        if kind == "days_after_issue":
            return calendar.last_second(day + int(self.coupon_expiry["days"]))
        return calendar.last_second(month_end(day, int(self.coupon_expiry["months"]) - 1))

    def coupon_ends(self, own: int | None) -> int | None:
        """The last second of a coupon with this expiry of its own."""
        if own is None:
            return None if self.loyalty else self.ends
        campaign_ends = self.claim and self.claim[2]
        return min(end for end in (own, self.ends, campaign_ends) if end is not None)


def code_rules(codes: dict[str, Any]) -> CodeRules:
    """From `coupons.codes`, as an outcome has it or as it was asked for."""
    kind, lead = codes["type"], codes.get("prefix") or ""
    if kind == "common":
        lead = plain_code(codes["code"])
        return CodeRules(kind, lead, len(lead), frozenset(), None)
    if kind == "uploaded":
        return CodeRules(kind, "", 0, frozenset(), None)
    if kind == "randomised":
        sample = plain_code(codes["sample"])
        lead, length = sample[: len(sample) // 2], len(sample)
        kinds = [one for one in (_DIGITS, _LETTERS) if one.issuperset(sample)]
        characters = kinds[0] if kinds else _DIGITS | _LETTERS
    else:
        length = codes["length"]
        characters = _DIGITS if codes["charset"] == "digits" else _DIGITS | _LETTERS
        if codes.get("no_lookalikes"):
            characters -= _LOOKALIKES
    possible = len(characters) ** max(0, length - len(lead))
    return CodeRules(kind, lead, length, characters, possible)


def month_end(day: int, months: int) -> int:
    """The last day of the month so many months after that of this day."""
    year, month = _month(day, months + 1)
    return (date(year, month, 1) - _EPOCH).days - 1


def months_before(day: int, months: int) -> int:
    """The same day of the month so many months before, or that month's last day."""
    year, month = _month(day, -months)
    first = (date(year, month, 1) - _EPOCH).days
    return min(first + (_EPOCH + timedelta(day)).day - 1, month_end(first, 0))


def _month(day: int, further: int) -> tuple[int, int]:
    at = _EPOCH + timedelta(day)
    year, month = divmod(at.year * 12 + at.month - 1 + further, 12)
    return year, month + 1


def minor_of(amount: str | None, decimals: int) -> int | None:
    """Minor units of an amount; None stays."""
    return None if amount is None else to_minor(amount, decimals)


def unknown_rules(offer: dict[str, Any]) -> Iterator[str]:
    """The rules an offer sets that this audit doesn't know."""
    for path, known in _KNOWN_KINDS.items():
        kind = _at(offer, path)
        if kind not in known:
            yield f"{path} {kind}"
    yield from unknown_windows(offer["redeem"].get("when") or [])


def _set(section: dict[str, Any], *names: str) -> int:
    return sum(1 for name in names if section.get(name))


def _at(content: Any, path: str) -> Any:
    for name in path.split("."):
        content = content.get(name) if type(content) is dict else None
    return content
