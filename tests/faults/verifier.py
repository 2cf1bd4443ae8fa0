"""Judges a run from what outsiders see: topics as committed readers read them, the groups' offsets,
and last the ledger in Redis, which has to be what the outcomes tell.

Shares no code with what it judges. A run may hold issue, redeem, reverse and revoke requests, and
edits, of offers by percent for all products, that end at a fixed date; others are named as unknown.

`python -m tests.faults.verifier --kafka HOST:PORT --prefix P [--redis URL]` prints the verdict.
"""

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.faults.answers import Answers, Pair
from tests.faults.decisions import Decisions
from tests.faults.ledger_seen import LedgerSeen
from tests.faults.topics_seen import LANES, WRITTEN, Seen, Topics

_SHOWN = 50


@dataclass
class Verdict:
    """``problems``: what is wrong, none where all is well. ``counts``: outcomes by type and result,
    decisions that were lost and that are in doubt for it, requests left undone. ``lost``: which.
    By offer: coupons ``issued``, and redemptions ``standing``."""

    problems: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    issued: dict[str, int] = field(default_factory=dict)
    standing: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)

    def expect(self, right: bool, problem: str) -> None:
        if not right:
            self.problems.append(problem)

    def __str__(self) -> str:
        more = len(self.problems) - _SHOWN
        return "\n".join(
            [
                *(f"{count:9,} {what}" for what, count in sorted(self.counts.items())),
                *self.lost,
                f"verdict: {len(self.problems)} violations",
                *(f"  {problem}" for problem in self.problems[:_SHOWN]),
                *([f"  and {more} more"] if more > 0 else []),
            ]
        )


class Verifier:
    """``redis_url``: None leaves the ledger out."""

    def __init__(
        self,
        kafka_bootstrap_servers: str,
        prefix: str,
        redis_url: str | None = None,
        time_zone: str = "Asia/Kolkata",
    ) -> None:
        self._topics = Topics(kafka_bootstrap_servers, prefix)
        self._prefix, self._redis_url, self._time_zone = prefix, redis_url, time_zone
        self.verdict = Verdict()

    def verify(self) -> Verdict:
        seen, verdict = self._topics.see(), self.verdict
        wrong = verdict.problems.append
        self._nothing_is_open(seen)
        openings = openings_in(seen)
        decisions = Decisions(self._time_zone, openings, wrong, verdict.counts)
        remembered: set[tuple[str, str, str]] = set()
        for lane in LANES:
            pairs = Answers(lane, seen, openings, wrong, verdict.counts).pairs()
            for pair in pairs:
                decisions.note(*pair)
            remembered |= remembered_of(lane, pairs)
        decisions.judge()
        self._reminders(seen, decisions.reminded)
        offers = decisions.offers
        verdict.issued = {each.offer_id: len(each.coupons) for each in offers.values()}
        verdict.standing = {each.offer_id: each.standing for each in offers.values()}
        verdict.lost = decisions.lost
        numbers = self._current_offers(seen, decisions)
        if self._redis_url is not None:
            ledger = LedgerSeen(self._redis_url, self._prefix, wrong, verdict.counts)
            ledger.compare(offers, numbers, remembered, seen.committed)
        return verdict

    def _nothing_is_open(self, seen: Seen) -> None:
        """The last stable offset of every topic is its end: no transaction was left behind."""
        for name in WRITTEN:
            stable, ends = seen.stable[name], seen.ends[name]
            self.verdict.expect(stable == ends, f"{name}: open at {stable}, ends at {ends}")

    def _reminders(self, seen: Seen, due: dict[str, str]) -> None:
        """One trigger for each that was decided, keyed with its customer."""
        found: Counter[str] = Counter()
        for record in seen.records["reminders"]:
            trigger = orjson.loads(record.value or b"{}")
            reminder_id, customer_id = trigger["reminder_id"], trigger["customer_id"]
            found[reminder_id] += 1
            theirs = due.get(reminder_id) == customer_id == (record.key or b"").decode()
            self.verdict.expect(theirs, f"reminders: {reminder_id} for {customer_id}")
        twice = [reminder_id for reminder_id, count in found.items() if count > 1]
        missing = due.keys() - found.keys()
        self.verdict.expect(not twice, f"reminders: {len(twice)} twice, {twice[:3]}")
        self.verdict.expect(not missing, f"reminders: {len(missing)} not sent, {[*missing][:3]}")
        self.verdict.counts["reminders"] += found.total()

    def _current_offers(self, seen: Seen, decisions: Decisions) -> dict[str, int]:
        """The topic has every offer as its last change left it. Returns the offers' numbers."""
        current: dict[str, dict[str, Any]] = {}
        for record in seen.records["offers"]:
            found = orjson.loads(record.value or b"{}")
            before = current.get(found["offer_id"])
            if before is None or found["version"] >= before["version"]:
                current[found["offer_id"]] = found
        created = {each.offer_id: each for each in decisions.offers.values() if each.version}
        for offer_id in sorted(created.keys() | current.keys()):
            here, there = created.get(offer_id), current.get(offer_id, {})
            due = (here.version, here.rules) if here else None
            self.verdict.expect(
                (there.get("version"), there.get("offer")) == due,
                f"offers: {offer_id} is version {there.get('version')}, not what its outcomes tell",
            )
        return {offer_id: found["number"] for offer_id, found in current.items()}


def openings_in(seen: Seen) -> list[int]:
    """When the ledger was opened, in milliseconds since 1970."""
    return sorted(record.stamp_ms for record in seen.records["places"] if record.key == b"epoch")


def remembered_of(lane: str, pairs: list[Pair]) -> set[tuple[str, str, str]]:
    """(lane, offer_id, request_id) of what the ledger remembers by its request's id."""
    return {
        (lane, said["offer_id"], said["request_id"])
        for _, said, _ in pairs
        if said.get("ledger") and not said["replayed"]
    }


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--kafka", required=True, metavar="HOST:PORT")
    options.add_argument("--redis", metavar="URL", help="absent: topics alone are judged")
    options.add_argument("--prefix", default="", help="of the organisation's topics")
    options.add_argument("--time-zone", default="Asia/Kolkata", help="the organisation's")
    chosen = options.parse_args()
    verdict = Verifier(chosen.kafka, chosen.prefix, chosen.redis, chosen.time_zone).verify()
    print(verdict)
    sys.exit(1 if verdict.problems else 0)


if __name__ == "__main__":
    main()
