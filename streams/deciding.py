"""From a batch of records to what is said about each: read, judge, decide, emit."""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from schemas.reading import Reader, Unreadable
from schemas.topics import Lane
from state.catalogue import Catalogue
from state.layout import Head, Operation
from state.ledger import Answers, Chain, Decided, Ledger, LedgerAway, Stale, Transition
from streams.batches import Batch, Emission, Part, Record, Share, divided
from streams.fault_points import reach
from streams.metrics import LaneMetrics
from streams.outcomes import Outgoing
from streams.settings import Settings
from streams.tracing import span

logger = logging.getLogger("redeemonce")
_PAUSE_S = 0.2
#: Records of one script call at the most, by lane: while Redis answers it, every other till waits.
#: Of offers one: an upload is judged by the offer as the request before it left it.
PIECE_RECORDS = {"redeem": 250, "issue": 250, "revoke": 50, "offers": 1, "reminders": 1}
#: And bytes, unless it is one record.
PIECE_BYTES = 1 << 18
#: What a content that nobody thought of makes a rule raise. Not what the machine does (MemoryError,
#: OSError): that says nothing about the request, and is no reason to refuse it.
_STUMBLES = (
    ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError,
    ValueError,
)  # fmt: skip
#: Pieces that wait for Redis, so that it never waits for the next one.
PIECES_AHEAD = 2


class Work(Protocol):
    """What is particular to one lane: how its requests are judged, and what its outcomes say."""

    lane: Lane
    transition: Transition
    #: Whether it judges by the catalogue, so that a changed offer means judging again.
    judges_by_offers: bool
    reader: Reader

    def judge(self, requests: list[tuple[int, dict[str, Any]]]) -> Sequence[Operation]:
        """The ledger's operations for (offset, request) pairs, in their order."""

    def outcomes(
        self, requests: list[dict[str, Any]], decisions: list[Decided]
    ) -> Iterable[dict[str, Any]]:
        """What to say of each decided request; the source is added later. One at a time: what is
        written at once is still in the processor's cache."""


class _Piece(NamedTuple):
    """So much as Redis decides in one go, so that it writes to its disk once. ``ends``: the share
    of which it is the last."""

    parts: list[Part]
    ends: Share | None


class _Asked(NamedTuple):
    parts: list[Part]
    requests: list[list[Any]]  # of each part
    answer: "asyncio.Future[Answers]"


