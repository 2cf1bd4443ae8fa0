"""Requests and outcomes of one partition, side by side: both lie in the order of the requests."""

from collections.abc import Iterable
from typing import Any

import orjson

from schemas.reasons import Reason
from streams.audit.matching import mismatches
from streams.audit.verdict import Findings

#: A request record: its offset, what it says (None: no JSON object), its bytes.
Asked = tuple[int, dict[str, Any] | None, bytes]
#: An outcome record: its offset and what it says.
Answered = tuple[int, dict[str, Any]]
#: Topic, partition, offset.
Place = tuple[str, int, int]


class DeadLetters:
    """Those of all topics; each is taken away by the record it is of."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._hashes: dict[Place, int] = {}

    def add(self, headers: dict[str, str], value: bytes) -> None:
        self._findings.compared["dead letters"] += 1
        try:
            place = (headers["topic"], int(headers["partition"]), int(headers["offset"]))
        except (KeyError, ValueError):
            self._findings.difference(f"a dead letter doesn't say where it was: {headers}")
            return
        if place in self._hashes:
            self._findings.difference(f"{at(place)} has two dead letters")
        self._hashes[place] = hash(value)

    def take(self, place: Place) -> int | None:
        return self._hashes.pop(place, None)

    def expect(self, place: Place, value: bytes) -> None:
        found = self.take(place)
        if found is None:
            self._findings.difference(f"{at(place)} is an invalid_request without a dead letter")
        elif found != hash(value):
            self._findings.difference(f"{at(place)} has a dead letter with other bytes")

    def forget_before(self, topic: str, partition: int, first: int) -> None:
        """Of requests that are no longer kept."""
        for place in [p for p in self._hashes if p[:2] == (topic, partition) and p[2] < first]:
            del self._hashes[place]

    def finish(self) -> None:
        for place in self._hashes:
            text = f"{at(place)} has a dead letter and is no committed invalid_request"
            self._findings.difference(text)


class Pairing:
    """``requests`` below ``committed``; those before ``first`` are no longer kept."""

    def __init__(
        self,
        place: tuple[str, int],
        first: int,
        committed: int,
        requests: Iterable[Asked],
        dead_letters: DeadLetters,
        findings: Findings,
    ) -> None:
        self._topic, self._partition = place
        self._first, self._committed = first, committed
        self._dead_letters, self._findings = dead_letters, findings
        self._waiting, self._newest = iter(requests), -1
        self._asked = next(self._waiting, None)
        self._requests = 0
        dead_letters.forget_before(*place, first)

    def request_of(self, said: dict[str, Any]) -> dict[str, Any] | None:
        """The request that this outcome answers, None where it is gone or couldn't be read."""
        source, place = said["source"], (self._topic, self._partition)
        offset = source["offset"]
        if (source["topic"], source["partition"]) != place:
            raise ValueError(f"its source is {source}, it lies beside {self._topic} {place[1]}")
        if offset <= self._newest:
            text = f"stands after that of offset {self._newest}: doubled, or out of order"
            self._findings.difference(f"{named(said)} {text}")
        self._newest = max(self._newest, offset)
        if offset >= self._committed:
            text = (
                f"{named(said)} is of a request that isn't committed (committed: {self._committed})"
            )
            self._findings.difference(text)
        self._pass(offset)
        asked = self._asked
        if asked is not None and asked[0] == offset:
            self._asked = next(self._waiting, None)
            return self._matched((*place, offset), said, asked)
        if offset >= self._first:
            self._findings.difference(f"{named(said)} is of a request that doesn't exist")
        return None

    def finish(self) -> None:
        self._pass(self._committed)
        self._findings.compared["requests"] += self._requests

    def _pass(self, offset: int) -> None:
        """No outcome is there for the requests up to this offset."""
        while self._asked is not None and self._asked[0] < offset:
            self._unanswered(self._asked)
            self._asked = next(self._waiting, None)

    def _unanswered(self, asked: Asked) -> None:
        self._requests += 1
        place = (self._topic, self._partition, asked[0])
        request = asked[1] or {}
        found = self._dead_letters.take(place)
        if found is None:
            self._findings.difference(
                f"{at(place)} has neither outcome nor dead letter: {request.get('type')} "
                f"{request.get('request_id')} of customer {request.get('customer_id')}, "
                f"{request.get('code') or request.get('offer_id')}"
            )
        elif found != hash(asked[2]):
            self._findings.difference(f"{at(place)} has a dead letter with other bytes")

    def _matched(self, place: Place, said: dict[str, Any], asked: Asked) -> dict[str, Any] | None:
        self._requests += 1
        request = asked[1]
        if said["reason"] == Reason.INVALID_REQUEST:
            self._dead_letters.expect(place, asked[2])
        elif self._dead_letters.take(place) is not None:
            self._findings.difference(f"{named(said)} has a dead letter besides")
        if request is None:
            if said["reason"] != Reason.INVALID_REQUEST:
                self._findings.difference(f"{named(said)} answers what is no request")
            return None
        wrong = list(mismatches(said, request))
        if wrong:
            text = f"{named(said)} isn't its request's in {', '.join(wrong)}"
            self._findings.difference(text)
        return request


def at(place: Place) -> str:
    topic, partition, offset = place
    return f"{topic} {partition}/{offset}"


def named(said: Any) -> str:
    """An outcome in words."""
    if type(said) is not dict:
        return orjson.dumps(said)[:80].decode(errors="replace")
    fields = {"offer": "offer_id", "coupon": "coupon_id", "code": "code", "customer": "customer_id"}
    more = [f"{word} {said[name]}" for word, name in fields.items() if said.get(name)]
    source = said.get("source")
    if type(source) is dict:
        more.append(f"{source.get('topic')} {source.get('partition')}/{source.get('offset')}")
    return f"{said.get('type')} {said.get('request_id')} ({', '.join(more)})"
