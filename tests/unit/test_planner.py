"""When reminders are due, on days when clocks change too, and what is asked for then."""

import pytest

from schemas.offers import Offer
from schemas.times import Calendar, day_of, to_second, written_day
from state.catalogue import CompiledOffer
from streams.planner import Due, Schedule, request_of
from tests.world import offer

BERLIN = Calendar("Europe/Berlin")


def compiled(**sections: object) -> CompiledOffer:
    content = {**offer("o"), "claim": None, **sections}
    return CompiledOffer.of(Offer.model_validate(content), 1, 1, "L", 2, BERLIN, None)


def reminder(days_before: int, at: str) -> dict[str, object]:
    return {"days_before": days_before, "at": at, "channel": "sms", "content": "{code}"}


def due(made: CompiledOffer, after: str, until: str) -> list[tuple[str, str]]:
    """Reminders and the days on which that ends of which they speak."""
    found = Schedule([made], BERLIN).due(to_second(after), to_second(until))
    return [(str(one.reminder), written_day(one.ends_on)) for one in found]


def test_each_day_at_its_time_for_what_ends_days_later() -> None:
    made = compiled(reminders=[reminder(3, "11:00"), reminder(0, "09:30")])
    assert due(made, "2026-11-20T11:00:00+01:00", "2026-11-21T11:00:00+01:00") == [
        ("0d-09:30-sms", "2026-11-21"),
        ("3d-11:00-sms", "2026-11-24"),
    ]


def test_a_moment_belongs_to_one_look_only() -> None:
    made = compiled(reminders=[reminder(3, "11:00")])
    before, at, after = (f"2026-11-21T{t}+01:00" for t in ("10:59:59", "11:00:00", "11:00:01"))
    assert [len(due(made, *look)) for look in ((before, at), (at, after), (before, after))] == [
        1, 0, 1,
    ]  # fmt: skip


def test_what_was_missed_is_due_still() -> None:
    made = compiled(reminders=[reminder(3, "11:00")])
    found = due(made, "2026-11-18T12:00:00+01:00", "2026-11-21T12:00:00+01:00")
    assert [day for _, day in found] == ["2026-11-22", "2026-11-23", "2026-11-24"]


@pytest.mark.parametrize(
    ("day", "at", "moment"),
    [
        ("2026-03-28", "02:30", "2026-03-28T02:30:00+01:00"),
        ("2026-03-29", "02:30", "2026-03-29T03:30:00+02:00"),  # from 2 o'clock to 3
        ("2026-03-29", "11:00", "2026-03-29T11:00:00+02:00"),
        ("2026-10-25", "02:30", "2026-10-25T02:30:00+02:00"),  # twice: the first
        ("2026-10-25", "11:00", "2026-10-25T11:00:00+01:00"),
    ],
)
def test_once_on_days_on_which_clocks_change(day: str, at: str, moment: str) -> None:
    made = compiled(reminders=[reminder(1, at)])
    whole_day = f"{day}T00:00:00+14:00", f"{day}T23:59:59-12:00"
    due_at = to_second(moment)
    assert [BERLIN.moment(BERLIN.at(day_of(day), at))] == [moment]
    found = list(Schedule([made], BERLIN).due(due_at - 1, due_at))
    assert [one.ends_on for one in found] == [day_of(day) + 1]
    of_day = [one for one in due(made, *whole_day) if one[1] == written_day(day_of(day) + 1)]
    assert len(of_day) == 1


def test_pocs_are_told_at_ten() -> None:
    made = compiled(poc_reminders=[{"days_before": 4, "pocs": ["p"]}])
    found = due(made, "2026-11-21T09:59:59+01:00", "2026-11-21T10:00:00+01:00")
    assert found == [("4d-10:00-email", "2026-11-25")]


def test_the_request_for_a_run_has_one_id_whoever_makes_it() -> None:
    made = compiled(reminders=[reminder(3, "11:00")])
    [one] = Schedule([made], BERLIN).due(
        to_second("2026-11-21T10:59:59+01:00"), to_second("2026-11-21T11:00:00+01:00")
    )
    assert isinstance(one, Due)
    first, later = request_of(one, 7, "2026-11-21T11:00:00+01:00"), request_of(one, 7, "x")
    assert first["request_id"] == later["request_id"] == "3d-11:00-sms:2026-11-24:7"
    assert first["request_id"] != request_of(one, 8, "x")["request_id"]
