"""From a batch of records to what is said about each: read, judge, decide, emit."""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import orjson

from schemas.reading import Unreadable
from state.catalogue import Catalogue
from state.layout import Head, Operation
from state.ledger import Answers, Chain, Decided, Ledger, LedgerAway, Stale
from streams.batches import Batch, Emission, Part, Record, Share, divided
from streams.fault_points import reach
from streams.metrics import LaneMetrics
from streams.outcomes import Outgoing
from streams.settings import Settings
from streams.tracing import span
from streams.work import Work

logger = logging.getLogger("redeemonce")
_PAUSE_S = 0.2
#: Records of one script call at the most, by lane: while Redis answers it, every other till waits.
#: Of offers one: an upload is judged by the offer as the request before it left it.
PIECE_RECORDS = {"redeem": 500, "issue": 250, "revoke": 50, "offers": 1, "reminders": 1}
#: And bytes, unless it is one record.
PIECE_BYTES = 1 << 18
#: What a content that nobody thought of makes a rule raise. Not what the machine does (MemoryError,
#: OSError): that says nothing about the request, and is no reason to refuse it.
_STUMBLES = (
    ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError,
    ValueError,
)  # fmt: skip
#: Pieces that wait for Redis, so that it hardly ever waits for the next one: on cores that others
#: use too neither it nor this program runs evenly.
PIECES_AHEAD = 5


class _Piece(NamedTuple):
    """So much as Redis decides in one go, so that it writes to its disk once. ``ends``: the share
    of which it is the last."""

    parts: list[Part]
    ends: Share | None


class _Judged(NamedTuple):
    """A part's requests: what they ask of the ledger, and what is kept of each; and which of its
    records, by their offset, are none."""

    operations: list[Operation]
    kept: list[Any]
    unreadable: dict[int, Unreadable]


class _Asked(NamedTuple):
    parts: list[Part]
    judged: list[_Judged]  # of each part
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
        links = Chain()
        asked: deque[_Asked] = deque()

        async def word_first() -> None:
            parts, judged, answer = asked[0]
            decisions = self.ledger.read(await answer)
            reach(self.work.lane.name, "after_script")
            for told in zip(parts, judged, decisions, strict=True):
                emissions.extend(self._emit(*told, now))
            asked.popleft()
            ended = pieces.popleft().ends
            if ended is not None:
                ended.settled.set_result(emissions.copy())
                emissions.clear()

        try:
            for parts, _ in tuple(pieces):
                requests = await self._read(parts)
                judged = [self._judged(*each) for each in zip(parts, requests, strict=True)]
                self._complete(judged)
                heads = [self._head(part, now) for part in parts]
                calls = list(zip(heads, (some.operations for some in judged), strict=True))
                reach(self.work.lane.name, "before_script")
                answer = await self.ledger.decide(links, self.work.transition, calls)
                asked.append(_Asked(parts, judged, answer))
                if len(asked) > PIECES_AHEAD:
                    await word_first()
            while asked:
                await word_first()
        finally:
            await asyncio.gather(*(one.answer for one in asked), return_exceptions=True)

    async def _read(self, parts: list[Part]) -> list[Iterable[Any]]:
        """Of each part its requests. Where none has to be looked up, one at a time as they are
        judged: what is judged at once is still in the processor's cache."""
        read = self.work.reader.read
        requests: list[Iterable[Any]] = [
            map(read, (record.value for record in part.records)) for part in parts
        ]
        if not self.work.looks_up:
            return requests
        known = [list(some) for some in requests]
        readable = [one for some in known for one in some if type(one) is dict]
        await self.work.look_up(readable, self.ledger)
        return [*known]

    def _judged(self, part: Part, requests: Iterable[Any]) -> _Judged:
        judged, judge = _Judged([], [], {}), self.work.judge
        for record, request in zip(part.records, requests, strict=True):
            if type(request) is dict:
                try:
                    operation, kept = judge(record.offset, request)
                except _STUMBLES as error:
                    request = self._refused(part, record, request, error)
                else:
                    judged.operations.append(operation)
                    judged.kept.append(kept)
                    continue
            judged.unreadable[record.offset] = request
        return judged

    def _refused(
        self, part: Part, record: Record, request: dict[str, Any], error: Exception
    ) -> Unreadable:
        """What a rule stumbles over, alone. Left to end the worker, it would end each that reads it
        again, and stop its partition for good."""
        place = f"{self.work.lane.name} {part.partition}:{record.offset}"
        logger.error("The request at %s can't be judged; it is refused", place, exc_info=error)
        detail = f"request: can't be judged: {type(error).__name__}: {error}"
        return Unreadable(detail, request["request_id"], request["type"])

    def _complete(self, judged: list[_Judged]) -> None:
        """Those of all partitions at once."""
        operations = chain.from_iterable(some.operations for some in judged)
        self.work.complete([*operations], [*chain.from_iterable(some.kept for some in judged)])

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
        self, part: Part, judged: _Judged, decisions: list[Decided], now: int
    ) -> Iterator[Emission]:
        worded = self.work.worded(judged.kept, decisions)
        for record in part.records:
            if judged.unreadable and record.offset in judged.unreadable:
                wrong = judged.unreadable[record.offset]
                yield from self._outgoing.unreadable(part, record, wrong, now)
                continue
            body, more = next(worded)
            yield from more
            if self._logs_decisions:
                logger.info("decided", extra=_of_decision(body, part, record))
            yield self._outgoing.outcome(part, record, body)
        results = Counter(str(one.content[0] or "accepted") for one in decisions)
        if judged.unreadable:
            results["dead_letter"] = len(judged.unreadable)
        self.metrics.count(results)


def _of_decision(body: str, part: Part, record: Record) -> dict[str, Any]:
    """What a line of the log says beside its message."""
    outcome = orjson.loads(body + "}")
    names = ("type", "request_id", "offer_id", "outcome", "reason", "replayed")
    said = {name: outcome.get(name) for name in names}
    return {**said, "partition": part.partition, "offset": record.offset}
