"""Histories made by hand for the audit's fold: what was asked, and what was said to it."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import orjson

from schemas.times import to_second
from schemas.topics import ISSUE, LANES, OFFERS, REDEEM, REVOKE, Lane
from streams.audit.history import History
from streams.audit.verdict import Findings
from streams.settings import Settings

SETTINGS = Settings(_env_file=None, time_zone="Asia/Kolkata", currency="INR")  # type: ignore[call-arg]
#: A Saturday, and the day after.
DAY_1, DAY_2 = "2026-11-21T10:00:00+05:30", "2026-11-22T10:00:00+05:30"
ENDS = "2026-12-31T23:59:59+05:30"
DECIDED_AT = "2026-11-22T04:30:00.000Z"
OFFER: dict[str, Any] = {
    "offer_id": "o",
    "offer_code": "CODE",
    "expiry": {"type": "fixed_date", "at": ENDS},
    "discount": {"type": "percentage", "percent": "10", "max_amount": "500.00"},
    "products": {"on_sale_items": False},
    "issue": {"max_per_customer": 2, "min_gap_days": 0, "max_total": 3},
    "redeem": {
        "anyone_may_redeem": False,
        "start": {"type": "on_issue"},
        "uses_per_coupon": 1,
        "max_per_customer": 2,
        "min_gap_days": 1,
        "max_total": 3,
    },
    "coupons": {
        "delivery": "ours",
        "codes": {"type": "unique", "charset": "alphanumeric", "length": 6, "prefix": "S"},
        "expiry": {"type": "with_offer"},
    },
    "claim": {"service": "dvs", "holder": "h", "ends_at": None},
}
#: Nothing but the customers' own use of each coupon is limited.
UNLIMITED: dict[str, Any] = {
    "issue": {"max_per_customer": None, "max_total": None},
    "redeem": {"max_per_customer": None, "max_total": None, "min_gap_days": 0},
}


@dataclass
class Story:
    """What happened, in one partition of each lane: (request, outcome) pairs."""

    told: dict[Lane, list[tuple[dict[str, Any], dict[str, Any]]]] = field(
        default_factory=lambda: {lane: [] for lane in LANES}
    )
    dead_letters: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    #: (till, stamp in ms, record) of org entities.
    tills: list[tuple[str, int, dict[str, Any] | None]] = field(default_factory=list)
    compacted: bool = False
    sequence: int = 0
    #: Of other offers than "o".
    sequences: dict[str, int] = field(default_factory=dict)

    def tell(
        self,
        lane: Lane,
        request: dict[str, Any],
        reason: str | None = None,
        change: dict[str, Any] | None = None,
        offer_id: str = "o",
        **more: Any,
    ) -> dict[str, Any]:
        """A request and its outcome, which is returned."""
        if offer_id == "o":
            sequence = self.sequence = self.sequence + 1
        else:
            sequence = self.sequences[offer_id] = self.sequences.get(offer_id, 0) + 1
        source = {
            "topic": lane.requests.name, "partition": 0, "offset": len(self.told[lane]),
        }  # fmt: skip
        outcome = {
            "request_id": request["request_id"],
            "type": request["type"],
            "outcome": "rejected" if reason else "accepted",
            "reason": reason,
            "detail": None,
            "replayed": False,
            "occurred_at": request["occurred_at"],
            "decided_at": DECIDED_AT,
            "offer_version": 1,
            "offer_id": offer_id,
            "source": source,
            "ledger": {"sequence": sequence, "fingerprint": "00" * 8, **(change or {})},
            **more,
        }
        self.told[lane].append((request, outcome))
        return outcome

    def history(self) -> tuple[History, Findings]:
        """Folded, and what was found."""
        found = Findings()
        history = History(SETTINGS, found)
        for headers, value in self.dead_letters:
            history.dead_letters.add(headers, value)
        history.tills.compacted = self.compacted
        for till_id, stamp_ms, record in self.tills:
            value = None if record is None else orjson.dumps({"till_id": till_id, **record})
            history.tills.learn(till_id, stamp_ms, value)
        for lane in (OFFERS, ISSUE, REDEEM, REVOKE):
            pairs = self.told[lane]
            asked = [(i, deepcopy(r), orjson.dumps(r)) for i, (r, _) in enumerate(pairs) if r]
            answers = [(i, deepcopy(o)) for i, (_, o) in enumerate(pairs) if o]
            history.match(lane, 0, 0, len(pairs), asked, answers)
        history.finish()
        return history, found

    def findings(self) -> Findings:
        return self.history()[1]

    def passes(self) -> None:
        """Nothing is found."""
        differences = self.findings().differences
        assert differences == [], "\n".join(differences)

    def fails(self, *named: str) -> None:
        """Something is found, and one finding names all these words."""
        differences = self.findings().differences
        assert any(all(word in line for word in named) for line in differences), "\n".join(
            differences or ["nothing was found"]
        )


def day_of(at: str) -> int:
    return SETTINGS.calendar.day(to_second(at))


def request(kind: str, request_id: str, at: str = DAY_1, **more: Any) -> dict[str, Any]:
    return {"type": kind, "request_id": request_id, "occurred_at": at, **more}


def offer_with(*changes: dict[str, Any]) -> dict[str, Any]:
    """The offer, with these parts of it changed."""
    offer = deepcopy(OFFER)
    for change in changes:
        _merge(offer, change)
    return offer


def _merge(into: dict[str, Any], change: dict[str, Any]) -> None:
    for name, content in change.items():
        if isinstance(content, dict) and isinstance(into.get(name), dict) and "type" not in content:
            _merge(into[name], content)
        else:
            into[name] = deepcopy(content)


def created(story: Story, *changes: dict[str, Any], offer_id: str = "o") -> dict[str, Any]:
    """Creates the offer with these changes; returns it."""
    number = len(story.told[OFFERS]) + 1
    offer = offer_with(*changes)
    if offer_id != "o":
        offer |= {"offer_id": offer_id, "offer_code": offer_id}
    asked = {name: part for name, part in offer.items() if name != "offer_code"}
    create = request("create", f"create-{offer_id}", offer_id=offer_id, actor="a", offer=asked)
    story.tell(OFFERS, create, change={"number": number}, offer_id=offer_id, offer=offer, actor="a")
    return offer


def edited(story: Story, offer: dict[str, Any], version: int, **more: Any) -> dict[str, Any]:
    asked = request("edit", f"edit-{version}", DAY_1, offer_id="o", actor="a", offer=offer)
    said = story.tell(OFFERS, asked, change={"number": 1}, offer=offer, actor="a", **more)
    said["offer_version"] = version
    return said


def issued(
    story: Story,
    request_id: str,
    customer: str,
    serial: int,
    customer_total: int | None = None,
    *,
    at: str = DAY_1,
    reason: str | None = None,
    code: str | None = None,
    starts: str | None = None,
    expires: str | None = None,
    ends: str | None = ENDS,
    offer_total: int | None = None,
    offer_id: str = "o",
    stock: int | None = None,
    decided_at: str = DECIDED_AT,
) -> dict[str, Any]:
    """``customer_total`` None where it was refused; ``expires`` is the coupon's own."""
    asked = request("issue", request_id, at, offer_id=offer_id, customer_id=customer,
                    service="dvs", holder="h")  # fmt: skip
    if customer_total is None:
        return story.tell(ISSUE, asked, reason, offer_id=offer_id, customer_id=customer,
                          decided_at=decided_at)  # fmt: skip
    starts = starts or at
    change = {"day": day_of(at), "starts": to_second(starts),
              "expires": expires and to_second(expires)}  # fmt: skip
    if stock is not None:
        change["stock"] = stock
    return story.tell(
        ISSUE, asked, reason, change, offer_id, customer_id=customer,
        coupon_id=f"{offer_id}:{serial}", code=code or f"S0000{serial}", starts_at=starts,
        expires_at=ends, decided_at=decided_at,
        totals={"customer": customer_total,
                "offer": serial + 1 if offer_total is None else offer_total},
    )  # fmt: skip


