"""When an offer may be redeemed: days, dates and slots on the wall clock of the till's store."""

from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from schemas.offer_sections import WEEKDAYS, When

_DAY_MINUTES = 24 * 60
_EVERY_DAY = frozenset(range(7))
#: Days of which the minutes are kept at the most; a till's clock may say any.
_MOST_DAYS = 100
_zone = lru_cache(maxsize=1_000)(ZoneInfo)


@dataclass(frozen=True, slots=True)
class Slot:
    """Minutes ``begins`` to ``ends`` from the midnight of a day on which it begins; ``ends`` above
    1440: on the next day. ``first`` and ``last`` are such days, as ordinals."""

    weekdays: frozenset[int]
    begins: int
    ends: int
    first: int
    last: int

    @classmethod
    def of(cls, when: When) -> "Slot":
        begins = 0 if when.from_ is None else _minute(when.from_)
        ends = _DAY_MINUTES if when.to is None else _minute(when.to)
        dates = when.dates
        return cls(
            _EVERY_DAY if when.days is None else frozenset(map(WEEKDAYS.index, when.days)),
            begins,
            ends if ends > begins else ends + _DAY_MINUTES,
            date.min.toordinal() if dates is None else _ordinal(dates.from_, date.min),
            date.max.toordinal() if dates is None else _ordinal(dates.to, date.max),
        )

    def begins_on(self, day: int) -> bool:
        return self.first <= day <= self.last and (day - 1) % 7 in self.weekdays


@dataclass(frozen=True, slots=True)
class Windows:
    """All slots of an offer, and the organisation's time zone."""

    slots: tuple[Slot, ...]
    time_zone: str
    _by_day: dict[int, bytes] = field(default_factory=dict, compare=False)

    def open_at(self, second: int, time_zone: str | None) -> bool:
        """Whether one is open in this second, in this zone or the organisation's.

        The wall clock decides: an hour that it shows twice is open or closed twice.
        """
        local = datetime.fromtimestamp(second, _zone(time_zone or self.time_zone))
        day = local.toordinal()
        minutes = self._by_day.get(day) or self._minutes(day)
        return minutes[local.hour * 60 + local.minute] == 1

    def _minutes(self, day: int) -> bytes:
        """For each minute of a day, 1 or 0: by slots that begin on it and on the day before."""
        if len(self._by_day) >= _MOST_DAYS:
            self._by_day.clear()
        minutes = bytearray(2 * _DAY_MINUTES)
        for slot in self.slots:
            for begins_on, skipped in ((day, 0), (day - 1, _DAY_MINUTES)):
                if slot.begins_on(begins_on):
                    begins, ends = max(0, slot.begins - skipped), max(0, slot.ends - skipped)
                    minutes[begins:ends] = b"\1" * (ends - begins)
        found = self._by_day[day] = bytes(minutes[:_DAY_MINUTES])
        return found


def _minute(time_of_day: str) -> int:
    hour, minute = time_of_day.split(":")
    return int(hour) * 60 + int(minute)


def _ordinal(written: str | None, otherwise: date) -> int:
    return (otherwise if written is None else date.fromisoformat(written)).toordinal()
