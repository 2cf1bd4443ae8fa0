"""A whole world in one thread: a broker, a Redis, workers, and every choice of what comes next."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

from greenlet import getcurrent

from tests.simulation.broker_model import Broker, Request
from tests.simulation.outcomes import check_all_said
from tests.simulation.redis_model import Redis
from tests.simulation.shared import ATTEMPTS, Shared, Variation
from tests.simulation.violation import Violation
from tests.simulation.worker import Worker, leave_for_a_fresh_one

#: More steps than any world comes to rest in.
_STEPS = 1500
CRASH, FREEZE, LOSE, EDIT, ANSWER = "crash", "freeze", "lose", "edit", "answer"
#: Ways of a call that are as likely as the other.
FREE = frozenset(("late",))
EVERY_FAULT = frozenset((CRASH, FREEZE, LOSE, EDIT, ANSWER))


@dataclass(frozen=True)
class Plan:
    """A world to be, and how far it may go astray.

    ``kafka_first``: of a worker's two threads the one with Kafka's clients is always the faster.
    ``switches``: how often a worker may be left though it could go on, or something that takes its
    time come early. ``faults``: how many, of which ``kinds``: a process killed, one frozen, Redis
    losing writes, an offer edited, an answer that goes wrong (each call has its own ways).
    """

    requests: Mapping[int, Sequence[Request]]
    workers: int = 2
    cap: int = 2
    batch_records: int = 8
    transaction_records: int = 8
    piece_records: int = 1
    part_bytes: int = 1 << 22
    switches: float = inf
    faults: int = 0
    kinds: frozenset[str] = EVERY_FAULT
    kafka_first: bool = True
    variation: Variation = field(default_factory=Variation)


class Option(NamedTuple):
    """Something that can come next, and what it takes of the switches and faults left."""

    act: Callable[..., None]
    arguments: tuple[Any, ...]
    switches: int = 0
    faults: int = 0


class World:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        places = [f"w{number}" for number in range(plan.workers)]
        self.shared = Shared(
            Broker(plan.requests, places), Redis(plan.variation.rules(plan.cap)), plan.variation,
            plan.kafka_first,
        )  # fmt: skip
        self.trace: list[str] = []
        self.switches_left, self.faults_left = plan.switches, plan.faults
        self._workers = {place: self._start(place, place) for place in places}
        self._last: str | None = None
        self._can_lose = LOSE in plan.kinds

    def _start(self, name: str, place: str) -> Worker:
        return Worker(self.shared, name, place, self.trace)

    def run(self, choose: Callable[["World", list[Option]], int]) -> None:
        """Until nothing is left to do. Raises `Violation`; always ends all workers."""
        try:
            for _ in range(_STEPS):
                options = self.options()
                if not options:
                    check_all_said(self.shared, self.plan.cap)
                    return
                self._take(options[choose(self, options)])
            raise Violation("it never comes to rest")
        finally:
            for worker in self._workers.values():
                worker.kill()

    def _take(self, option: Option) -> None:
        self.switches_left -= option.switches
        self.faults_left -= option.faults
        option.act(*option.arguments)

    # What can come next --------------------------------------------------------------------------

    def options(self) -> list[Option]:
        """The first costs nothing: the worker goes on whose turn it is, or there is none."""
        able = [name for name, worker in self._workers.items() if worker.can_step()]
        going_on = self._last in able
        able.sort(key=lambda name: name != self._last)
        found: list[Option] = []
        for number, name in enumerate(able):
            found.append(Option(self._step, (name, ""), int(going_on and number > 0)))
        events = self._events()
        if able:
            events = [event._replace(switches=1) for event in events]
        found += events
        if found:
            found += self._variants(able, going_on)
            found += self._faults() if self.faults_left else ()
        return [
            option
            for option in found
            if option.switches <= self.switches_left and option.faults <= self.faults_left
        ]

    def _step(self, name: str, variant: str) -> None:
        self._last, worker = name, self._workers[name]
        worker.switch(variant)
        if worker.failure is not None:
            raise worker.failure

    def _happens(self, name: str, act: Callable[..., Any], *arguments: Any) -> None:
        self.trace.append(f"-- {name}")
        act(*arguments)

    def _events(self) -> list[Option]:
        """What comes by itself, in the end: restarts, time-outs, markers."""
        found: list[Option] = []
        broker, redis = self.shared.broker, self.shared.redis

        def add(*event: Any) -> None:
            found.append(Option(self._happens, event))

        for place, transaction in broker.transactions.items():
            if transaction.state == "prepared":
                add(f"markers of {place} are written", broker.write_markers, place)
            if transaction.state == "open" and not self._has_at_work(place, transaction.epoch):
                add(f"the transaction of {place} times out", broker.init, place)
        for name, worker in self._workers.items():
            if not (worker.dead or worker.frozen):
                continue
            place = worker.place
            if worker.frozen and not worker.dead:
                add(f"{name} goes on", self._thaw, name)
                if f"{name}'" not in self._workers:
                    add(f"{name}' is started for {name}", self._follow, name)
            elif not worker.is_followed:
                add(f"{name} is started", self._restart, name)
            member = broker.group.members.get(place)
            if member is not None and member.member_id == worker.member_id():
                add(f"the session of {name} ends", broker.group.remove, place)
            if redis.locked_by() == name:
                add(f"the lock of {name} ends", redis.unlock)
        return found

    def _has_at_work(self, place: str, epoch: int) -> bool:
        """A producer of that epoch, neither dead nor frozen, nor left for a fresh start."""
        return any(
            worker.place == place and worker.epoch() == epoch
            for worker in self._workers.values()
            if not (worker.dead or worker.frozen)
        )

    def _variants(self, able: list[str], going_on: bool) -> Iterator[Option]:
        for number, name in enumerate(able):
            for variant in self._workers[name].variants():
                if variant in FREE:
                    yield Option(self._step, (name, variant), int(going_on and number > 0))
                elif self.faults_left and ANSWER in self.plan.kinds:
                    yield Option(self._step, (name, variant), int(going_on and number > 0), 1)

    def _faults(self) -> Iterator[Option]:
        kinds, redis = self.plan.kinds, self.shared.redis

        def fault(*event: Any) -> Option:
            return Option(self._happens, event, 0, 1)

        if self._last is not None and not self._workers[self._last].dead:
            if CRASH in kinds:
                yield fault(f"{self._last} is killed", self._kill, self._last)
            if FREEZE in kinds and not self._workers[self._last].frozen:
                yield fault(f"{self._last} is frozen", self._freeze, self._last)
        if LOSE in kinds:
            for writes in redis.can_lose():
                yield fault(
                    f"Redis loses {'all' if writes is None else writes}", redis.lose, writes
                )
        if EDIT in kinds:
            yield fault("an offer is edited", redis.edit)

    def _kill(self, name: str) -> None:
        self._workers[name].kill()

    def _restart(self, name: str) -> None:
        self._workers[name] = self._start(name, self._workers[name].place)

    def _follow(self, name: str) -> None:
        """Somebody starts another process for the place of one that seems to be gone."""
        self._workers[name].is_followed = True
        self._workers[f"{name}'"] = self._start(f"{name}'", self._workers[name].place)

    def _freeze(self, name: str) -> None:
        self._workers[name].frozen = True

    def _thaw(self, name: str) -> None:
        self._workers[name].frozen = False

    def key(self) -> int:
        """Worlds of equal keys go the same ways from here on."""
        return hash(
            (
                self.shared.broker.key(),
                self.shared.redis.key(self._can_lose and self.faults_left > 0),
                tuple(worker.key() for worker in self._workers.values()),
                self._last,
            )
        )


@contextmanager
def simulated(plan: Plan) -> Iterator[None]:
    """The project's step code with the worlds' time, small batches, and a start again that ends
    only the worker's life.

    `patch`, because it replaces the pauses and sizes of the code under test, which nobody hands to
    it; and a name that is gone from there raises.
    """
    clock = SimpleNamespace(
        monotonic=lambda: getcurrent().clock,
        perf_counter=lambda: 0.0,
        time_ns=lambda: 0,
        sleep=lambda seconds: getcurrent().sleep(seconds),
    )
    with (
        patch("streams.log.time", clock),
        patch("streams.source.time", clock),
        patch("streams.deciding.time", clock),
        patch("streams.log.start_again", leave_for_a_fresh_one),
        patch("streams.log._ATTEMPTS", ATTEMPTS),
        patch("streams.log.PART_BYTES", plan.part_bytes),
        patch("streams.source.TRANSACTION_RECORDS", plan.transaction_records),
        patch.dict("streams.log.BATCH_RECORDS", redeem=plan.batch_records),
        patch.dict("streams.deciding.PIECE_RECORDS", redeem=plan.piece_records),
        patch("streams.log.logger.disabled", True),
        patch("streams.deciding.logger.disabled", True),
    ):
        yield
