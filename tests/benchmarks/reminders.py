"""Millions of reminders due in one minute, and how long tills wait meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import orjson

from schemas.topics import ISSUE, REMIND, REMINDERS
from state.ledger import Ledger
from streams.broker import read_all
from streams.client import new_request
from tests.benchmarks import load
from tests.benchmarks.coupons import issue_coupons
from tests.benchmarks.engines.engine import Course, Program
from tests.benchmarks.engines.ours import Ours
from tests.benchmarks.ground import BenchmarkError, Ground
from tests.benchmarks.measuring.drain import drain
from tests.benchmarks.measuring.latency import PROBES, Pace, latency
from tests.benchmarks.report.book import Book
from tests.benchmarks.report.kinds import RATE, WHOLE
from tests.benchmarks.report.values import of_latency
from tests.world import World, wait_for

ALONE, BESIDE = "tills alone", "beside the reminders"
#: Until the last of them is sent.
_SENT_S, _LOOK_S = 900.0, 0.5


class AtWork(Ours):
    """The worker that runs already, and goes on."""

    @contextmanager
    def course(self, ground: Ground, _: str) -> Iterator[Course]:
        settings = self.world.settings
        requests, results = settings.topic(self.lane.requests), settings.topic(self.lane.outcomes)
        yield Course(ground, settings, requests, results, settings.group(self.lane))

    @contextmanager
    def running(self, course: Course) -> Iterator[Program]:
        process = self.world.workers["w0"]
        yield Program(
            {"program": [process.pid], **course.ground.servers},
            lambda: process.poll() is None,
            lambda: self.world.log(),
        )


def measure_reminders(ground: Ground, book: Book, count: int, pace: Pace, runs: int) -> None:
    chapter = book.begin("reminders", f"{count:,}", ground)
    for run in range(runs):
        with ground.organisation(f"reminders-{run}") as world:
            coupons, _ = issue_coupons(
                ground, world, load.some_customers(2 * (PROBES + pace.count), run)
            )
            bodies = list(load.redeems(coupons))
            _issue_reminded(ground, world, count)
            engine, half = AtWork(world), len(bodies) // 2
            world.start()
            [found] = latency(ground, engine, "", bodies[:half], [pace])
            chapter.add(run, ALONE, of_latency(found))
            _forget_what_was_asked_for(world)
            world.start()
            [found] = latency(ground, engine, "", _renumbered(bodies[half:]), [pace])
            rate, seconds = _sent(world, count)
            chapter.add(run, BESIDE, {RATE: rate, WHOLE: seconds, **of_latency(found)})
            world.stop()
            chapter.save()


def _issue_reminded(ground: Ground, world: World, count: int) -> None:
    """Coupons of an offer with a reminder that was due some minutes ago, when it had none."""
    now = datetime.now(ZoneInfo(world.settings.time_zone))
    offer = load.offer(0) | {"offer_id": load.offer_id(1)}
    ends_on = datetime.fromisoformat(offer["expiry"]["at"]).date()
    due = now - timedelta(minutes=3)
    offer["reminders"] = [
        {"days_before": (ends_on - due.date()).days, "at": f"{due:%H:%M}", "channel": "sms",
         "content": "Your code {code} ends {expires_at}"}
    ]  # fmt: skip
    world.start()
    asked = new_request("create", offer_id=offer["offer_id"], actor="bench", offer=offer)
    if world.reasons(asked) != ["accepted"]:
        raise BenchmarkError("the offer was refused")
    requests = (
        (customer_id.encode(), load.issue(number, customer_id, offer["offer_id"]))
        for number, customer_id in enumerate(load.other_customers(count))
    )
    drain(ground, Ours(world, ISSUE), "issue", requests).results.insist()


def _forget_what_was_asked_for(world: World) -> None:
    """So that the next worker asks for the reminders of the last day."""
    world.stop()
    ledger = Ledger(world.settings.redis_url, world.settings.topic_prefix)
    ledger.client.delete(f"{ledger.base}planned")


def _renumbered(bodies: list[load.Body]) -> list[load.Body]:
    """Request ids from 0 on, of another run than those before."""
    found = []
    for number, (key, value) in enumerate(bodies):
        request = orjson.loads(value) | {"request_id": f"r1-{number}"}
        found.append((key, orjson.dumps(request)))
    return found


def _sent(world: World, count: int) -> tuple[float, float]:
    """Reminders a second and how long all of them took, by the broker's stamps. Raises
    `BenchmarkError` where there isn't one for each coupon."""
    said = partial(read_all, world.settings, REMIND.outcomes)

    def reminded() -> int:
        return sum(int(orjson.loads(message.value())["reminded"]) for message in said())

    wait_for("all reminders", lambda: reminded() >= count, _SENT_S, _LOOK_S)
    stamps = [message.timestamp()[1] for message in said()]
    found = sum(1 for _ in read_all(world.settings, REMINDERS))
    if found != count:
        raise BenchmarkError(f"{found:,} reminders of {count:,} coupons")
    seconds = (max(stamps) - min(stamps)) / 1_000
    return count / max(seconds, 0.001), seconds
