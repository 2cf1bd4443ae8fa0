"""The worker: a Faust app with one agent for each lane, fed by sources of their own."""

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import faust
from faust.app.base import BootStrategy as FaustBootStrategy
from mode import Service

from schemas.topics import LANES, REMIND, Lane
from state.catalogue import Catalogue
from state.codes import Codes
from state.ledger import Ledger
from streams.batches import Batch
from streams.committed import Grounds
from streams.deciding import Decider
from streams.issue import Issuing
from streams.log import Log
from streams.metrics import Metrics
from streams.offers import Offering
from streams.org import OrgReader
from streams.planner import Planner
from streams.recovery import prepare
from streams.redeem import Redeeming
from streams.remind import Reminding
from streams.restart import start_again, start_again_after
from streams.revoke import Revoking
from streams.settings import Settings
from streams.source import Source
from streams.web import Pages
from streams.work import Work

logger = logging.getLogger("redeemonce")
_WORK: dict[str, type[Any]] = {
    "offers": Offering, "issue": Issuing, "redeem": Redeeming, "revoke": Revoking,
    "reminders": Reminding,
}  # fmt: skip
#: Seconds that a stop waits for the batch in flight; what is left is settled at the next start.
_DRAIN_S = 8.0


class _App(faust.App):
    class BootStrategy(FaustBootStrategy):
        enable_kafka = False  # the sources have clients of their own


class RedemptionWorker:
    """Everything one worker runs, wired once. ``lanes``: which agents it runs."""

    def __init__(self, settings: Settings, lanes: Sequence[Lane] = LANES) -> None:
        self.settings, self.lanes = settings, lanes
        self.metrics = Metrics()
        self.catalogue = Catalogue(Codes(settings.secret()), settings.calendar, settings.decimals)
        self.waiting_for: str | None = "starting"
        self.sources: list[Source] = []
        self.app = _App(
            f"{settings.topic_prefix}redeemonce",
            broker=f"kafka://{settings.kafka_bootstrap_servers}",
            store="memory://",
            datadir=str(Path(gettempdir()) / f"redeemonce-{settings.place}"),
            worker_redirect_stdouts=False,
        )
        self._channels = {lane.name: self._agent(lane) for lane in lanes}
        self.app.web_server(Pages(settings, self._ledger(), self.metrics, lambda: self.waiting_for))
        self.app.service(_starter(self))

    def _ledger(self) -> Ledger:
        settings = self.settings
        return Ledger(settings.redis_url, settings.topic_prefix, settings.request_memory_days)

    def _agent(self, lane: Lane) -> Any:
        """An agent reads: a batch comes in, what to say about its shares goes back."""
        channel = self.app.channel(maxsize=1)
        ledger = self._ledger()
        work: Work = _WORK[lane.name](self.settings, self.catalogue)
        metrics = self.metrics.lane(lane.name)
        decider = Decider(work, ledger, self.catalogue, self.settings, metrics)

        @self.app.agent(channel, name=lane.name)
        async def agent(batches: AsyncIterator[Batch]) -> None:
            async for batch in batches:
                try:
                    await decider.decide(batch)
                except Exception as error:
                    await start_again_after(lane.name, error)

        grounds = None
        if lane is REMIND:
            others = [other for other in LANES if other is not REMIND]
            grounds = Grounds(self.settings, ledger, others)
        log = Log(lane, self.settings, ledger, metrics, grounds=grounds)
        self.sources.append(Source(lane, log, channel))
        return channel

    async def start(self, service: Service) -> None:
        """Wait until the ledger is whole, learn the offers, then let the sources poll."""
        ledger = self._ledger()
        self.waiting_for = "waiting for Kafka, Redis and a whole ledger"
        loop = asyncio.get_running_loop()
        restored = await loop.run_in_executor(None, prepare, self.settings, ledger, self.lanes)
        if restored is not None:
            self.metrics.restored(restored.outcomes, restored.seconds)
        await ledger.refresh(self.catalogue)
        self.metrics.offers.set_function(lambda: len(self.catalogue))
        self.app.flow_control.resume()  # nothing else does without Faust's own consumer
        org = OrgReader(self.settings, ledger, self.catalogue.tills)
        await service.add_runtime_dependency(org)
        await org.caught_up.wait()  # a till not known yet would be turned away
        for source in self.sources:
            await service.add_runtime_dependency(source)
            if source.lane is REMIND:
                planner = Planner(self.settings, self._ledger(), self.catalogue, source)
                await service.add_runtime_dependency(planner)
        await asyncio.gather(*(source.joined.wait() for source in self.sources))
        self.waiting_for = None
        _share_the_interpreter()
        collect_seldom()
        logger.info(
            "Ready: %s; pages at http://localhost:%d/",
            ", ".join(lane.name for lane in self.lanes),
            self.settings.web_port,
        )

    async def drain(self) -> None:
        self.waiting_for = "stopping"
        try:
            async with asyncio.timeout(_DRAIN_S):
                started = [source for source in self.sources if source.started]
                await asyncio.gather(*(source.drain() for source in started))
        except TimeoutError:
            logger.warning("The batch in flight is left to the next start of this worker")


def _share_the_interpreter() -> None:
    """The threads that wait for Kafka get their turn sooner: what they would wait, by default 5 ms,
    it stands idle."""
    sys.setswitchinterval(0.0005)


def collect_seldom() -> None:
    """Batches are thousands of small lists and no cycles: looking for some took a fifth of the
    time. What is there now stays; the rest is looked through less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


def _starter(worker: RedemptionWorker) -> type[Service]:
    class Starter(Service):
        @Service.task
        async def _start(self) -> None:
            try:
                await worker.start(self)
            except Exception as error:
                start_again(f"{type(error).__name__}: {error}")

    return Starter


class Process(faust.Worker):
    """The process around the app: a signal first drains the sources, then stops Faust."""

    def __init__(self, worker: RedemptionWorker) -> None:
        super().__init__(worker.app, override_logging=False, redirect_stdouts=False, quiet=True)
        self.spinner = None  # it writes to the terminal among the lines of the log
        self._redemption_worker = worker

    async def _stop_on_signal(self, signal: Any) -> None:
        logger.info("Stopping: finishing what is in flight")
        await self._redemption_worker.drain()
        await super()._stop_on_signal(signal)
