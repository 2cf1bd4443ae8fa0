"""One offer's coupons and customers as plain dicts: every decision judged anew, in its sequence.

The model follows what was decided, also where that was wrong, and says what was wrong.
"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from schemas.reasons import Reason
from schemas.times import Calendar
from streams.audit.decision import Decision
from streams.audit.rules import Rules
from streams.audit.verdict import Findings


class Coupon:
    """``uses``: [redemption_id, customer, day, reversed_by or False] of each."""

    __slots__ = ("expires", "issued_at", "recipient", "revoked", "starts", "uses")

    def __init__(self, recipient: str, starts: int, expires: int | None, issued_at: int) -> None:
        self.recipient, self.starts, self.expires = recipient, starts, expires
        self.issued_at = issued_at  # a sequence
        self.revoked = False
        self.uses: list[list[Any]] | None = None

    def standing(self) -> int:
        if not self.uses:
            return 0
        return sum(1 for use in self.uses if use[3] is False)


class Customer:
    """``issued``: serial, day, serial, day, ...; ``redeemed``: day -> standing redemptions."""

    __slots__ = ("issued", "redeemed")

    def __init__(self) -> None:
        self.issued: list[int] = []
        self.redeemed: dict[int, int] = {}


class OfferModel:
    """An offer as its outcomes tell it. ``decisions`` wait for `fold`, in any order."""

    def __init__(self, offer_id: str, calendar: Calendar, findings: Findings) -> None:
        self.offer_id, self.calendar, self.findings = offer_id, calendar, findings
        self.decisions: list[Decision] = []
        #: By version, also of those the fold has not yet come to.
        self.versions: dict[int, Rules] = {}
        self.definitions: dict[int, dict[str, Any]] = {}
        self.number: int | None = None
        self.version = self.sequence = self.issued = self.redeemed = self.watermark = 0
        self.closed = False
        self.coupons: dict[int, Coupon] = {}
        self.customers: dict[str, Customer] = {}
        self.serials: dict[str, int] = {}  # by code
        self.holes: list[tuple[int, int]] = []
        #: Decisions that Redis lost before they were committed can explain what others say, until
        #: counts agree again. How many may, and how many refusals and counts they do explain.
        self.lost = {"issue": 0, "redeem": 0, "ever": 0}
        self.by_lost = 0
        self.rules: Rules | None = None

    def fold(self, judges: Mapping[str, "Judge"], change: "Change") -> None:
        """Judge all decisions: by their kind, or by ``change`` those about the offer itself."""
        self.decisions.sort(key=itemgetter(0))
        for decision in self.decisions:
            self._follow(decision)
            judge = judges.get(decision.kind)
            if judge is None:
                change(self, decision)
                continue
            rules = self._in_force(decision)
            if rules is not None:
                judge(self, decision, rules)
        self.decisions = []

    def wrong(self, decision: Decision, text: str) -> None:
        self.findings.difference(f"offer {self.offer_id}: {decision} {text}")

    def _follow(self, decision: Decision) -> None:
        """The sequence has no number twice; numbers that are missing were lost before a commit."""
        if decision.sequence <= self.sequence:
            self.wrong(decision, f"has a sequence that was given before (up to {self.sequence})")
            return
        missing = decision.sequence - self.sequence - 1
        if missing:
            self.holes.append((self.sequence + 1, decision.sequence - 1))
            self.lost = {name: lost + missing for name, lost in self.lost.items()}
        self.sequence = decision.sequence

    def _in_force(self, decision: Decision) -> Rules | None:
        if decision.version == self.version:
            return self.rules
        rules = self.versions.get(decision.version)
        if rules is not None and decision.version > self.version and self.lost["ever"]:
            self.by_lost += 1
        else:
            text = f"was decided by version {decision.version}, in force was {self.version}"
            self.wrong(decision, text)
        return rules or self.rules

    def expect(self, decision: Decision, due: str | None, lost: str) -> None:
        """``due``: the reason the rules give, None for accepted."""
        if decision.reason == due:
            return
        if decision.reason is not None and (
            self.lost[lost] or (self.lost["ever"] and decision.reason in _ENDED)
        ):
            self.by_lost += 1
            return
        found = f"refused as {decision.reason}" if decision.reason else "accepted"
        by_rules = f"it is to be refused as {due}" if due else "it is to be accepted"
        self.wrong(decision, f"was {found}; by the rules {by_rules}")

    def expect_totals(self, decision: Decision, due: tuple[Any, ...], lost: str) -> None:
        if decision.totals == due:
            self.lost[lost] = 0
        elif decision.totals is not None and self._are_by_lost(decision.totals, due, lost):
            self.by_lost += 1
        else:
            self.wrong(decision, f"says totals {decision.totals} (coupon, customer, offer); {due}")

    def _are_by_lost(self, said: tuple[Any, ...], due: tuple[Any, ...], lost: str) -> bool:
        return all(
            (a is None) == (b is None) and abs((a or 0) - (b or 0)) <= self.lost[lost]
            for a, b in zip(said, due, strict=True)
        )

    def expect_day(self, decision: Decision) -> int:
        day = self.calendar.day(decision.second)
        if decision.day != day:
            self.wrong(decision, f"was counted on day {decision.day}; its day is {day}")
        return day

    def too_near(self, days: Any, decision: Decision, gap_days: int) -> bool:
        today = self.calendar.day(decision.second)
        return any(-gap_days < day - today < gap_days for day in days)


Judge = Callable[[OfferModel, Decision, Rules], None]
Change = Callable[[OfferModel, Decision], None]
#: Refusals that a lost revocation explains: nothing shows when it was decided anew.
_ENDED = {Reason.COUPON_REVOKED, Reason.CODES_EXHAUSTED}
