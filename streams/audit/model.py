"""One offer's coupons and customers as plain dicts: every decision judged anew, in its sequence.

The model follows what was decided, also where that was wrong, and says what was wrong.
"""

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from schemas.reasons import Reason
from schemas.times import Calendar
from streams.audit.decision import Decision
from streams.audit.parts import Uploaded, Waiting
from streams.audit.rules import Rules
from streams.audit.verdict import Findings


class Coupon:
    """``uses``: [redemption_id, customer, day, reversed_by or False, discount, bill, sequence] of
    each, the amounts in minor units. ``recipient`` '' where it was issued without one."""

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

    def owner(self) -> str:
        """Whose it is: without a recipient, whose first redemption stands; '' for nobody's yet."""
        if self.recipient:
            return self.recipient
        return next((use[1] for use in self.uses or () if use[3] is False and use[1]), "")


class Unwritten(Coupon):
    """One that an export or upload issued: nobody writes it down before it is used or revoked."""

    __slots__ = ()


class Customer:
    """``issued``: serial, day, serial, day, ...; ``redeemed``: day -> standing redemptions;
    ``uploaded`` as issued, of codes that came with this customer; ``taken``: serials without a
    recipient that they ever redeemed."""

    __slots__ = ("issued", "redeemed", "taken", "uploaded")

    def __init__(self) -> None:
        self.issued: list[int] = []
        self.redeemed: dict[int, int] = {}
        self.uploaded: list[int] | None = None
        self.taken: list[int] | None = None

    def count(self) -> int:
        """How many coupons were issued to them."""
        return len(self.issued) // 2 + (len(self.uploaded) // 2 if self.uploaded else 0)

    def days(self) -> list[int]:
        """Of all that was issued to them."""
        days = self.issued[1::2]
        return days + self.uploaded[1::2] if self.uploaded else days

    def serials(self) -> list[int]:
        """Of all that was issued to them or may have become theirs."""
        serials = self.issued[::2]
        if self.uploaded:
            serials += self.uploaded[::2]
        return serials + self.taken if self.taken else serials


class Span(NamedTuple):
    """Coupons or free codes that an export or upload brought, serials in a row."""

    first: int
    size: int
    day: int
    starts: int
    expires: int | None
    issued_at: int  # a sequence


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
        #: Of generated codes. Those below that a loss made nobody's count nowhere.
        self.next_serial = 0
        self.discounted = self.revenue = 0  # minor units, of standing redemptions
        self.closed = False
        self.coupons: dict[int, Coupon] = {}
        self.customers: dict[str, Customer] = {}
        self.serials: dict[str, int] = {}  # by code, but for a common one
        self.spans: list[Span] = []  # sorted
        self.exported: set[int] = set()  # serials whose codes are known since
        self.uploaded: Uploaded | None = None
        self.waiting: dict[str, Waiting] = {}  # by type of upload
        self.audience: set[str] | None = None
        self.stores: list[str] | None = None  # uploaded ones
        self.named_stores: list[str] = []  # by the newest definition
        #: Issues and their offers that exclude from this one, received after a day.
        self.received: list[tuple[Decision, tuple[str, ...], int]] = []
        #: For offers that exclude from others: customer -> (day, decided (ms)) of each issue.
        self.issues: dict[str, list[tuple[int, int]]] | None = None
        self.holes: list[tuple[int, int]] = []
        self.tallies: Counter[str] = Counter()  # of decisions, by day, kind and result
        #: Decisions that Redis lost before they were committed can explain what others say, until
        #: counts agree again. How many may, and how many refusals and counts they do explain.
        self.lost = {"issue": 0, "redeem": 0, "ever": 0}
        self.by_lost = 0
        self.rules: Rules | None = None

    def coupon(self, serial: int) -> Coupon | None:
        """Also one that nobody wrote down yet."""
        coupon = self.coupons.get(serial)
        if coupon is None and self.spans and (span := self.span(serial)):
            recipient = "" if self.uploaded is None else self.uploaded.recipients.get(serial)
            if recipient is not None:
                coupon = Unwritten(recipient, span.starts, span.expires, span.issued_at)
                self.coupons[serial] = coupon
        return coupon

    def span(self, serial: int) -> Span | None:
        """What brought this serial, if that is in effect."""
        place = bisect_right(self.spans, serial, key=itemgetter(0)) - 1
        if place < 0 or serial >= self.spans[place].first + self.spans[place].size:
            return None
        return self.spans[place]

    def coupon_refusal(
        self, decision: Decision, rules: Rules, serial: int, coupon: Coupon
    ) -> str | None:
        """What about the coupon itself refuses its use."""
        standing, second = coupon.standing(), decision.second
        if coupon.revoked or (serial < self.watermark and not standing):
            return Reason.COUPON_REVOKED
        if rules.uses_per_coupon is not None and standing >= rules.uses_per_coupon:
            return Reason.COUPON_REDEEMED
        ends = rules.coupon_ends(coupon.expires)
        if ends is not None and second > ends:
            return Reason.COUPON_EXPIRED
        return Reason.NOT_STARTED if second < coupon.starts else None

    def is_code_of(self, code: str, serial: int, rules: Rules) -> bool:
        """An exported coupon's code is known only once it is used: then that is its code."""
        if rules.codes.type == "common":
            return code == rules.codes.lead
        known = self.serials.get(code)
        if known is not None or self.uploaded is not None or not rules.codes.fits(code):
            return known == serial
        coupon = self.coupon(serial)
        if not isinstance(coupon, Unwritten) or serial in self.exported:
            return False
        self.exported.add(serial)
        self.serials[code] = serial
        return True

    def add_span(self, span: Span) -> None:
        insort(self.spans, span, key=itemgetter(0))

    def customer(self, customer_id: str) -> Customer:
        customer = self.customers.get(customer_id)
        if customer is None:
            customer = self.customers[customer_id] = Customer()
        return customer

    def note_issue(self, customer_id: str, day: int, decided_ms: int) -> None:
        if self.issues is not None:
            self.issues.setdefault(customer_id, []).append((day, decided_ms))

    def fold(self, judges: Mapping[str, "Judge"], change: "Change") -> None:
        """Judge all decisions: by their kind, or by ``change`` those about the offer itself."""
        self.decisions.sort(key=itemgetter(0))
        for decision in self.decisions:
            self._follow(decision)
            day = self.calendar.day(decision.second)
            self.tallies[f"{day}:{decision.kind}:{decision.reason or 'accepted'}"] += 1
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
