"""Asks for what reminders are due. The lane that reminds takes the same request once."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from mode import Service

from schemas.reminders import ReminderName
from schemas.times import Calendar, written_day
from state.catalogue import Catalogue, CompiledOffer
from state.ledger import Closed, Ledger, LedgerAway
from streams.broker import BrokerError
from streams.client import Till
from streams.restart import start_again
from streams.settings import Settings

logger = logging.getLogger("redeemonce")
_LOOK_S = 0.2
#: After which a ledger that is closed has to be restored, and nobody who decides has seen it.
_CLOSED_LOOKS = 5
#: Whose worker has it plans: one of them is enough, and several do no harm.
_PLANNERS_PARTITION = 0


class Due(NamedTuple):
    """A reminder of an offer at its moment. ``ends_on``: the day on which that ends of which it
    speaks."""

    offer: CompiledOffer
    kind: str
    reminder: ReminderName
    ends_on: int


class Schedule:
    """When the reminders of some offers are due: each every day, for what ends some days later."""

    def __init__(self, offers: Iterable[CompiledOffer], calendar: Calendar) -> None:
        self._calendar = calendar
        self._by_time: defaultdict[str, list[tuple[CompiledOffer, str, ReminderName]]]
        self._by_time = defaultdict(list)
        for offer in offers:
            kinds = (("remind", list(offer.reminders)), ("remind_pocs", list(offer.poc_reminders)))
            for kind, names in kinds:
                for name in map(ReminderName.read, names):
                    self._by_time[name.at].append((offer, kind, name))

    def due(self, after: int, until: int) -> Iterator[Due]:
        """What falls between these seconds, the first excluded."""
        for day in range(self._calendar.day(after), self._calendar.day(until) + 1):
            for at, reminders in sorted(self._by_time.items()):
                if after < self._calendar.at(day, at) <= until:
                    for offer, kind, name in reminders:
                        yield Due(offer, kind, name, day + name.days_before)


class Partitions(Protocol):
    """Which partitions of the requests to remind are this worker's."""

    def has(self, partition: int) -> bool: ...


class Planner(Service):
    """Every moment once: what was asked for is noted in Redis after it is in Kafka. Where that is
    lost, the grace is asked for again, and what was decided is known by its request id."""

    def __init__(
        self, settings: Settings, ledger: Ledger, catalogue: Catalogue, partitions: Partitions,
        **more: Any,
    ) -> None:  # fmt: skip
        super().__init__(**more)
        self._settings, self._ledger, self._catalogue = settings, ledger, catalogue
        self._partitions, self._calendar = partitions, settings.calendar
        self._grace_s = settings.reminder_grace_hours * 3600
        self._schedule, self._stamp = Schedule((), self._calendar), -1

    @Service.task
    async def _run(self) -> None:
        closed = 0
        while not self.should_stop:
            try:
                if self._partitions.has(_PLANNERS_PARTITION):
                    await self._plan(self._settings.now_ms() // 1_000)
                closed = 0
            except (LedgerAway, BrokerError) as away:
                logger.warning("%s; reminders wait", away)
            except Closed as error:  # who decides finds out at once, and says why: it comes first
                closed += 1
                if closed == _CLOSED_LOOKS:
                    start_again(f"planning reminders: Closed: {error}")
            except Exception as error:
                start_again(f"planning reminders: {type(error).__name__}: {error}")
            await self.sleep(_LOOK_S)

    async def _plan(self, now: int) -> None:
        """All of it in one opening of the ledger: in another one coupons may be missing."""
        epoch, noted = await self._ledger.in_thread(self._ledger.planned)
        after = max(noted or 0, now - self._grace_s)
        if now <= after:
            return
        await self._ledger.refresh(self._catalogue)
        if self._catalogue.stamp != self._stamp:
            self._stamp = self._catalogue.stamp
            self._schedule = Schedule(self._catalogue, self._calendar)
        due = list(self._schedule.due(after, now))
        if due:
            await asyncio.to_thread(self._ask, due, now)
        await self._ledger.in_thread(self._ledger.plan_until, now, epoch)

    def _ask(self, due: list[Due], now: int) -> None:
        till = Till(self._settings)
        moment = self._calendar.moment(now)
        for one in due:
            for run in self._runs(one):
                till.send(request_of(one, run, moment), 0)
        till.flush()

    def _runs(self, due: Due) -> Iterable[int]:
        """Where coupons may end on that day. Those without an end of their own, and those that
        would live longer, end with the offer or its campaign."""
        offer, calendar = due.offer, self._calendar
        if due.kind == "remind_pocs":
            ends = offer.ends is not None and calendar.day(offer.ends) == due.ends_on
            return (0,) if ends else ()
        ends_of_all = {calendar.day(one) for one in (offer.ends, offer.campaign_ends) if one}
        if due.ends_on in ends_of_all:
            return self._ledger.coupon_runs(offer.offer_id)
        if ends_of_all and due.ends_on > min(ends_of_all):
            return ()
        return self._ledger.runs_ending(
            offer.offer_id, offer.number, calendar.last_second(due.ends_on)
        )


def request_of(due: Due, run: int, moment: str) -> dict[str, Any]:
    """The same for the same, whoever asks."""
    ends_on = written_day(due.ends_on)
    about = "pocs" if due.kind == "remind_pocs" else str(run)
    return {
        "type": due.kind,
        "request_id": f"{due.reminder}:{ends_on}:{about}",
        "offer_id": due.offer.offer_id,
        "reminder": str(due.reminder),
        "ends_on": ends_on,
        "run": run,
        "occurred_at": moment,
    }
