"""A mixed load: issue, redeem, reverse, and retries, some of them in other partitions."""

import json
from collections import defaultdict, deque
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

from schemas.topics import ISSUE, REDEEM, Topic
from streams.client import key_of, new_request
from tests.world import create, issue, redeem

#: Which share of the requests is what; the rest redeems.
ISSUES, REVERSALS, RETRIES, CONFLICTS, GARBAGE = 0.38, 0.12, 0.05, 0.005, 0.003
#: Retries go back this far, and this share of them goes to any partition.
RECENT, MOVED = 5_000, 0.3


class Laid(NamedTuple):
    """A record to produce. ``partition`` -1: by its key."""

    topic: Topic
    key: bytes
    value: bytes
    partition: int = -1


class Load:
    """Makes ``count`` requests; learns codes and redemptions from the outcomes it is shown."""

    def __init__(self, count: int, chance: Random, partitions: int) -> None:
        self._count, self._chance, self._partitions = count, chance, partitions
        self._customers = [f"c-{n}" for n in range(max(20, count // 12))]
        self._fresh: dict[str, deque[tuple[str, str]]] = defaultdict(deque)
        self._tried: list[tuple[str, str]] = []  # (code, recipient)
        self._redemptions: list[dict[str, Any]] = []
        self._sent: list[dict[str, Any]] = []

    def offers(self) -> list[dict[str, Any]]:
        """`capped` is never reversed, and asked for far beyond its totals."""
        count = self._count
        return [
            create(
                "capped", issue={"max_total": count // 16},
                redeem={"max_total": count // 32},
            ),
            create("limited", issue={"max_per_customer": 3}, redeem={"max_per_customer": 2}),
            create(
                "several",
                redeem={"uses_per_coupon": 3, "anyone_may_redeem": True, "max_per_customer": 5,
                        "max_total": count // 20},
            ),
        ]  # fmt: skip

    def learn(self, said: dict[str, Any]) -> None:
        if said.get("outcome") != "accepted" or said["replayed"]:
            return
        if said["type"] == "issue":
            self._fresh[said["offer_id"]].append((said["code"], said["customer_id"]))
        elif said["type"] == "redeem" and said["offer_id"] != "capped":
            self._redemptions.append(said)

    def records(self) -> Iterator[Laid]:
        for number in range(self._count):
            yield self._record(number)

    def _record(self, number: int) -> Laid:
        chance = self._chance
        draw = chance.random() - GARBAGE
        if draw < 0:
            return Laid(chance.choice([ISSUE, REDEEM]).requests, b"g", b"garbage %d" % number)
        if self._sent and (draw := draw - RETRIES - CONFLICTS) < 0:
            return self._retry(conflicts=draw > -CONFLICTS)
        request = self._request(draw)
        self._sent.append(request)
        return laid(request)

    def _request(self, draw: float) -> dict[str, Any]:
        chance = self._chance
        if (draw := draw - REVERSALS) < 0 and self._redemptions:
            return self._reversal()
        if draw < ISSUES or not self._fresh:
            return issue(self._anyone(), chance.choice(["capped", "limited", "several"]))
        code, recipient = self._coupon()
        return redeem(code, recipient if chance.random() < 0.9 else self._anyone())

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
        return new_request(
            "reverse", redemption_id=redeemed["request_id"], code=redeemed["code"],
            customer_id=customer_id, till_id="t-1",
        )  # fmt: skip

    def _retry(self, conflicts: bool) -> Laid:
        """The same intent again at another moment; or, against the rules, another under its id."""
        chance = self._chance
        first = self._sent[-1 - chance.randrange(min(len(self._sent), RECENT))]
        again = first | {"occurred_at": first["occurred_at"].replace(":00:00+", ":00:01+")}
        if conflicts:
            other = "customer_id" if first["type"] == "issue" else "till_id"
            again[other] = "somebody else"
        moved = chance.random() < MOVED
        return laid(again, chance.randrange(self._partitions) if moved else -1)

    def _anyone(self) -> str:
        return self._chance.choice(self._customers)


def laid(request: dict[str, Any], partition: int = -1) -> Laid:
    lane = ISSUE if request["type"] == "issue" else REDEEM
    return Laid(lane.requests, key_of(request), json.dumps(request).encode(), partition)
