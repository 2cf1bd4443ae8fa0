"""A mixed load: issue, redeem, reverse, retries in this and other partitions, bursts of the same
request, tills whose clocks are days off, poison; where it is wide, revokes and edits, too.

The same for one seed, as long as it is shown the same outcomes at the same times.
"""

from collections import defaultdict, deque
from collections.abc import Iterator
from datetime import datetime, time, timedelta, timezone
from functools import cache
from random import Random
from typing import Any, NamedTuple

import orjson

from schemas.topics import ISSUE, OFFERS, REDEEM, REVOKE, Topic, lane_of
from tests.faults.poison import poison
from tests.world import create

#: Which share of the requests is what; the rest redeems.
ISSUES, REVERSALS, RETRIES, CONFLICTS, POISON, BURSTS = 0.38, 0.12, 0.05, 0.005, 0.01, 0.006
#: And of a wide load.
REVOKES, EDITS = 0.006, 0.003
#: Retries go back this far, and this share of them goes to any partition.
RECENT, MOVED = 5_000, 0.3
#: So much of a run is over when an offer's unissued coupons are revoked, and its unredeemed ones.
UNISSUED, UNREDEEMED = 0.6, 0.8
#: A run lasts so many days by the clocks that are right; these tills' clocks are days off.
DAYS = 6
CLOCKS_OFF_DAYS = (0,) * 8 + (-3, -2, -1, 1, 2, 3)
#: Minutes after midnight, some around Kolkata's; and offsets that tills write.
_MINUTES = (0, 5, 299, 300, 330, 600, 615, 720, 1000, 1104, 1109, 1110, 1111, 1380, 1435, 1439)
_OFFSETS = ("Z", "+05:30", "-08:00", "+00:00", "+13:45")
_FIRST_DAY = datetime(2026, 11, 21, tzinfo=timezone(timedelta(hours=5, minutes=30)))


class Till(NamedTuple):
    name: str
    days_off: int


TILLS = tuple(Till(f"t-{number}", days) for number, days in enumerate(CLOCKS_OFF_DAYS))


class Laid(NamedTuple):
    """A record to produce. ``partition`` -1: by its key."""

    topic: Topic
    key: bytes | None
    value: bytes | None
    partition: int = -1