def redeemed(
    story: Story,
    request_id: str,
    customer: str | None,
    serial: int | None,
    totals: tuple[int, int | None, int] | None,
    at: str = DAY_1,
    reason: str | None = None,
    *,
    code: str | None = None,
    amount: str = "149.95",
    discount: str = "15.00",
    shares: list[str] | None = None,
    lines: list[dict[str, Any]] | None = None,
    tags: list[str] | None = None,
    till: str = "t",
    given: tuple[str, str | None] | None = None,
    decided_at: str = DECIDED_AT,
) -> dict[str, Any]:
    """``totals`` None where it was refused. ``given``: start and expiry of a coupon issued so."""
    bill = {"number": "B", "amount": amount, "currency": "INR"}
    code = code or f"S0000{serial}"
    asked = request("redeem", request_id, at, code=code.lower(), customer_id=customer,
                    customer_tags=tags, till_id=till, bill={**bill, "lines": lines})  # fmt: skip
    said: dict[str, Any] = {"discount": None}
    change: dict[str, Any] = {}
    if totals:
        said["totals"] = dict(zip(("coupon", "customer", "offer"), totals, strict=True))
        said["discount"] = {"amount": discount, "currency": "INR", "lines": shares or [discount]}
        change = {"day": day_of(at), "discount_minor": minor(discount), "bill_minor": minor(amount)}
        if given:
            ends = given[1] and to_second(given[1])
            change["issued"] = {"starts": to_second(given[0]), "expires": ends}
    return story.tell(
        REDEEM, asked, reason, change, customer_id=customer,
        coupon_id=None if serial is None else f"o:{serial}", code=code, till_id=till,
        bill=dict(bill), decided_at=decided_at, **said,
    )  # fmt: skip


