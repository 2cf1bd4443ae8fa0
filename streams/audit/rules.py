"""An offer's rules as the audit reads them: from the definition in the offer's own outcome.

Nothing here is shared with the code that decides. Rules the audit doesn't know are named, so that
no offer passes as checked that wasn't.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from schemas.times import Calendar, to_second

#: Rules of an offer that this audit can't judge; whoever builds one teaches it here.
UNKNOWN = (
    *("products.categories", "products.brands", "products.skus", "products.exclude"),
    *("issue.unless_received", "issue.resend", "redeem.bill", "redeem.org_entities", "redeem.when"),
    "budget",
)
_KNOWN_KINDS = {"coupons.delivery": "ours", "coupons.codes.type": "unique",
                "coupons.expiry.type": "with_offer"}  # fmt: skip
_CHARSETS = {"digits": frozenset("0123456789"),
             "alphanumeric": frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of an offer. None: no limit; times are seconds since 1970, money is decimal."""

    ends: int | None
    claim: tuple[str, str, int | None] | None  # service, holder, end of its campaign
    coupons_expire: bool
    issue_per_customer: int | None
    issue_gap_days: int
    issue_total: int | None
    possible_codes: int
    lead: str
    code_length: int
    code_characters: frozenset[str]
    start: dict[str, Any]
    anyone_may_redeem: bool
    uses_per_coupon: int | None
    redeem_per_customer: int | None
    redeem_gap_days: int
    redeem_total: int | None
    percent: Decimal | None
    amount: Decimal | None  # of a fixed discount, or the most of a percentage
    on_sale_items: bool
    issue_limits: int  # how many of them are set
    redeem_limits: int

    @classmethod
    def of(cls, offer: dict[str, Any]) -> "Rules":
        """From the `offer` of an outcome, with every section it may have."""
        issue, redeem, codes = offer["issue"], offer["redeem"], offer["coupons"]["codes"]
        claim, discount, uses = offer["claim"], offer["discount"], redeem["uses_per_coupon"]
        ends_at = claim and claim["ends_at"]
        claimed = claim and (claim["service"], claim["holder"], ends_at and to_second(ends_at))
        if offer["expiry"]["type"] == "with_campaign":
            ends = claimed[2] if claimed else None
        else:
            ends = to_second(offer["expiry"]["at"])
        loyalty = claim is not None and claim["service"] == "loyalty"
        cap = discount["amount"] if discount["type"] == "fixed" else discount["max_amount"]
        characters = _CHARSETS.get(codes.get("charset"), frozenset())
        length, lead = codes.get("length", 0), codes.get("prefix") or ""
        return cls(
            ends=ends,
            claim=claimed,
            coupons_expire=not (loyalty and offer["coupons"]["expiry"]["type"] == "with_offer"),
            issue_per_customer=issue["max_per_customer"],
            issue_gap_days=issue["min_gap_days"],
            issue_total=issue["max_total"],
            possible_codes=len(characters) ** max(0, length - len(lead)),
            lead=lead,
            code_length=length,
            code_characters=characters,
            start=redeem["start"],
            anyone_may_redeem=redeem["anyone_may_redeem"],
            uses_per_coupon=None if uses == "unlimited" else uses,
            redeem_per_customer=redeem["max_per_customer"],
            redeem_gap_days=redeem["min_gap_days"],
            redeem_total=redeem["max_total"],
            percent=Decimal(discount["percent"]) if discount["type"] == "percentage" else None,
            amount=None if cap is None else Decimal(cap),
            on_sale_items=offer["products"]["on_sale_items"],
            issue_limits=_set(issue, "max_per_customer", "min_gap_days", "max_total"),
            redeem_limits=_set(redeem, "max_per_customer", "min_gap_days", "max_total")
            + (uses != "unlimited"),
        )

    def starts(self, calendar: Calendar, second: int) -> int:
        """From when a coupon issued at this second can be redeemed."""
        if self.start["type"] == "from_date":
            return to_second(self.start["at"])
        if self.start["type"] == "days_after_issue":
            return calendar.first_second(calendar.day(second) + int(self.start["days"]))
        return second

    def coupon_ends(self, own: int | None) -> int | None:
        """The last second of a coupon with this expiry of its own."""
        if not self.coupons_expire:
            return None
        return min((end for end in (own, self.ends) if end is not None), default=None)

    def is_code(self, code: str) -> bool:
        return (
            len(code) == self.code_length
            and code.startswith(self.lead)
            and self.code_characters.issuperset(code)
        )

    def discount(self, bill: dict[str, Any], unit: Decimal) -> tuple[Decimal, list[Decimal]] | None:
        """The discount in all, and the eligible amount of each line. None: no line is eligible."""
        lines = bill.get("lines")
        if not lines:
            eligible = [Decimal(bill["amount"])]
        elif self.on_sale_items:
            eligible = [Decimal(line["amount"]) for line in lines]
        elif all(line.get("on_sale") for line in lines):
            return None
        else:
            eligible = [_ZERO if line.get("on_sale") else Decimal(line["amount"]) for line in lines]
        total = eligible[0] if len(eligible) == 1 else sum(eligible, _ZERO)
        whole = total
        if self.percent is not None:
            whole = (total * self.percent / 100).quantize(unit, ROUND_HALF_UP)
        if self.amount is not None and self.amount < whole:
            whole = self.amount
        return min(whole, total), eligible


_ZERO = Decimal(0)


def unknown_rules(offer: dict[str, Any]) -> Iterator[str]:
    """The rules an offer sets that this audit doesn't know."""
    for path in UNKNOWN:
        if _says_something(_at(offer, path)):
            yield path
    for path, known in _KNOWN_KINDS.items():
        if _at(offer, path) != known:
            yield f"{path} {_at(offer, path)}"


def _set(section: dict[str, Any], *names: str) -> int:
    return sum(1 for name in names if section[name])


def _at(content: Any, path: str) -> Any:
    for name in path.split("."):
        content = content.get(name) if type(content) is dict else None
    return content


def _says_something(content: Any) -> bool:
    if type(content) is dict:
        return any(_says_something(value) for value in content.values())
    return bool(content)
