"""When an offer may be redeemed: days, dates and slots on the wall clock of the till's store."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.offer_sections import When
from schemas.times import to_second
from state.windows import Slot, Windows

KOLKATA, NEW_YORK, LORD_HOWE = "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"
# 2026-11-20 is a Friday.
WEEKDAYS = {"days": ["mon", "tue", "wed", "thu", "fri"]}
TEN_TO_SIX = {"from": "10:00", "to": "18:00"}
NIGHT = {"from": "22:00", "to": "02:00"}


def windows(*entries: dict[str, Any], time_zone: str = KOLKATA) -> Windows:
    return Windows(tuple(Slot.of(When.model_validate(entry)) for entry in entries), time_zone)


def is_open(found: Windows, moment: str, time_zone: str | None = None) -> bool:
    return found.open_at(to_second(moment), time_zone)


@pytest.mark.parametrize(
    ("entry", "moment", "expected"),
    [
        # an entry that says nothing
        ({}, "2026-11-20T00:00:00+05:30", True),
        ({"dates": {}}, "2026-11-20T23:59:59+05:30", True),
        # from is included, to is not
        (TEN_TO_SIX, "2026-11-20T09:59:59+05:30", False),
        (TEN_TO_SIX, "2026-11-20T10:00:00+05:30", True),
        (TEN_TO_SIX, "2026-11-20T17:59:59+05:30", True),
        (TEN_TO_SIX, "2026-11-20T18:00:00+05:30", False),
        (TEN_TO_SIX, "2026-11-20T12:30:00Z", False),  # 18:00 in Kolkata
        # one of them alone: from midnight, until midnight
        ({"from": "10:00"}, "2026-11-20T23:59:59+05:30", True),
        ({"from": "10:00"}, "2026-11-21T00:00:00+05:30", False),
        ({"from": "10:00", "to": "24:00"}, "2026-11-20T23:59:59+05:30", True),
        ({"from": "10:00", "to": "24:00"}, "2026-11-21T00:00:00+05:30", False),
        ({"to": "10:00"}, "2026-11-20T00:00:00+05:30", True),
        ({"to": "10:00"}, "2026-11-20T09:59:59+05:30", True),
        ({"to": "10:00"}, "2026-11-20T10:00:00+05:30", False),
        ({"to": "10:00"}, "2026-11-19T23:59:59+05:30", False),
        # days of the week
        (WEEKDAYS, "2026-11-20T23:59:59+05:30", True),
        (WEEKDAYS, "2026-11-21T00:00:00+05:30", False),
        (WEEKDAYS, "2026-11-22T23:59:59+05:30", False),
        (WEEKDAYS, "2026-11-23T00:00:00+05:30", True),
        ({"days": ["sun"]}, "2026-11-22T12:00:00+05:30", True),
        ({"days": ["sun"], **TEN_TO_SIX}, "2026-11-22T09:00:00+05:30", False),
        # dates, both included
        ({"dates": {"from": "2026-11-20", "to": "2026-11-21"}}, "2026-11-19T23:59:59+05:30", False),
        ({"dates": {"from": "2026-11-20", "to": "2026-11-21"}}, "2026-11-20T00:00:00+05:30", True),
        ({"dates": {"from": "2026-11-20", "to": "2026-11-21"}}, "2026-11-21T23:59:59+05:30", True),
        ({"dates": {"from": "2026-11-20", "to": "2026-11-21"}}, "2026-11-22T00:00:00+05:30", False),
        ({"dates": {"from": "2026-11-20"}}, "2199-01-01T12:00:00+05:30", True),
        ({"dates": {"from": "2026-11-20"}}, "2026-11-19T12:00:00+05:30", False),
        ({"dates": {"to": "2026-11-20"}}, "1990-01-01T12:00:00+05:30", True),
        ({"dates": {"to": "2026-11-20"}}, "2026-11-21T12:00:00+05:30", False),
        # over midnight
        (NIGHT, "2026-11-20T21:59:59+05:30", False),
        (NIGHT, "2026-11-20T22:00:00+05:30", True),
        (NIGHT, "2026-11-21T00:00:00+05:30", True),
        (NIGHT, "2026-11-21T01:59:59+05:30", True),
        (NIGHT, "2026-11-21T02:00:00+05:30", False),
        ({"from": "10:00", "to": "10:00"}, "2026-11-20T09:59:59+05:30", True),  # a day and night
        ({"from": "22:00", "to": "00:00"}, "2026-11-20T23:59:59+05:30", True),
        ({"from": "22:00", "to": "00:00"}, "2026-11-21T00:00:00+05:30", False),
        # the night of Friday is Friday's, on Saturday too
        ({"days": ["fri"], **NIGHT}, "2026-11-20T01:59:59+05:30", False),
        ({"days": ["fri"], **NIGHT}, "2026-11-20T22:00:00+05:30", True),
        ({"days": ["fri"], **NIGHT}, "2026-11-21T01:59:59+05:30", True),
        ({"days": ["fri"], **NIGHT}, "2026-11-21T22:00:00+05:30", False),
        ({"days": ["sun"], **NIGHT}, "2026-11-23T01:00:00+05:30", True),
        # and so is the night of the last date, which the night before the first isn't
        ({"dates": {"to": "2026-11-20"}, **NIGHT}, "2026-11-21T01:59:59+05:30", True),
        ({"dates": {"to": "2026-11-20"}, **NIGHT}, "2026-11-21T22:00:00+05:30", False),
        ({"dates": {"from": "2026-11-20"}, **NIGHT}, "2026-11-20T01:59:59+05:30", False),
        ({"dates": {"from": "2026-11-20"}, **NIGHT}, "2026-11-20T22:00:00+05:30", True),
    ],
)
def test_a_slot_holds(entry: dict[str, Any], moment: str, expected: bool) -> None:
    assert is_open(windows(entry), moment) is expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-20T09:30:00+05:30", True),
        ("2026-11-21T09:30:00+05:30", False),
        ("2026-11-21T20:30:00+05:30", True),
        ("2026-11-20T20:30:00+05:30", False),
    ],
)
def test_any_entry_that_matches_is_enough(moment: str, expected: bool) -> None:
    found = windows({"days": ["fri"], "to": "12:00"}, {"days": ["sat"], "from": "20:00"})
    assert is_open(found, moment) is expected


@pytest.mark.parametrize(
    ("time_zone", "moment", "expected"),
    [
        (None, "2026-11-20T10:00:00+05:30", True),  # the organisation's
        (None, "2026-11-20T10:00:00-05:00", False),
        (NEW_YORK, "2026-11-20T10:00:00-05:00", True),
        (NEW_YORK, "2026-11-20T10:00:00+05:30", False),
        ("Asia/Kathmandu", "2026-11-20T17:59:59+05:45", True),
        ("Asia/Kathmandu", "2026-11-20T18:00:00+05:45", False),
    ],
)
def test_the_stores_own_clock_decides(time_zone: str | None, moment: str, expected: bool) -> None:
    assert is_open(windows({"days": ["fri"], **TEN_TO_SIX}), moment, time_zone) is expected


@pytest.mark.parametrize(
    ("entry", "time_zone", "moment", "expected"),
    [
        # 2026-03-08, New York: after 01:59:59 comes 03:00
        ({"from": "02:00", "to": "03:00"}, NEW_YORK, "2026-03-08T06:59:59Z", False),
        ({"from": "02:00", "to": "03:00"}, NEW_YORK, "2026-03-08T07:00:00Z", False),
        ({"from": "03:00", "to": "04:00"}, NEW_YORK, "2026-03-08T07:00:00Z", True),
        ({"from": "01:00", "to": "02:00"}, NEW_YORK, "2026-03-08T06:59:59Z", True),
        ({"from": "23:00", "to": "24:00"}, NEW_YORK, "2026-03-09T03:59:59Z", True),
        ({"from": "23:00", "to": "24:00"}, NEW_YORK, "2026-03-09T04:00:00Z", False),
        # 2026-11-01: the hour from 01:00 comes twice
        ({"from": "01:00", "to": "02:00"}, NEW_YORK, "2026-11-01T04:59:59Z", False),
        ({"from": "01:00", "to": "02:00"}, NEW_YORK, "2026-11-01T05:00:00Z", True),
        ({"from": "01:00", "to": "02:00"}, NEW_YORK, "2026-11-01T06:59:59Z", True),
        ({"from": "01:00", "to": "02:00"}, NEW_YORK, "2026-11-01T07:00:00Z", False),
        ({"from": "01:30", "to": "02:00"}, NEW_YORK, "2026-11-01T06:00:00Z", False),
        ({"from": "01:30", "to": "02:00"}, NEW_YORK, "2026-11-01T06:30:00Z", True),
        ({"days": ["sat"], **NIGHT}, NEW_YORK, "2026-11-01T06:59:59Z", True),
        ({"days": ["sat"], **NIGHT}, NEW_YORK, "2026-11-01T07:00:00Z", False),
        ({"days": ["sun"], "from": "23:00"}, NEW_YORK, "2026-11-02T04:59:59Z", True),
        # 2026-10-04, Lord Howe: after 01:59:59 comes 02:30; 2026-04-05: 01:30 comes twice
        ({"from": "02:00", "to": "02:30"}, LORD_HOWE, "2026-10-03T15:30:00Z", False),
        ({"from": "02:30", "to": "03:00"}, LORD_HOWE, "2026-10-03T15:30:00Z", True),
        ({"from": "01:30", "to": "02:00"}, LORD_HOWE, "2026-04-04T14:30:00Z", True),
        ({"from": "01:30", "to": "02:00"}, LORD_HOWE, "2026-04-04T15:29:59Z", True),
        ({"from": "01:30", "to": "02:00"}, LORD_HOWE, "2026-04-04T15:30:00Z", False),
        # St John's in 2010 changed at a minute past midnight: 23:01 came twice
        ({"from": "23:01"}, "America/St_Johns", "2010-11-07T02:30:30Z", False),
        ({"from": "23:01"}, "America/St_Johns", "2010-11-07T02:31:00Z", True),
    ],
)
def test_the_wall_clock_decides_on_days_when_clocks_change(
    entry: dict[str, Any], time_zone: str, moment: str, expected: bool
) -> None:
    assert is_open(windows(entry), moment, time_zone) is expected


def test_days_are_forgotten_before_they_fill_the_memory() -> None:
    found = windows({"days": ["fri"]})
    fridays = [to_second("2026-11-20T12:00:00+05:30") + week * 7 * 86_400 for week in range(300)]
    assert all(found.open_at(second, None) for second in fridays)
    assert all(found.open_at(second, None) for second in fridays)
    assert len(found._by_day) <= 100


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 1440))
def test_a_slot_is_open_as_many_minutes_as_lie_between_its_ends(
    minute: int, begins: int, ends: int
) -> None:
    clock = "{:02}:{:02}".format
    found = windows({"from": clock(*divmod(begins, 60)), "to": clock(*divmod(ends, 60))})
    since = (minute - begins) % 1440
    assert is_open(found, f"2026-11-20T{clock(*divmod(minute, 60))}:00+05:30") is (
        since < ((ends - begins) % 1440 or 1440)
    )