class Load:
    """Makes ``count`` requests; learns codes and redemptions from the outcomes it is shown.

    ``wide``: requests of all lanes and more offers, else of issue and redeem only; ``reminders``:
    what its offers have besides.
    """

    def __init__(
        self,
        count: int,
        chance: Random,
        partitions: int,
        wide: bool = False,
        reminders: dict[str, Any] | None = None,
    ) -> None:
        self._reminders = reminders or {}
        self._count, self._chance, self._partitions, self._wide = count, chance, partitions, wide
        self._customers = [f"c-{n}" for n in range(max(20, count // 12))]
        self._fresh: dict[str, deque[tuple[str, str]]] = defaultdict(deque)
        self._tried: list[tuple[str, str]] = []  # (code, recipient)
        self._redemptions: list[dict[str, Any]] = []
        self._sent: list[dict[str, Any]] = []
        self._waiting: deque[Laid] = deque()  # the rest of a burst
        self._offers = {request["offer_id"]: request["offer"] for request in self.offers()}
        #: By how often coupons of it are asked for.
        self._asked_for = [*self._offers, *(["capped"] if wide else [])]
        self._ends = deque([(count * UNISSUED, "unissued"), (count * UNREDEEMED, "unredeemed")])
        self._number = 0

    def offers(self) -> list[dict[str, Any]]:
        """`capped` is never reversed, and asked for far beyond its totals."""
        count = self._count
        found = [
            create("capped", issue={"max_total": count // 16}, redeem={"max_total": count // 32}),
            create("limited", issue={"max_per_customer": 3}, redeem={"max_per_customer": 2}),
            create(
                "several",
                redeem={"uses_per_coupon": 3, "anyone_may_redeem": True, "max_per_customer": 5,
                        "max_total": count // 20},
            ),
        ]  # fmt: skip
        if self._wide:
            spaced = {"uses_per_coupon": 4, "anyone_may_redeem": True, "min_gap_days": 2}
            found += [
                create("spaced-issue", issue={"min_gap_days": 2}),
                create("spaced-redeem", redeem=spaced),
                create("ended", redeem={"uses_per_coupon": 2}),
            ]
        for request in found:
            request["offer"] |= self._reminders
        return found

    def learn(self, said: dict[str, Any]) -> None:
        if said.get("outcome") != "accepted" or said["replayed"]:
            return
        if said["type"] == "issue":
            self._fresh[said["offer_id"]].append((said["code"], said["customer_id"]))
        elif said["type"] == "redeem" and said["offer_id"] != "capped":
            self._redemptions.append(said)

    def records(self) -> Iterator[Laid]:
        for number in range(self._count):
            self._number = number
            yield self._waiting.popleft() if self._waiting else self._record()

    def _record(self) -> Laid:
        chance = self._chance
        draw = chance.random() - POISON
        if draw < 0:
            lane = chance.choice([ISSUE, REDEEM, OFFERS, REVOKE][: 4 if self._wide else 2])
            return Laid(lane.requests, *poison(chance, self._number))
        if self._sent and (draw := draw - RETRIES - CONFLICTS) < 0:
            return self._retry(conflicts=draw > -CONFLICTS)
        if self._wide and (request := self._wide_request()):
            return laid(request)
        request = self._request(draw)
        self._sent.append(request)
        if chance.random() < BURSTS:
            self._waiting += [self._again(request) for _ in range(chance.randint(1, 5))]
        return laid(request)

    def _wide_request(self) -> dict[str, Any] | None:
        """Now and then a change of an offer, or the end of some of its coupons."""
        if self._ends and self._number >= self._ends[0][0]:
            return self._new("revoke", offer_id="ended", scope=self._ends.popleft()[1])
        draw = self._chance.random()
        if draw < REVOKES:
            some = [self._anyone() for _ in range(self._chance.randint(1, 4))]
            return self._new("revoke", offer_id="ended", scope="customers", customer_ids=some)
        if draw < REVOKES + EDITS:
            offer_id = self._chance.choice(sorted(self._offers))
            offer = self._offers[offer_id] | {"name": f"Offer {offer_id}, {self._number}"}
            return self._new("edit", offer_id=offer_id, actor="t", offer=offer)
        return None

    def _request(self, draw: float) -> dict[str, Any]:
        chance = self._chance
        if (draw := draw - REVERSALS) < 0 and self._redemptions:
            return self._reversal()
        if draw < ISSUES or not self._fresh:
            offer_id = chance.choice(self._asked_for)
            customer_id = self._anyone(offer_id)
            return self._new(
                "issue", offer_id=offer_id, customer_id=customer_id, service="dvs", holder="h"
            )
        code, recipient = self._coupon()
        amount = f"{chance.randrange(1, 5_000)}.{chance.randrange(100):02}"
        bill = {"number": f"B-{self._number}", "amount": amount, "currency": "INR"}
        customer_id = recipient if chance.random() < 0.9 else self._anyone()
        return self._new("redeem", code=code, customer_id=customer_id, bill=bill)

    def _coupon(self) -> tuple[str, str]:
        """Mostly one not tried yet; now and then a code that nobody was given."""
        draw = self._chance.random()
        if draw < 0.01:
            return f"N{self._chance.randrange(10**9):09}", self._anyone()
        fresh = self._fresh[self._chance.choice(sorted(self._fresh))]
        if fresh and draw < 0.8:
            self._tried.append(fresh.popleft())
            return self._tried[-1]
        return self._chance.choice(self._tried or [("N000000000", "c-0")])

    def _reversal(self) -> dict[str, Any]:
        redeemed = self._chance.choice(self._redemptions[-RECENT:])
        customer_id = redeemed["customer_id"] if self._chance.random() < 0.95 else self._anyone()
        return self._new(
            "reverse", redemption_id=redeemed["request_id"], code=redeemed["code"],
            customer_id=customer_id,
        )  # fmt: skip

    def _retry(self, conflicts: bool) -> Laid:
        """The same intent again at another moment; or, against the rules, another under its id."""
        chance = self._chance
        first = self._sent[-1 - chance.randrange(min(len(self._sent), RECENT))]
        if not conflicts:
            return self._again(first)
        other = "customer_id" if first["type"] == "issue" else "till_id"
        return self._again(first | {other: "somebody else"})

    def _again(self, first: dict[str, Any]) -> Laid:
        again = first | {"occurred_at": self._moment(first["type"], self._chance.choice(TILLS))}
        moved = self._chance.random() < MOVED
        return laid(again, self._chance.randrange(self._partitions) if moved else -1)

    def _new(self, type_: str, **fields: Any) -> dict[str, Any]:
        """A request of some till, by its own clock."""
        till = self._chance.choice(TILLS)
        if type_ in ("redeem", "reverse"):
            fields["till_id"] = till.name
        request_id, occurred_at = f"{type_}-{self._number}", self._moment(type_, till)
        return {"type": type_, "request_id": request_id, **fields, "occurred_at": occurred_at}

    def _moment(self, type_: str, till: Till) -> str:
        """Coupons are mostly used a day after they were given."""
        day = self._number * DAYS // self._count + (type_ != "issue")
        draw = self._chance.randrange(len(_MINUTES) * len(_OFFSETS))
        return _written(day + till.days_off, *divmod(draw, len(_OFFSETS)))

    def _anyone(self, offer_id: str = "") -> str:
        """Of an offer with gaps, or that is revoked, one of few."""
        few = self._wide and offer_id.startswith(("spaced", "ended"))
        return self._chance.choice(self._customers[: len(self._customers) // 3 if few else None])


@cache
def _written(day: int, minute: int, offset: int) -> str:
    at = _FIRST_DAY + timedelta(days=day, minutes=_MINUTES[minute])
    text = _OFFSETS[offset]
    zone = datetime.strptime(text, "%z").tzinfo
    return at.astimezone(zone).isoformat().replace("+00:00", "Z" if text == "Z" else "+00:00")


def laid(request: dict[str, Any], partition: int = -1) -> Laid:
    lane = lane_of(request["type"])
    assert lane is not None
    key = request["offer_id"] if lane in (OFFERS, REVOKE) else request["customer_id"]
    return Laid(lane.requests, key.encode(), orjson.dumps(request), partition)


def reminders(first: datetime, minutes: int) -> dict[str, Any]:
    """Of an offer that ends in some weeks: one in each of so many minutes."""
    ends_on = first.date() + timedelta(40)
    ends = datetime.combine(ends_on, time(23, 59, 59), first.tzinfo)
    due = [first + timedelta(minutes=n) for n in range(minutes)]
    return {
        "expiry": {"type": "fixed_date", "at": ends.isoformat()},
        "reminders": [
            {"days_before": (ends_on - at.date()).days, "at": f"{at:%H:%M}", "channel": "sms",
             "content": "{code} of {customer_id} ends {expires_at}"}
            for at in due
        ],
    }  # fmt: skip
