"""One lane's outcomes beside its requests: one for each, in its place, and one decision an id."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from tests.faults.decisions import milliseconds_of
from tests.faults.model import Said
from tests.faults.plain_requests import Reading, read
from tests.faults.topics_seen import Place, Record, Seen

#: What may differ between an outcome and the answer to its retry.
OWN = ("source", "replayed", "ledger")
#: Not remembered: the same request may be decided anew.
FORGOTTEN = ("code_not_found", "offer_not_found", "invalid_request")


class Pair(NamedTuple):
    """``laid_ms``: when the request was laid down."""

    request: dict[str, Any]
    said: Said
    laid_ms: int


class Answers:
    """``wrong`` hears of each problem. ``openings``: of the ledger, in milliseconds."""

    def __init__(
        self,
        lane: str,
        seen: Seen,
        openings: list[int],
        wrong: Callable[[str], None],
        counts: Counter[str],
    ) -> None:
        self._lane, self._openings, self._wrong, self._counts = lane, openings, wrong, counts
        self._requests = {record.place: record for record in seen.records[f"{lane}.requests"]}
        self._outcomes = seen.records[f"{lane}.outcomes"]
        self._said: list[Said] = [orjson.loads(record.value or b"") for record in self._outcomes]
        self._sources = [source_in(said["source"]) for said in self._said]
        self._letters: dict[Place, list[Record]] = defaultdict(list)
        for letter in seen.records["dead-letters"]:
            if letter.headers["topic"] == f"{seen.prefix}{lane}.requests":
                self._letters[source_in(letter.headers)].append(letter)
        self._committed, self._ends = seen.committed[lane], seen.ends[f"{lane}.requests"]
        self._undone = 0

    def pairs(self) -> list[Pair]:
        """Every request with an outcome, once both are checked."""
        self._below_what_is_committed()
        self._in_order()
        readings = {place: read(self._lane, each.value) for place, each in self._requests.items()}
        invalid = {
            source
            for source, said in zip(self._sources, self._said, strict=True)
            if said["reason"] == "invalid_request"
        }
        self._read_as_they_are(readings, invalid)
        found = []
        for source, said in zip(self._sources, self._said, strict=True):
            if source not in readings:
                continue  # said already
            request = readings[source].request
            types = (request.get("type"), None) if source in invalid else (request.get("type"),)
            if request.get("request_id") != said["request_id"] or said["type"] not in types:
                self._wrong(f"{self._lane}: outcome of another request for {source}")
                continue
            self._counts[f"{said['type']} {said['reason'] or said['outcome']}"] += 1
            self._counts["replayed"] += said["replayed"]
            found.append(Pair(request, said, self._requests[source].stamp_ms))
        self._decided_once(found)
        return found

    def _some(self, problem: str, places: list[Place]) -> None:
        if places:
            self._wrong(f"{self._lane}: {len(places)} {problem}, such as {places[:3]}")

    def _below_what_is_committed(self) -> None:
        """Exactly one outcome for each request below the committed offset, or a dead letter alone;
        none above."""
        times = Counter(self._sources)
        answered = times.keys() | self._letters.keys()
        done = {place for place in self._requests if place[2] < self._committed.get(place[1], 0)}
        self._some("without an outcome", sorted(done - answered))
        self._some("with several", [place for place, count in times.items() if count > 1])
        self._some("answered that never were", sorted(answered - self._requests.keys()))
        above = self._requests.keys() & answered - done
        self._some("answered above what is committed", sorted(above))
        again = [place for place, letters in self._letters.items() if len(letters) > 1]
        self._some("dead letters came again", again)
        for partition, committed in self._committed.items():
            if committed > self._ends[partition]:
                self._wrong(f"{self._lane}: {committed} committed of {self._ends[partition]}")
        self._undone = len(self._requests.keys() - done)
        self._counts["undone"] += self._undone

    def _in_order(self) -> None:
        """In the partition of the request, under its key, in its order."""
        newest: dict[int, int] = defaultdict(lambda: -1)
        for record, source in zip(self._outcomes, self._sources, strict=True):
            partition, request = record.place[1], self._requests.get(source)
            if partition != source[1]:
                self._wrong(f"{self._lane}: outcome of {source} in {partition}")
            if request is not None and request.key != record.key:
                self._wrong(f"{self._lane}: key of {source}")
            if source[2] <= newest[partition]:
                self._wrong(f"{self._lane}: {source} out of order")
            newest[partition] = source[2]

    def _read_as_they_are(self, readings: dict[Place, Reading], invalid: set[Place]) -> None:
        """Bytes that are no request lie among the dead letters, and no others do."""
        named = set(self._sources)
        self._counts["dead letters"] += len(self._letters)
        for place in self._letters.keys() & self._requests.keys():
            letter, request, reading = (
                self._letters[place][0],
                self._requests[place],
                readings[place],
            )
            if (letter.key, letter.value) != (request.key, request.value):
                self._wrong(f"{self._lane}: dead letter of {place} isn't what came")
            if readings[place].right:
                self._wrong(f"{self._lane}: dead letter of {place}, which is a request")
        for place in named | self._letters.keys():
            reading = readings.get(place, Reading(None, None, {}))
            if reading.right and place in invalid:
                self._wrong(f"{self._lane}: {place} is a request, and was refused as none")
            if reading.right is False and place not in self._letters:
                self._wrong(f"{self._lane}: {place} is no request, and has no dead letter")
            if reading.right is False and place in named - invalid:
                self._wrong(f"{self._lane}: {place} is no request, and was decided")
            if reading.named is False and place in named:
                self._wrong(f"{self._lane}: {place} has no request id, and an outcome")
            if reading.named and place in self._letters.keys() - named:
                self._wrong(f"{self._lane}: {place} has a request id, and no outcome")

    def _decided_once(self, pairs: list[Pair]) -> None:
        """One decision for each request id; its retries get that, other content a conflict."""
        by_id = defaultdict(list)
        for request, said, _ in pairs:
            if said["reason"] not in FORGOTTEN and said["offer_id"] is not None:
                by_id[said["offer_id"], said["request_id"]].append((request, said))
        for (_, request_id), answers in by_id.items():
            firsts = [
                (request, said)
                for request, said in answers
                if not said["replayed"] and said["reason"] != "request_id_conflict"
            ]
            if len(firsts) != 1:
                if firsts or not self._undone:
                    self._wrong(f"{self._lane} {request_id}: decided {len(firsts)} times")
                continue
            first, decision = firsts[0]
            for request, said in answers:
                if not self._is_answer(request, said, first, decision):
                    self._wrong(f"{self._lane} {request_id}: its retry got another answer")

    def _is_answer(
        self, request: dict[str, Any], said: Said, first: dict[str, Any], decision: Said
    ) -> bool:
        if content(request) != content(first):
            return said["reason"] == "request_id_conflict" and not said["replayed"]
        if said is decision or (said["replayed"] and same(said, decision)):
            return True
        # It was told what was lost before it was committed, and then decided anew.
        told, anew = milliseconds_of(said["decided_at"]), milliseconds_of(decision["decided_at"])
        lost = bool(said["replayed"]) and any(told < at <= anew for at in self._openings)
        self._counts["in doubt"] += lost
        return lost


def source_in(said: dict[str, Any]) -> Place:
    return said["topic"], int(said["partition"]), int(said["offset"])


def content(request: dict[str, Any]) -> str:
    """What a retry sends again."""
    return json.dumps({**request, "occurred_at": None}, sort_keys=True)


def same(one: Said, other: Said) -> bool:
    return {**one, **dict.fromkeys(OWN)} == {**other, **dict.fromkeys(OWN)}
