"""Requests to remind, as a planner writes them."""

from typing import Any

from schemas.times import milliseconds_of
from streams.client import new_request
from tests.ledger.desk import Desk, Said

#: Of the coupons of `tests.world.offer`, the day before they end, and when that is.
REMINDER = {
    "days_before": 1,
    "at": "11:00",
    "channel": "sms",
    "content": "{code} ends {expires_at}",
}
DUE_AT, ENDS_ON = "2098-12-30T11:00:00+05:30", "2098-12-31"


def remind(
    ends_on: str = ENDS_ON, reminder: str = "1d-11:00-sms", run: int = 0, **more: Any
) -> dict[str, Any]:
    return new_request(
        **{"type_": "remind", "offer_id": "o", "reminder": reminder, "ends_on": ends_on, "run": run,
           "request_id": f"{reminder}:{ends_on}:{run}", **more},
    )  # fmt: skip


def reminded(desk: Desk, request: dict[str, Any] | None = None, at: str = DUE_AT) -> list[Said]:
    """The triggers that came of a request, decided at this moment."""
    desk.now = milliseconds_of(at)
    before = len(desk.reminders)
    [said] = desk.ask(request or remind())
    assert said["outcome"] == "accepted"
    triggers = desk.reminders[before:]
    assert said["replayed"] or said["reminded"] == len(triggers)
    return triggers


def of_customers(triggers: list[Said]) -> list[str]:
    return sorted(trigger["customer_id"] for trigger in triggers)