def _pieces_of(batch: Batch, most: int) -> Iterator[_Piece]:
    for share in batch.shares:
        *others, last = divided(share.parts, most, PIECE_BYTES)
        yield from (_Piece(parts, None) for parts in others)
        yield _Piece(last, share)


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
        self._outgoing, self._now_ms = Outgoing(work.lane, settings), settings.now_ms
        self._logs_decisions = settings.log_decisions
        self._more = getattr(work, "more_emissions", None)
        self._look_up = getattr(work, "look_up", None)

    async def decide(self, batch: Batch) -> None:
        """Settles the shares of a batch, one after the other.

        Redis decides one piece while the next is read and judged and the last one is worded. Where
        an offer changed meanwhile, or Redis was away, it goes on from the first undecided piece.
        """
        try:
            with span(f"decide {self.work.lane.name}", records=len(batch)):
                await self._decide_all(batch)
        except Exception as error:
            batch.fail(error)
            raise

    async def _decide_all(self, batch: Batch) -> None:
        began = time.perf_counter()
        now = self._now_ms()
        pieces = deque(_pieces_of(batch, PIECE_RECORDS[self.work.lane.name]))
        emissions: list[Emission] = []
        told_again = self.ledger.told_again
        while pieces:
            try:
                await self._decide(pieces, emissions, now)
            except Stale:
                await self.ledger.refresh(self.catalogue)
            except LedgerAway as away:
                logger.warning("%s; %d %s requests wait", away, len(batch), self.work.lane.name)
                await asyncio.sleep(_PAUSE_S)
        self.metrics.batch_seconds.observe(time.perf_counter() - began)
        self.metrics.batch_records.observe(len(batch))
        self._note_replays(self.ledger.told_again - told_again)

    def _note_replays(self, count: int) -> None:
        if count:
            self.metrics.replayed.inc(count)
            logger.info("%s: %d requests decided before, told again", self.work.lane.name, count)

    async def _decide(self, pieces: deque[_Piece], emissions: list[Emission], now: int) -> None:
        """Takes every piece that is decided from the left, and adds what to say of it; settles the
        share that it ends."""
        chain = Chain()
        asked: deque[_Asked] = deque()

        async def word_first() -> None:
            parts, requests, answer = asked[0]
            decisions = self.ledger.read(await answer)
            reach(self.work.lane.name, "after_script")
            for told in zip(parts, requests, decisions, strict=True):
                emissions.extend(self._emit(*told, now))
            asked.popleft()
            ended = pieces.popleft().ends
            if ended is not None:
                ended.settled.set_result(emissions.copy())
                emissions.clear()

        try:
            for parts, _ in tuple(pieces):
                read = self.work.reader.read
                requests = [[read(record.value) for record in part.records] for part in parts]
                if self._look_up is not None:
                    readable = [one for some in requests for one in some if type(one) is dict]
                    await self._look_up(readable, self.ledger)
                calls = [
                    (self._head(part, now), self._operations(part, some))
                    for part, some in zip(parts, requests, strict=True)
                ]
                reach(self.work.lane.name, "before_script")
                answer = await self.ledger.decide(chain, self.work.transition, calls)
                asked.append(_Asked(parts, requests, answer))
                if len(asked) > PIECES_AHEAD:
                    await word_first()
            while asked:
                await word_first()
        finally:
            await asyncio.gather(*(one.answer for one in asked), return_exceptions=True)

    def _operations(self, part: Part, requests: list[Any]) -> Sequence[Operation]:
        readable = [
            (record.offset, request)
            for record, request in zip(part.records, requests, strict=True)
            if type(request) is dict
        ]
        try:
            return self.work.judge(readable)
        except _STUMBLES:
            return self._one_by_one(part, requests)

    def _one_by_one(self, part: Part, requests: list[Any]) -> Sequence[Operation]:
        """Where a rule stumbles over a request, that one is refused, in ``requests`` too. Left to
        end the worker, it would end each that reads it again, and stop its partition for good."""
        operations: list[Operation] = []
        for number, (record, request) in enumerate(zip(part.records, requests, strict=True)):
            if type(request) is not dict:
                continue
            try:
                operations += self.work.judge([(record.offset, request)])
            except _STUMBLES as error:
                place = f"{self.work.lane.name} {part.partition}:{record.offset}"
                logger.exception("The request at %s can't be judged; it is refused", place)
                detail = f"request: can't be judged: {type(error).__name__}: {error}"
                requests[number] = Unreadable(detail, request["request_id"], request["type"])
        return operations

    def _head(self, piece: Part, now: int) -> Head:
        return Head(
            self.work.lane.name,
            piece.partition,
            piece.claim,
            piece.committed,
            piece.from_,
            piece.to,
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
        results: Counter[str] = Counter()
        for record, request in zip(part.records, requests, strict=True):
            if isinstance(request, Unreadable):
                emissions += self._outgoing.unreadable(part, record, request, now)
                results["dead_letter"] += 1
                continue
            outcome = next(said)
            if self._more is not None:
                emissions += self._more(outcome)
            results[outcome["reason"] or outcome["outcome"]] += 1
            if self._logs_decisions:
                logger.info("decided", extra=_of_decision(outcome, part, record))
            emissions.append(self._outgoing.outcome(part, record, outcome))
        self.metrics.count(results)
        return emissions


def _of_decision(outcome: dict[str, Any], part: Part, record: Record) -> dict[str, Any]:
    """What a line of the log says beside its message."""
    names = ("type", "request_id", "offer_id", "outcome", "reason", "replayed")
    said = {name: outcome.get(name) for name in names}
    return {**said, "partition": part.partition, "offset": record.offset}
