"""Moments and calendar days: a decision's time is whole seconds since 1970, its day a number."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TypeVar
from zoneinfo import ZoneInfo

T = TypeVar("T")

#: RFC 3339 with an offset; fractions of a second are read and dropped.
MOMENT_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)
DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
DAY_SECONDS = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_FIRST_YEAR, _LAST_YEAR = 1990, 2199


@lru_cache(maxsize=8192)
def to_second(moment: str) -> int:
    """Whole seconds since 1970 of an RFC 3339 moment with offset. ValueError says what is wrong."""
    at = datetime.fromisoformat(moment.upper())
    if at.tzinfo is None:
        raise ValueError("has no offset from UTC")
    if not _FIRST_YEAR <= at.year <= _LAST_YEAR:
        raise ValueError(f"is not between the years {_FIRST_YEAR} and {_LAST_YEAR}")
    return (at - _EPOCH) // _SECOND


_SECOND = timedelta(seconds=1)


class Calendar:
    """Local days of one time zone (an IANA name), as numbers: 0 is 1970-01-01.

    Looked up once for each quarter of an hour: no zone changes its clocks at another moment.
    """

    def __init__(self, time_zone: str) -> None:
        self.time_zone = time_zone
        self._zone = ZoneInfo(time_zone)
        self._offsets: dict[int, int] = {}
        self._first_seconds: dict[int, int] = {}
        self._moments: dict[int, str] = {}

    def day(self, second: int) -> int:
        """The local day in which this second lies."""
        quarter = second // 900
        offset = self._offsets.get(quarter)
        if offset is None:
            offset = self._offset(second)
            _bounded(self._offsets)[quarter] = offset
        return (second + offset) // DAY_SECONDS

    def first_second(self, day: int) -> int:
        """The second in which a local day begins."""
        second = self._first_seconds.get(day)
        if second is None:
            local = datetime.fromordinal(day + _EPOCH_DAY).replace(tzinfo=self._zone)
            second = (local - _EPOCH) // _SECOND
            _bounded(self._first_seconds)[day] = second
        return second

    def last_second(self, day: int) -> int:
        """23:59:59 of a local day."""
        return self.first_second(day + 1) - 1

    def at(self, day: int, time_of_day: str) -> int:
        """The second at which clocks show ``HH:MM`` on a local day: the first of two, and where
        they are set over it, as much later as they are set."""
        hour, minute = map(int, time_of_day.split(":"))
        local = datetime.fromordinal(day + _EPOCH_DAY).replace(hour=hour, minute=minute)
        return (local.replace(tzinfo=self._zone) - _EPOCH) // _SECOND

    def month_end(self, day: int, months: int) -> int:
        """The last day of the month that is so many after this day's."""
        at = date.fromordinal(day + _EPOCH_DAY)
        year, month = divmod(at.year * 12 + at.month - 1 + months + 1, 12)
        return date(year, month + 1, 1).toordinal() - 1 - _EPOCH_DAY

    def months_before(self, day: int, months: int) -> int:
        """The same day of the month so many months ago, or that month's last."""
        at = date.fromordinal(day + _EPOCH_DAY)
        last = self.month_end(day, -months)
        return min(last, last - monthrange(*_month(last))[1] + at.day)

    def moment(self, second: int) -> str:
        """RFC 3339 with this zone's offset, as outcomes show it."""
        moment = self._moments.get(second)
        if moment is None:
            moment = datetime.fromtimestamp(second, self._zone).isoformat()
            _bounded(self._moments)[second] = moment
        return moment

    def _offset(self, second: int) -> int:
        offset = datetime.fromtimestamp(second, self._zone).utcoffset()
        assert offset is not None
        return offset // _SECOND


def _bounded(cache: dict[int, T]) -> dict[int, T]:
    if len(cache) > 100_000:
        cache.clear()
    return cache


def _month(day: int) -> tuple[int, int]:
    at = date.fromordinal(day + _EPOCH_DAY)
    return at.year, at.month


def day_of(written: str) -> int:
    """The number of a day written as ``2026-11-21``. ValueError says what is wrong."""
    day = date.fromisoformat(written)
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise ValueError(f"is not between the years {_FIRST_YEAR} and {_LAST_YEAR}")
    return day.toordinal() - _EPOCH_DAY


def written_day(day: int) -> str:
    """``2026-11-21`` of a day's number."""
    return date.fromordinal(day + _EPOCH_DAY).isoformat()


def utc_moment(milliseconds: int) -> str:
    """``2026-11-21T12:34:11.204Z`` of milliseconds since 1970."""
    at = _EPOCH + timedelta(milliseconds=milliseconds)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds_of(moment: str) -> int:
    """The milliseconds since 1970 of an RFC 3339 moment."""
    return (datetime.fromisoformat(moment) - _EPOCH) // timedelta(milliseconds=1)
