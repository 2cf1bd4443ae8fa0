"""Outcomes as they go out: what all have in common, and those of bytes that are no request."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import orjson

from schemas.reading import Unreadable
from schemas.reasons import Reason
from schemas.times import Calendar, utc_moment
from schemas.topics import DEAD_LETTERS, Lane
from state.layout import Decision
from state.ledger import Decided
from streams.batches import Emission, Part, Record
from streams.settings import Settings

#: When something was decided, as it is written: a batch has one moment.
written_moment = lru_cache(maxsize=64)(utc_moment)
#: Where in a decision its transition's own part begins.
REST = len(Decision._fields)


def outcome(request: dict[str, Any], decided: Decided) -> dict[str, Any]:
    """What every outcome says; the transition adds its own, the source comes last."""
    reason, _, version, decided_at, occurred_at = decided.content[:REST]
    said = {
        "request_id": request["request_id"],
        "type": request["type"],
        "outcome": "rejected" if reason else "accepted",
        "reason": reason or None,
        "detail": None,
        "replayed": decided.replayed,
        "occurred_at": occurred_at,
        "decided_at": written_moment(decided_at),
    }
    if version is not False:
        said["offer_version"] = version
    return said


def change(decided: Decided, fingerprint: bytes, **more: Any) -> dict[str, Any]:
    """The ``ledger`` part of an outcome: what restore needs."""
    return {"sequence": decided.content[1] or None, "fingerprint": fingerprint.hex(), **more}


def changed_something(decided: Decided) -> bool:
    """Not so for an answer given again, and for one that is not remembered."""
    return not decided.replayed and decided.content[1] is not False


def or_none(value: Any) -> Any:
    """The ledger says False where JSON says null."""
    return None if value is False else value


def moment_or_none(calendar: Calendar, second: int | bool) -> str | None:
    return None if second is False else calendar.moment(second)


class OneByOne(ABC):
    """Work whose outcomes are worded each by itself."""

    def outcomes(
        self, requests: list[dict[str, Any]], decisions: list[Decided]
    ) -> Iterator[dict[str, Any]]:
        for request, decided in zip(requests, decisions, strict=True):
            yield self._outcome(request, decided)

    @abstractmethod
    def _outcome(self, request: dict[str, Any], decided: Decided) -> dict[str, Any]: ...


class Outgoing:
    """Turns outcomes and dead letters of one lane into emissions."""

    def __init__(self, lane: Lane, settings: Settings) -> None:
        self._requests = settings.topic(lane.requests)
        self._outcomes = settings.topic(lane.outcomes)
        self._dead_letters = settings.topic(DEAD_LETTERS)

    def outcome(self, part: Part, record: Record, said: dict[str, Any]) -> Emission:
        """In the partition of the same number as the request, with the request's key."""
        said["source"] = {
            "topic": self._requests, "partition": part.partition, "offset": record.offset,
        }  # fmt: skip
        return Emission(self._outcomes, part.partition, record.key, orjson.dumps(said))

    def unreadable(self, part: Part, record: Record, wrong: Unreadable, now: int) -> list[Emission]:
        """A dead letter, and a refusal where there is a request id to refuse."""
        place = {"topic": self._requests, "partition": part.partition, "offset": record.offset}
        headers = {"reason": str(Reason.INVALID_REQUEST), "detail": wrong.detail, **place}
        dead_letter = Emission(
            self._dead_letters,
            None,
            record.key,
            record.value,
            [(name, str(value).encode(errors="replace")) for name, value in headers.items()],
        )
        if wrong.request_id is None:
            return [dead_letter]
        said = {
            "request_id": wrong.request_id,
            "type": wrong.type,
            "outcome": "rejected",
            "reason": Reason.INVALID_REQUEST,
            "detail": wrong.detail,
            "replayed": False,
            "decided_at": written_moment(now),
        }
        return [dead_letter, self.outcome(part, record, said)]
