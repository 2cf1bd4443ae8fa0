"""Where and when an offer may be redeemed, and which till stood where.

Tills change, and their topic has no order against decisions. What was known of a till when a
decision was made can be told only where it was one thing since well before; else any of its
versions may have been.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from schemas.org import OrgEntity
from schemas.reasons import Reason

#: So much later than a till's record everyone goes by it: workers read it within a second, but
#: their clocks and the broker's may differ.
_KNOWN_AFTER_MS = 10_000
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(1)
_ENTITIES = ("tills", "stores", "zones", "concepts")


class Place(NamedTuple):
    """What a till belongs to."""

    till: str
    store: str
    zones: frozenset[str]
    concept: str | None
    time_zone: str | None


class Tills:
    """Every version of every till, in the order of their records."""

    def __init__(self) -> None:
        self._versions: dict[str, list[tuple[int, Place | None]]] = {}
        #: Whether older versions may be gone from the topic.
        self.compacted = False

    def learn(self, key: str, stamp_ms: int, value: bytes | None) -> None:
        """A record of `org-entities`; one that can't be read changes nothing."""
        place, till_id = None, key
        if value is not None:
            try:
                entity = OrgEntity.model_validate(orjson.loads(value))
            except ValueError:
                return
            till_id = entity.till_id
            zones = frozenset(entity.zone_ids)
            place = Place(till_id, entity.store_id, zones, entity.concept_id, entity.time_zone)
        versions = self._versions.setdefault(till_id, [])
        if not versions or versions[-1][1] != place:
            versions.append((stamp_ms, place))

    def possible(self, till_id: str, decided_ms: int) -> tuple[Place | None, ...]:
        """What may have been known of a till, None for nothing. Empty: that may have been all."""
        versions = self._versions.get(till_id)
        if versions is None:
            return () if self.compacted else (None,)
        if decided_ms >= versions[0][0] + _KNOWN_AFTER_MS:
            if len(versions) == 1:
                return (versions[0][1],)
        elif self.compacted:
            return ()
        return (*(place for _, place in versions), None)


class Window(NamedTuple):
    """Minutes of the day; ``ends`` at or before ``begins``: on the next day."""

    days: frozenset[int]
    begins: time
    ends: time | None  # None: midnight
    first: date | None
    last: date | None

    def holds(self, local: datetime) -> bool:
        at, today = local.time(), local.date()
        if self.ends is None or self.begins < self.ends:
            return self._on(today) and self.begins <= at and (self.ends is None or at < self.ends)
        return (self._on(today) and at >= self.begins) or (
            self._on(today - _DAY) and at < self.ends
        )

    def _on(self, day: date) -> bool:
        return (
            (not self.days or day.weekday() in self.days)
            and (self.first is None or day >= self.first)
            and (self.last is None or day <= self.last)
        )


class PlaceRules:
    """Of `redeem`: its org entities and its time windows."""

    def __init__(self, entities: dict[str, frozenset[str]], windows: tuple[Window, ...]) -> None:
        self._entities, self._windows = entities, windows

    @classmethod
    def of(cls, redeem: dict[str, Any]) -> "PlaceRules | None":
        """None where there are no such rules."""
        listed = redeem.get("org_entities") or {}
        entities = {name: frozenset(listed[name]) for name in _ENTITIES if listed.get(name)}
        windows = tuple(_window(entry) for entry in redeem.get("when") or ())
        return cls(entities, windows) if entities or windows else None

    def refusals(
        self, places: tuple[Place | None, ...], second: int, time_zone: str
    ) -> list[str | None]:
        """What each of the till's versions leads to; ``time_zone`` is the organisation's."""
        if not places:
            all_: list[str | None] = [None]
            all_ += [Reason.STORE_NOT_ALLOWED] if self._entities else []
            return all_ + ([Reason.OUTSIDE_TIME_WINDOW] if self._windows else [])
        return [self._refusal(place, second, time_zone) for place in places]

    def _refusal(self, place: Place | None, second: int, time_zone: str) -> str | None:
        if self._entities and not (place and self._lists(place)):
            return Reason.STORE_NOT_ALLOWED
        if self._windows:
            zone = _zone((place and place.time_zone) or time_zone)
            local = datetime.fromtimestamp(second, UTC).astimezone(zone).replace(tzinfo=None)
            if not any(window.holds(local) for window in self._windows):
                return Reason.OUTSIDE_TIME_WINDOW
        return None

    def _lists(self, place: Place) -> bool:
        found = self._entities
        return (
            place.till in found.get("tills", ())
            or place.store in found.get("stores", ())
            or place.concept in found.get("concepts", ())
            or not place.zones.isdisjoint(found.get("zones", ()))
        )


_zone = lru_cache(maxsize=1_000)(ZoneInfo)
_WINDOW = {"days", "from", "to", "dates"}


def unknown_windows(entries: list[Any]) -> Iterator[str]:
    """What of `redeem.when` isn't known here."""
    for entry in entries:
        for name in sorted(entry.keys() - _WINDOW):
            yield f"redeem.when {name}"


def _window(entry: dict[str, Any]) -> Window:
    dates = entry.get("dates") or {}
    first, last = dates.get("from"), dates.get("to")
    ends = entry.get("to") or "24:00"
    return Window(
        frozenset(_WEEKDAYS.index(day) for day in entry.get("days") or ()),
        time.fromisoformat(entry.get("from") or "00:00"),
        None if ends == "24:00" else time.fromisoformat(ends),
        date.fromisoformat(first) if first else None,
        date.fromisoformat(last) if last else None,
    )
