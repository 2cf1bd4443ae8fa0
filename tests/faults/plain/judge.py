"""What a run of plain Faust lost, doubled and gave beyond its limits, by committed records alone.

Where a redemption was told several times it counts once, so that figures of limits are what
customers got too much, not how often they heard of it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import orjson
from confluent_kafka import TopicPartition

from schemas.topics import DEAD_LETTERS, ISSUE, REDEEM, Topic
from streams.broker import consumer, partitions_of, read_all
from streams.client import Place
from streams.settings import Settings
from tests.faults.answers import FORGOTTEN, OWN
from tests.faults.verifier import Verdict
from tests.world import Found, found

Rules = dict[str, Any]
Said = dict[str, Any]
_LANES = (ISSUE, REDEEM)
_ANSWER_S = 30


def judge(settings: Settings, group: str, offers: dict[str, Rules]) -> Verdict:
    """``offers``: the sections of each. Counts that begin in capitals are problems where not 0.
    Lost is what ``group`` committed as done; left waiting might be answered one day.
    """
    requests = [each for lane in _LANES for each in _committed(settings, lane.requests)]
    outcomes = [each for lane in _LANES for each in _committed(settings, lane.outcomes)]
    letters = list(_committed(settings, DEAD_LETTERS))
    answers = Counter(each.source for each in (*outcomes, *letters))
    places = {(each.topic, each.partition, each.offset) for each in requests}
    said = [each.content for each in outcomes]
    unanswered = places - answers.keys()
    done = _committed_offsets(settings, group)
    lost = sum(offset < done[topic, partition] for topic, partition, offset in unanswered)
    verdict = Verdict()
    verdict.counts.update(
        {
            "requests": len(places),
            "LOST: requests done without an outcome": lost,
            "LEFT WAITING: requests not done": len(unanswered) - lost,
            "DOUBLED: outcomes beyond the first of their request": _beyond_the_first(answers),
            "DECIDED AGAIN: request ids with several decisions": _decided_again(said),
            "answers to no request": len(answers.keys() - places),
        }
    )
    books = Books(offers, said)
    verdict.counts.update(books.beyond_limits())
    verdict.problems = [
        f"{count:,} {what}"
        for what, count in sorted(verdict.counts.items())
        if count and _is_wrong(what)
    ]
    verdict.counts.update(f"{each['type']} {each['reason'] or each['outcome']}" for each in said)
    verdict.counts["dead letters"] = len(letters)
    verdict.counts["refused as unknown: codes that had been issued"] = books.refused_as_unknown
    verdict.issued = {offer_id: len(codes) for offer_id, codes in books.issued.items()}
    verdict.standing = {offer_id: len(books.standing(offer_id)) for offer_id in offers}
    return verdict


def _is_wrong(what: str) -> bool:
    return what.partition(":")[0].isupper()


def _committed(settings: Settings, topic: Topic) -> Iterator[Found]:
    for message in read_all(settings, topic):
        yield found(message)


def _committed_offsets(settings: Settings, group: str) -> dict[tuple[str, int], int]:
    """By topic and partition; 0 where nothing is committed."""
    places = [
        TopicPartition(settings.topic(lane.requests), partition)
        for lane in _LANES
        for partition in range(partitions_of(settings, lane.requests))
    ]
    client = consumer(settings, group)
    try:
        found = client.committed(places, timeout=_ANSWER_S)
    finally:
        client.close()
    return {(place.topic, place.partition): max(place.offset, 0) for place in found}


def _beyond_the_first(answers: Counter[Place]) -> int:
    return sum(count - 1 for count in answers.values())


def _decided_again(said: list[Said]) -> int:
    """Of those that are remembered, by ids whose decisions don't say the same."""
    decided: dict[tuple[str, str], set[bytes]] = defaultdict(set)
    for each in said:
        if each["reason"] not in (*FORGOTTEN, "request_id_conflict") and not each["replayed"]:
            content = {name: each[name] for name in each.keys() - set(OWN)}
            written = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
            decided[each["type"], each["request_id"]].add(written)
    return sum(len(contents) > 1 for contents in decided.values())


class Books:
    """What customers hold and used, by all outcomes that accepted. ``issued``: codes by offer."""

    def __init__(self, offers: dict[str, Rules], said: list[Said]) -> None:
        self._offers = offers
        accepted = [each for each in said if each["outcome"] == "accepted"]
        self._holders = {
            each["code"]: (each["offer_id"], each["customer_id"])
            for each in accepted
            if each["type"] == "issue"
        }
        self.issued: dict[str, set[str]] = defaultdict(set)
        for code, (offer_id, _) in self._holders.items():
            self.issued[offer_id].add(code)
        reversed_ = {each["redemption_id"] for each in accepted if each["type"] == "reverse"}
        self._redemptions = {
            each["request_id"]: each
            for each in accepted
            if each["type"] == "redeem" and each["request_id"] not in reversed_
        }
        self.refused_as_unknown = sum(
            each["reason"] == "code_not_found" and each["code"] in self._holders for each in said
        )

    def standing(self, offer_id: str) -> list[Said]:
        """Redemptions that aren't reversed."""
        return [each for each in self._redemptions.values() if each["offer_id"] == offer_id]

    def beyond_limits(self) -> Counter[str]:
        """Of totals: at the end, which is the least that they were beyond."""
        beyond: Counter[str] = Counter()
        for offer_id, sections in self._offers.items():
            issue, redeem = sections.get("issue", {}), sections.get("redeem", {})
            codes, standing = self.issued[offer_id], self.standing(offer_id)
            held = Counter(self._holders[code][1] for code in codes)
            used = Counter(each["customer_id"] for each in standing)
            uses = Counter(each["code"] for each in standing)
            most = redeem.get("uses_per_coupon", 1)
            beyond[f"OVER: coupons issued beyond the total of {offer_id}"] = _over(
                issue.get("max_total"), [len(codes)]
            )
            beyond[f"OVER: redemptions beyond the total of {offer_id}"] = _over(
                redeem.get("max_total"), [len(standing)]
            )
            beyond["OVER: coupons beyond what a customer may have"] += _over(
                issue.get("max_per_customer"), held.values()
            )
            beyond["OVER: redemptions beyond what a customer may have"] += _over(
                redeem.get("max_per_customer"), used.values()
            )
            beyond["OVER: uses of coupons beyond those it has"] += _over(most, uses.values())
        return beyond


def _over(most: int | None, counts: Any) -> int:
    """By how many, all together."""
    return sum(max(0, count - most) for count in counts) if most is not None else 0
