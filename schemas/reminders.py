"""What tells the reminders of one offer apart, and when each is due."""

from typing import NamedTuple

from schemas.times import Calendar

#: Days before the end, time of day, channel: ``3d-11:00-sms``.
NAME_PATTERN = r"^[0-9]{1,3}d-([01][0-9]|2[0-3]):[0-5][0-9]-(sms|email)$"
#: POCs are told at this time of day, by this channel.
POCS_AT, POCS_CHANNEL = "10:00", "email"


class ReminderName(NamedTuple):
    """It has nothing of the text, which may be edited: nobody is told twice for that."""

    days_before: int
    at: str
    channel: str

    def __str__(self) -> str:
        return f"{self.days_before}d-{self.at}-{self.channel}"

    @classmethod
    def read(cls, name: str) -> "ReminderName":
        """Of a text that matches `NAME_PATTERN`."""
        days, at, channel = name.split("-")
        return cls(int(days.removesuffix("d")), at, channel)

    def due_at(self, calendar: Calendar, ends_on: int) -> int:
        """The second in which it is due for what ends on this day."""
        return calendar.at(ends_on - self.days_before, self.at)
