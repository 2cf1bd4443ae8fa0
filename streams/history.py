"""Who changed what of an offer, and when: read from the outcomes of its requests."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import orjson

from schemas.topics import OFFERS, REVOKE
from streams.broker import read_all
from streams.settings import Settings

#: What an entry has of an outcome that changes no field: uploads, exports, revokes.
_COUNTS = ("scope", "revoked", "part", "parts", "items", "complete", "total", "first", "count")


def history(settings: Settings, offer_id: str) -> list[dict[str, Any]]:
    """Accepted changes in their order: at, actor (None of a revoke, which names none), type,
    version, and the fields changed with what was there before and after.

    Raises `BrokerError` where Kafka doesn't answer.
    """
    key, said = offer_id.encode(), list[dict[str, Any]]()
    topics = (OFFERS.outcomes, REVOKE.outcomes)
    for message in chain.from_iterable(read_all(settings, topic) for topic in topics):
        if message.key() == key or (message.key() is None and offer_id in str(message.value())):
            one = orjson.loads(message.value())
            if "ledger" in one and one["offer_id"] == offer_id and one["outcome"] == "accepted":
                said.append(one)
    said.sort(key=lambda one: int(one["ledger"]["sequence"]))
    before: dict[str, Any] | None = None
    entries = []
    for one in said:
        after = one.get("offer", before)
        entry = {
            "at": one["decided_at"],
            "actor": one.get("actor"),
            "type": one["type"],
            "version": one["offer_version"],
        }
        if before is not None and after is not None:
            entry["changes"] = list(_changes(before, after))
        entries.append(entry | {name: one[name] for name in _COUNTS if name in one})
        before = after
    return entries


def _changes(before: Any, after: Any, path: str = "") -> Iterator[dict[str, Any]]:
    """Every field that is another, by its path with dots."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        if before != after:
            yield {"field": path, "before": before, "after": after}
        return
    for name in sorted(before.keys() | after.keys()):
        place = f"{path}.{name}" if path else name
        yield from _changes(before.get(name), after.get(name), place)