def minor(amount: str) -> int:
    return int(amount.replace(".", ""))


def reversed_(
    story: Story,
    request_id: str,
    redemption_id: str,
    customer: str | None,
    serial: int | None,
    totals: tuple[int, int | None, int] | None,
    *,
    at: str = DAY_2,
    code: str | None = None,
    reason: str | None = None,
) -> dict[str, Any]:
    code = code or f"S0000{serial}"
    asked = request("reverse", request_id, at, redemption_id=redemption_id, code=code,
                    customer_id=customer)  # fmt: skip
    more: dict[str, Any] = {}
    if totals:
        more["totals"] = dict(zip(("coupon", "customer", "offer"), totals, strict=True))
    return story.tell(
        REDEEM, asked, reason, customer_id=customer,
        coupon_id=None if serial is None else f"o:{serial}", code=code, till_id=None,
        redemption_id=redemption_id, **more,
    )  # fmt: skip


def revoked(
    story: Story,
    request_id: str,
    scope: str,
    ended: int | None,
    serials: list[int],
    *,
    customers: list[str] | None = None,
    watermark: int | None = None,
    stock: int | None = None,
    at: str = DAY_2,
) -> dict[str, Any]:
    asked = request("revoke", request_id, at, offer_id="o", scope=scope, customer_ids=customers)
    change = {"watermark": watermark, "revoked": serials, "stock": stock}
    return story.tell(REVOKE, asked, change=change, scope=scope, revoked=ended)


def accept(said: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A refusal made an acceptance."""
    said.update(outcome="accepted", reason=None, **more)
    return said


def refuse(said: dict[str, Any], reason: str) -> dict[str, Any]:
    """An acceptance made a refusal: what was given is gone from it."""
    said.update(outcome="rejected", reason=reason)
    return said
