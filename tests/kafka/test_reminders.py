"""Reminders through the topics: at their moment, once, whatever becomes of the workers."""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from schemas.times import to_second, written_day
from schemas.topics import REMIND, REMINDERS
from streams.audit import audit
from streams.cli.common import ledger_of
from streams.client import Till, new_request
from tests.servers import Servers
from tests.world import Found, World, create, issue, organisation, read_all, redeem, wait_for

#: Of the worker's clock, for what is asked before the reminders are due.
_MINUTES = 3
DAYS_BEFORE = 3


@pytest.fixture
def world(running_servers: Servers, request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(organisation(running_servers, request.node.name))
    try:
        made.start()
        yield made
    finally:
        made.close()


class Due:
    """A moment some minutes from now; coupons that are reminded of then."""

    def __init__(self, world: World) -> None:
        self.world, self.calendar = world, world.settings.calendar
        now = world.settings.now_ms() // 1_000
        self.second = now - now % 60 + _MINUTES * 60
        self.moment = self.calendar.moment(self.second)
        self.ends_on = self.calendar.day(self.second) + DAYS_BEFORE
        self.reminder = {
            "days_before": DAYS_BEFORE, "at": self.moment[11:16], "channel": "sms",
            "content": "{code} for {customer_id}",
        }  # fmt: skip

    def offer(self, offer_id: str = "o", **more: Any) -> dict[str, Any]:
        ends = f"{written_day(self.ends_on)}T23:59:59+05:30"
        expiry = {"type": "fixed_date", "at": ends}
        return create(offer_id, expiry=expiry, reminders=[self.reminder], **more)

    def issue(self, *customers: str, offer_id: str = "o") -> list[dict[str, Any]]:
        at = self.calendar.moment(self.second - 120)
        return self.world.ask(*(issue(one, offer_id, occurred_at=at) for one in customers))

    def start_worker(self, seconds: int, armed: str = "") -> None:
        self.set_clock(seconds)
        self.world.start(armed=armed, ready=not armed)

    def set_clock(self, seconds: int) -> None:
        """Of workers from here on: so many seconds after the moment, or before it."""
        offset = self.second + seconds - int(time.time())
        self.world.settings = self.world.settings.model_copy(
            update={"clock_offset_seconds": offset}
        )

    def seconds_later(self) -> float:
        """By the workers' clock, how long after the moment it is."""
        return self.world.settings.now_ms() / 1_000 - self.second

    def wait_until_all_is_decided(self) -> None:
        """What is due by now was asked for, and answered with whatever triggers that gives."""
        settings, now = self.world.settings, self.world.settings.now_ms() // 1_000
        ledger = ledger_of(settings)
        wait_for("all is asked for", lambda: (ledger.planned()[1] or 0) >= now)
        asked = sum(1 for _ in read_all(settings, REMIND.requests))
        wait_for("all is answered", lambda: len(self.world.outcomes(REMIND)) >= asked)


def triggers(world: World) -> list[Found]:
    return [
        Found(
            one.topic(), one.partition(), one.offset(), one.key(), one.value(),
            {"at": str(one.timestamp()[1])},
        )
        for one in read_all(world.settings, REMINDERS)
    ]  # fmt: skip


def customers(found: list[Found]) -> Counter[str]:
    return Counter(record.content["customer_id"] for record in found)


def test_each_active_coupon_at_its_moment(world: World) -> None:
    # given
    due = Due(world)
    assert world.reasons(due.offer()) == ["accepted"]
    issued = {
        said["customer_id"]: said for said in due.issue("used", "revoked", "c-1", "c-2")
    }  # fmt: skip
    bought = redeem(
        issued["used"]["code"], "used", occurred_at=due.calendar.moment(due.second - 60)
    )
    ended = new_request(
        "revoke", offer_id="o", scope="customers", customer_ids=["revoked"],
        occurred_at=due.calendar.moment(due.second - 60),
    )  # fmt: skip
    assert world.reasons(bought, ended) == ["accepted", "accepted"]
    world.stop()

    # when
    due.start_worker(-30)
    ready = due.seconds_later()
    wait_for("reminders", lambda: len(triggers(world)) == 2, wait_s=90)

    # expect
    found = triggers(world)
    assert customers(found) == {"c-1": 1, "c-2": 1}
    [told] = [one.content for one in found if one.content["customer_id"] == "c-1"]
    assert told["due_at"] == due.moment
    for name in ("coupon_id", "code", "expires_at"):
        assert told[name] == issued["c-1"][name]
    assert [one.key for one in found if one.content["customer_id"] == "c-1"] == [b"c-1"]
    offset = world.settings.clock_offset_seconds
    sent = [int(one.headers["at"]) / 1_000 + offset - due.second for one in found]
    assert all(0 <= late < max(ready, 0) + 10 for late in sent), (ready, sent)


def test_missed_moments_are_caught_up_once_though_workers_die(world: World) -> None:
    # given
    due = Due(world)
    world.reasons(due.offer(), due.offer("x"))
    due.issue(*(f"c-{n}" for n in range(20)))
    due.issue("c-1", offer_id="x")
    world.stop()

    # when
    due.start_worker(3_600, armed="reminders:after_offsets:1:kill")
    world.workers["w0"].wait(60)
    due.start_worker(3_660)
    wait_for("reminders", lambda: len(triggers(world)) >= 21)
    world.stop()
    due.start_worker(7_200)
    due.wait_until_all_is_decided()

    # expect
    names = Counter(one.content["reminder_id"] for one in triggers(world))
    assert len(names) == names.total() == 21
    verdict = audit(world.settings)
    assert verdict.ok, verdict.differences


def test_what_was_missed_for_longer_than_the_grace_is_not_sent(world: World) -> None:
    # given
    due = Due(world)
    late = Due(world)
    late.ends_on += 1
    world.reasons(due.offer(), late.offer("later"))
    due.issue("c-1")
    due.issue("c-2", offer_id="later")
    world.stop()

    # when a day and a minute have passed: the other one's moment came a minute ago
    due.start_worker(24 * 3_600 + 60)
    due.wait_until_all_is_decided()

    # expect
    assert customers(triggers(world)) == {"c-2": 1}
    moment = to_second(triggers(world)[0].content["due_at"])
    assert moment == due.second + 24 * 3_600


def test_redis_lost_before_the_moment_loses_no_reminder_though_nothing_else_is_asked(
    world: World,
) -> None:
    # given
    due = Due(world)
    world.reasons(due.offer())
    due.issue("c-1", "c-2")
    world.stop()
    due.start_worker(-20)
    assert triggers(world) == []

    # when
    ledger_of(world.settings).wipe(everything=True)
    assert due.seconds_later() < 0, "the start took too long: the moment has come before"
    wait_for("reminders", lambda: len(triggers(world)) >= 2, wait_s=90)

    # expect
    assert customers(triggers(world)) == {"c-1": 1, "c-2": 1}
    verdict = audit(world.settings)
    assert verdict.ok, verdict.differences


def test_a_reminder_waits_until_what_it_rests_on_is_committed(world: World) -> None:
    # given a coupon that Redis knows and Kafka doesn't: its worker stands still in between
    due = Due(world)
    world.reasons(due.offer())
    world.stop()
    agents = ("--agents", "offers,issue,redeem,revoke")
    world.start("w0", 0, True, *agents, armed="issue:after_offsets:1:stop")
    till = Till(world.settings)
    till.send(issue("c-1", occurred_at=due.calendar.moment(due.second - 120)))
    till.flush()
    wait_for("the worker stands still", lambda: "Fault point issue after_offsets" in world.log())

    # when its reminder is due
    due.set_clock(60)
    world.start("w1", 1, True, "--agents", "reminders")
    held_back = "reminders: others haven't committed what this rests on"
    wait_for("the reminder is decided, and held back", lambda: held_back in world.log("w1"))
    early = triggers(world)
    world.workers["w0"].send_signal(signal.SIGCONT)

    # expect
    assert early == []
    wait_for("reminders", lambda: triggers(world))
    assert customers(triggers(world)) == {"c-1": 1}
    verdict = audit(world.settings)
    assert verdict.ok, verdict.differences


def test_redis_lost_reminds_nobody_twice(world: World) -> None:
    # given
    due = Due(world)
    world.reasons(due.offer())
    due.issue("c-1", "c-2")
    world.stop()
    due.start_worker(60)
    wait_for("reminders", lambda: len(triggers(world)) == 2)

    # when
    rebuilt = world.run("rebuild", "--json")
    assert rebuilt.returncode == 0, rebuilt.stderr
    wait_for("the worker", lambda: world.health()[0] == 200)
    assert world.reasons(redeem("NO-SUCH-CODE", None)) == ["code_not_found"]
    world.stop()
    due.start_worker(600)
    due.wait_until_all_is_decided()

    # expect
    assert customers(triggers(world)) == {"c-1": 1, "c-2": 1}
    assert audit(world.settings).ok
