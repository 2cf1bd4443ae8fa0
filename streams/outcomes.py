"""Outcomes as they go out: what all have in common, and those of bytes that are no request."""

from functools import lru_cache
from typing import Any

import orjson

from schemas.reading import Unreadable
from schemas.reasons import Reason
from schemas.times import Calendar, utc_moment
from schemas.topics import DEAD_LETTERS, Lane
from state.layout import Decision
from state.ledger import Decided
from streams.batches import Emission, Part, Record, new
from streams.settings import Settings

#: When something was decided, as it is written: a batch has one moment.
written_moment = lru_cache(maxsize=64)(utc_moment)
#: Where in a decision its transition's own part begins.
REST = len(Decision._fields)


def outcome(request: dict[str, Any], decided: Decided) -> dict[str, Any]:
    """What every outcome says; the transition adds its own, the source comes last."""
    return {"request_id": request["request_id"], "type": request["type"], **decision(decided)}


def decision(decided: Decided) -> dict[str, Any]:
    """What of that was decided."""
    reason, _, version, decided_at, occurred_at = decided.content[:REST]
    said = {
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


def body_of(said: dict[str, Any]) -> str:
    """The JSON of an outcome, without the brace that ends it: the source comes last."""
    return orjson.dumps(said)[:-1].decode()


def or_none(value: Any) -> Any:
    """The ledger says False where JSON says null."""
    return None if value is False else value


def moment_or_none(calendar: Calendar, second: int | bool) -> str | None:
    return None if second is False else calendar.moment(second)


class Outgoing:
    """Turns outcomes and dead letters of one lane into emissions."""

    def __init__(self, lane: Lane, settings: Settings) -> None:
        self._requests = settings.topic(lane.requests)
        self._requests_json = orjson.dumps(self._requests).decode()
        self._outcomes = settings.topic(lane.outcomes)
        self._dead_letters = settings.topic(DEAD_LETTERS)

    def outcome(self, part: Part, record: Record, body: str) -> Emission:
        """In the partition of the same number as the request, with the request's key. ``body``: its
        JSON without the brace that ends it."""
        value = (
            f'{body},"source":{{"topic":{self._requests_json},"partition":{part.partition},'
            f'"offset":{record.offset}}}}}'
        )
        return new(Emission, (self._outcomes, part.partition, record.key, value.encode(), None))

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
        return [dead_letter, self.outcome(part, record, body_of(said))]
