"""From a batch of records to what is said about each: read, judge, decide, emit."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from schemas.requests import Reader, Unreadable
from schemas.topics import Lane
from state.catalogue import Catalogue
from state.ledger import Decided, Ledger, LedgerAway, Stale, Transition
from streams.batches import Batch, Emission, Part
from streams.metrics import LaneMetrics
from streams.outcomes import Outgoing
from streams.settings import Settings

logger = logging.getLogger("redeemonce")
_PAUSE_S = 0.2


class Work(Protocol):
    """What is particular to one lane: how its requests are judged, and what its outcomes say."""

    lane: Lane
    transition: Transition
    #: Whether it judges by the catalogue, so that a changed offer means judging again.
    judges_by_offers: bool
    reader: Reader

    def judge(self, requests: list[tuple[int, dict[str, Any]]]) -> Sequence[NamedTuple]:
        """The ledger's operations for (offset, request) pairs, in their order."""

    def outcomes(
        self, requests: list[dict[str, Any]], decisions: list[Decided]
    ) -> list[dict[str, Any]]:
        """What to say of each decided request; the source is added later."""


class Decider:
    """Decides the batches of one lane, with a ledger connection of its own."""

    def __init__(
        self,
        work: Work,
        ledger: Ledger,
        catalogue: Catalogue,
        settings: Settings,
        metrics: LaneMetrics,
    ) -> None:
        self.work, self.ledger, self.catalogue, self.metrics = work, ledger, catalogue, metrics
        self._outgoing = Outgoing(work.lane, settings)
        self._more = getattr(work, "more_emissions", None)

    async def emissions(self, batch: Batch) -> list[Emission]:
        """What to produce for a batch. The decisions are in the ledger when this returns.

        Each partition's call is on its way while the next one's requests are read and judged.
        """
        began = time.perf_counter()
        now = time.time_ns() // 1_000_000
        asked = []
        for part in batch.parts:
            requests = [self.work.reader.read(record.value) for record in part.records]
            asked.append((part, requests, self._ask(part, requests, now)))
        emissions: list[Emission] = []
        for part, requests, answer in asked:
            decisions = await self._answered(part, requests, now, answer)
            emissions += self._emit(part, requests, decisions, now)
        self.metrics.batch_seconds.observe(time.perf_counter() - began)
        return emissions

    def _ask(
        self, part: Part, requests: list[Any], now: int
    ) -> "asyncio.Future[list[list[Decided]]]":
        call = (self._head(part, now), self._operations(part, requests))
        return self.ledger.decide(self.work.transition, [call])

    async def _answered(
        self,
        part: Part,
        requests: list[Any],
        now: int,
        answer: "asyncio.Future[list[list[Decided]]]",
    ) -> list[Decided]:
        """Asks until the ledger has answered; judges again where an offer changed meanwhile."""
        while True:
            try:
                return (await answer)[0]
            except Stale:
                await self.ledger.refresh(self.catalogue)
            except LedgerAway as away:
                count, lane = len(part.records), self.work.lane.name
                logger.warning("%s; %d %s requests wait", away, count, lane)
                await asyncio.sleep(_PAUSE_S)
            answer = self._ask(part, requests, now)

    def _operations(self, part: Part, requests: list[Any]) -> Sequence[NamedTuple]:
        return self.work.judge(
            [
                (record.offset, request)
                for record, request in zip(part.records, requests, strict=True)
                if type(request) is dict
            ]
        )

    def _head(self, part: Part, now: int) -> Any:
        return (
            self.work.lane.name,
            part.partition,
            part.claim,
            part.from_,  # nothing is ahead of Kafka's committed offset: one batch at a time
            part.from_,
            part.to,
            now,
            self.ledger.memory_days,
            self.catalogue.stamp if self.work.judges_by_offers else False,
        )

    def _emit(
        self, part: Part, requests: list[Any], decisions: list[Decided], now: int
    ) -> list[Emission]:
        readable = [request for request in requests if type(request) is dict]
        said = iter(self.work.outcomes(readable, decisions))
        emissions: list[Emission] = []
        for record, request in zip(part.records, requests, strict=True):
            if isinstance(request, Unreadable):
                emissions += self._outgoing.unreadable(part, record, request, now)
                self.metrics.count("dead_letter")
                continue
            outcome = next(said)
            if self._more is not None:
                emissions += self._more(outcome)
            self.metrics.count(outcome["reason"] or outcome["outcome"])
            emissions.append(self._outgoing.outcome(part, record, outcome))
        return emissions
