"""A simulated worker: the project's `Log`, `Decider` and `take_turn` over the models' clients.

It runs until its next step, a call that others could come before; then the world says who goes on
and what becomes of the call.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple, NoReturn

from confluent_kafka import KafkaException
from greenlet import GreenletExit, greenlet

from schemas.topics import REDEEM
from state.ledger import LedgerError
from streams.batches import Batch
from streams.deciding import Decider
from streams.log import Clients, Log
from streams.metrics import LaneMetrics, Metrics
from streams.settings import Settings
from tests.simulation.counting import Counting
from tests.simulation.kafka_model import ModelConsumer, ModelProducer
from tests.simulation.loop import KAFKA, Ended, Loop
from tests.simulation.restoring import Restore
from tests.simulation.shared import ATTEMPTS, Shared
from tests.simulation.violation import Violation


class Killed(Ended, GreenletExit):
    """The process is gone."""


class StartAgain(Ended):
    """The worker leaves for a fresh one in its place."""


class Step(NamedTuple):
    """What a worker is about to do. ``variants``: how else that may go; ``when``: it can now."""

    name: str
    variants: Sequence[str] | Callable[[], Sequence[str]] = ()
    when: Callable[[], bool] | None = None


class Worker(greenlet):
    """One process. Switching to it lets it take its step; it comes back with the next one."""

    def __init__(self, shared: Shared, name: str, place: str, trace: list[str]) -> None:
        super().__init__()
        self.shared, self.name, self.place, self._trace = shared, name, place, trace
        #: Another process was started for this place. This one ends where it would start again.
        self.is_followed = False
        self.step, self.frozen = Step("start"), False
        self.failure: Violation | None = None
        self._killed = False
        self._begin()

    def _begin(self) -> None:
        self.clock = 0.0
        #: All that this life was answered. It does the same again where that is the same.
        self.history = 0
        self.producer: ModelProducer | None = None
        self.consumer: ModelConsumer | None = None

    def run(self, _: str) -> None:
        while True:
            try:
                self._live()
            except StartAgain:
                if self.is_followed:
                    return
                self._begin()
            except Ended:
                return

    def _live(self) -> None:
        offers: Any = Restore(self.shared, self, self.name).until_open()
        variation = self.shared.variation
        ledger = variation.ledger(self.shared.redis, self)
        log = variation.log(REDEEM, settings(), ledger, metrics(), self._clients())
        decider = Decider(Counting(), ledger, offers, settings(), metrics())
        try:
            Loop(self, self.shared.kafka_first).run_until_complete(self._turns(log, decider))
        except (KafkaException, LedgerError, TimeoutError):  # what `Source` and the agent leave for
            raise StartAgain from None

    async def _turns(self, log: Log, decider: Decider) -> None:
        loop = asyncio.get_running_loop()
        deciding: deque[asyncio.Task[None]] = deque(maxlen=1)

        def on_kafka_thread(call: Callable[..., Any], *arguments: Any) -> Any:
            return loop.run_in_executor(KAFKA, call, *arguments)

        async def agent(batch: Batch) -> None:
            deciding.append(loop.create_task(decider.decide(batch)))

        await on_kafka_thread(log.start)
        while True:
            await self.shared.variation.turn(log, agent, on_kafka_thread)

    def _clients(self) -> Clients:
        def producer(*_: Any, **__: Any) -> Any:
            self.producer = ModelProducer(self.shared.broker, self, self.place, ATTEMPTS)
            return self.producer

        def consumer(*_: Any, **__: Any) -> Any:
            self.consumer = ModelConsumer(self.shared.broker, self, self.place)
            return self.consumer

        return Clients(producer, consumer)

    # Steps ---------------------------------------------------------------------------------------

    def call(
        self, name: str, apply: Callable[[str], Any], variants: Any = (), when: Any = None
    ) -> Any:
        """Wait for this worker's turn, then do it, all at once. What comes of it is noted."""
        if self._killed:
            raise Killed
        self.step = Step(name, variants, when)
        variant = self.parent.switch()
        try:
            answer = apply(variant)
        except (KafkaException, LedgerError) as failure:
            self._note(name, variant, repr(failure))
            raise
        except Violation as violation:
            self._trace.append(f"{self.name}: {name} {variant}")
            self.broken(str(violation))
            raise
        self._note(name, variant, repr(answer))
        return answer

    def _note(self, name: str, variant: str, answer: str) -> None:
        self.history = hash((self.history, name, variant, answer))
        how = f" ({variant})" if variant else ""
        self._trace.append(f"{self.name}: {name}{how} -> {answer}")

    def broken(self, promise: str) -> Violation:
        """Keeps it, lest somebody on the way to the world takes it for an error of his own."""
        self.failure = Violation(promise)
        return self.failure

    def sleep(self, seconds: float) -> None:
        self.call("sleep", lambda _: None)
        self.clock += seconds

    def kill(self) -> None:
        self._killed = True
        if not self.dead:
            self.throw(Killed())

    def can_step(self) -> bool:
        if self.dead or self.frozen:
            return False
        return self.step.when is None or self.step.when()

    def variants(self) -> Sequence[str]:
        return self.step.variants() if callable(self.step.variants) else self.step.variants

    def key(self) -> tuple[Any, ...]:
        """What it is known by: workers of equal keys do alike from here on. Of a dead one only
        what it left with the broker matters."""
        left = (self.member_id(), self.epoch()) if self.dead else None
        return self.history, self.step.name, self.frozen, self.is_followed, left

    def member_id(self) -> int | None:
        return self.consumer.member_id if self.consumer else None

    def epoch(self) -> int | None:
        return self.producer.epoch if self.producer else None


def leave_for_a_fresh_one(_: str) -> NoReturn:
    """In place of `streams.restart.start_again`."""
    raise StartAgain


@cache
def settings() -> Settings:
    return Settings(_env_file=None, worker_id="w")


@cache
def metrics() -> LaneMetrics:
    return Metrics().lane(REDEEM.name)
