"""Judges a run from the topics alone: what committed readers see, and the groups' offsets.

Shares no code with what it judges. It has a model of its own, reads no Redis, and knows the rules
from the `offers` topic. A run may hold issue, redeem and reverse requests of offers without dates.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from confluent_kafka import Consumer, IsolationLevel, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from tests.faults.model import Model

LANES = ("offers", "issue", "redeem", "revoke")
WRITTEN = (*(f"{lane}.outcomes" for lane in LANES), "offers", "dead-letters")
TOPICS = (*(f"{lane}.requests" for lane in LANES), *WRITTEN)
Place = tuple[str, int, int]
#: By topic name without prefix, by partition.
Ends = dict[str, dict[int, int]]
#: What may differ between an outcome and the answer to its retry.
OWN = ("source", "replayed", "ledger")


class Record(NamedTuple):
    place: Place
    key: bytes | None
    value: bytes
    headers: dict[str, str]


@dataclass
class Verdict:
    """``problems``: what is wrong, none where all is well. ``counts``: outcomes by type and result.
    By offer: coupons ``issued``, and redemptions ``standing``."""

    problems: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    issued: dict[str, int] = field(default_factory=dict)
    standing: dict[str, int] = field(default_factory=dict)

    def expect(self, right: bool, problem: str) -> None:
        if not right:
            self.problems.append(problem)


class Verifier:
    def __init__(self, kafka_bootstrap_servers: str, prefix: str) -> None:
        self._servers = {"bootstrap.servers": kafka_bootstrap_servers}
        self._admin = AdminClient(self._servers)
        self._prefix = prefix
        self.verdict = Verdict()

    def verify(self) -> Verdict:
        stable = self._ends(IsolationLevel.READ_COMMITTED)
        ends = self._ends(IsolationLevel.READ_UNCOMMITTED)
        self._nothing_is_open(stable, ends)
        self._committed_to_the_end(ends)
        records = self._read(stable)
        letters = {source_of(letter): letter for letter in records["dead-letters"]}
        twice = len(records["dead-letters"]) - len(letters)
        self.verdict.expect(not twice, f"{twice} dead letters came again")
        current = [json.loads(record.value) for record in records["offers"]]
        model = Model({each["offer_id"]: each["offer"] for each in current}, self.verdict.problems)
        for lane in LANES:
            requests, outcomes = records[f"{lane}.requests"], records[f"{lane}.outcomes"]
            self._answered(lane, requests, outcomes, letters)
            pairs = self._pairs(requests, outcomes)
            self._decided_once(lane, pairs)
            for request, said in pairs:
                model.note(request, said)
        model.judge()
        self.verdict.issued, self.verdict.standing = model.issued(), model.standing()
        return self.verdict

    def _nothing_is_open(self, stable: Ends, ends: Ends) -> None:
        """The last stable offset of every topic is its end: no transaction was left behind."""
        for name in WRITTEN:
            self.verdict.expect(
                stable[name] == ends[name], f"{name}: open at {stable[name]}, ends at {ends[name]}"
            )

    def _committed_to_the_end(self, ends: Ends) -> None:
        for lane in LANES:
            name = f"{lane}.requests"
            reader = self._consumer(f"redeemonce.{lane}")
            wanted = [TopicPartition(self._prefix + name, partition) for partition in ends[name]]
            committed = {each.partition: each.offset for each in reader.committed(wanted, 30)}
            reader.close()
            self.verdict.expect(
                committed == ends[name], f"{name}: committed {committed} of {ends[name]}"
            )

    def _answered(
        self,
        lane: str,
        requests: list[Record],
        outcomes: list[Record],
        letters: dict[Place, Record],
    ) -> None:
        """One outcome for each request, in its partition, under its key, in its order."""
        expect = self.verdict.expect
        sources = [source_of(outcome) for outcome in outcomes]
        times = Counter(sources)
        known = {request.place: request for request in requests}
        unanswered = {place for place in known if place not in times}
        missing = [place for place in unanswered if place not in letters]
        expect(not missing, f"{lane}: {len(missing)} without an outcome, such as {missing[:3]}")
        doubled = [place for place, count in times.items() if count > 1]
        expect(not doubled, f"{lane}: {len(doubled)} with several, such as {doubled[:3]}")
        expect(set(times) <= set(known), f"{lane}: outcomes of requests that never were")
        newest: dict[int, int] = defaultdict(lambda: -1)
        for outcome, source in zip(outcomes, sources, strict=True):
            partition, request = outcome.place[1], known.get(source)
            expect(partition == source[1], f"{lane}: outcome of {source} in {partition}")
            expect(request is None or request.key == outcome.key, f"{lane}: key of {source}")
            expect(source[2] > newest[partition], f"{lane}: {source} out of order")
            newest[partition] = source[2]
        for place in unanswered & set(letters):
            expect(letters[place].value == known[place].value, f"{lane}: dead letter of {place}")
        self.verdict.counts["dead letters"] += len(unanswered & set(letters))

    def _pairs(
        self, requests: list[Record], outcomes: list[Record]
    ) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        known = {request.place: request for request in requests}
        pairs = []
        for outcome in outcomes:
            if source_of(outcome) not in known:
                continue  # said already
            request, said = json.loads(known[source_of(outcome)].value), json.loads(outcome.value)
            its_own = all(request[name] == said[name] for name in ("request_id", "type"))
            self.verdict.expect(its_own, f"outcome of another request at {outcome.place}")
            result = f"{said['type']} {said['reason'] or said['outcome']}"
            self.verdict.counts[result] += 1
            self.verdict.counts["replayed"] += said["replayed"]
            pairs.append((request, said))
        return pairs

    def _decided_once(self, lane: str, pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        """One decision for each request id; its retries get that, other content a conflict."""
        by_id = defaultdict(list)
        for request, said in pairs:
            if said["reason"] not in ("code_not_found", "offer_not_found", "invalid_request"):
                by_id[said["offer_id"], said["request_id"]].append((request, said))
        for (_, request_id), answers in by_id.items():
            firsts = [
                (request, said)
                for request, said in answers
                if not said["replayed"] and said["reason"] != "request_id_conflict"
            ]
            if len(firsts) != 1:
                self.verdict.problems.append(f"{lane} {request_id}: decided {len(firsts)} times")
                continue
            first, decision = firsts[0]
            for request, said in answers:
                if content(request) != content(first):
                    right = said["reason"] == "request_id_conflict" and not said["replayed"]
                else:
                    right = said is decision or (said["replayed"] and same(said, decision))
                self.verdict.expect(right, f"{lane} {request_id}: its retry got another answer")

    # Reading -------------------------------------------------------------------------------------

    def _read(self, ends: Ends) -> dict[str, list[Record]]:
        """Every committed record of every topic, in order within a partition."""
        found: dict[str, list[Record]] = {name: [] for name in TOPICS}
        for record in self._records(ends):
            found[record.place[0].removeprefix(self._prefix)].append(record)
        return {name: sorted(records, key=placed) for name, records in found.items()}

    def _records(self, ends: Ends) -> Iterator[Record]:
        reader = self._consumer("redeemonce-verifier", **{"enable.partition.eof": True})
        open_ = {(self._prefix + name, p) for name, found in ends.items() for p in found}
        reader.assign([TopicPartition(name, partition, 0) for name, partition in open_])
        while open_:
            for message in reader.consume(10_000, 0.1):
                place = (message.topic(), message.partition(), message.offset())
                if message.error() is not None:
                    assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                    open_.discard(place[:2])
                    continue
                headers = {name: text.decode() for name, text in message.headers() or []}
                yield Record(place, message.key(), message.value() or b"", headers)
        reader.close()

    def _ends(self, level: IsolationLevel) -> Ends:
        topics = self._admin.list_topics(timeout=30).topics
        places = [
            TopicPartition(self._prefix + name, partition)
            for name in TOPICS
            for partition in topics[self._prefix + name].partitions
        ]
        wanted = {place: OffsetSpec.latest() for place in places}
        ends: Ends = {name: {} for name in TOPICS}
        for place, answer in self._admin.list_offsets(wanted, isolation_level=level).items():
            ends[place.topic.removeprefix(self._prefix)][place.partition] = answer.result().offset
        return ends

    def _consumer(self, group: str, **more: Any) -> Consumer:
        return Consumer(
            {
                **self._servers,
                "group.id": self._prefix + group,
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "error",
                **more,
            }
        )


def placed(record: Record) -> Place:
    return record.place


def source_of(answer: Record) -> Place:
    """Which request an outcome answers, or a dead letter was."""
    said = answer.headers if "offset" in answer.headers else json.loads(answer.value)["source"]
    return said["topic"], int(said["partition"]), int(said["offset"])


def content(request: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in request.items() if name != "occurred_at"}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return {**one, **dict.fromkeys(OWN)} == {**other, **dict.fromkeys(OWN)}
