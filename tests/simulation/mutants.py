"""Wrong orders of steps, each the project's own with one thing changed."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from confluent_kafka import KafkaException, Message, TopicPartition

from state.layout import Head
from streams import log as project
from streams import source
from streams.batches import Batch, Emission, Part, Share, divided, fitting
from streams.log import BATCH_S, CALL_S, Log
from streams.source import Agent, OnKafkaThread, take_turn
from tests.simulation.redis_model import Answer, Content, ModelLedger, Rules
from tests.simulation.shared import Variation


class _Committing(Log, ABC):
    """A log whose commit is another."""

    def commit(self, parts: list[Part], emissions: list[Emission], deadline: float) -> bool:
        del deadline
        try:
            self._producer.begin_transaction()
            return self._settled(parts, emissions)
        except KafkaException as failure:
            self._abort(failure.args[0])
            return False

    @abstractmethod
    def _settled(self, parts: list[Part], emissions: list[Emission]) -> bool:
        """What comes after the transaction's begin."""

    def _committed(self) -> None:
        self._persistently(lambda: self._producer.commit_transaction(CALL_S), BATCH_S)

    def _move_on(self, parts: list[Part]) -> bool:
        for part in parts:
            self._positions[part.partition] = part.to
        return True


class OffsetsAfterOutcomes(_Committing):
    def _settled(self, parts: list[Part], emissions: list[Emission]) -> bool:
        self._produce(emissions)
        self._committed()
        self._producer.begin_transaction()
        self._send_offsets(parts)
        self._committed()
        return self._move_on(parts)


class OffsetsBeforeOutcomes(_Committing):
    def _settled(self, parts: list[Part], emissions: list[Emission]) -> bool:
        self._send_offsets(parts)
        self._committed()
        self._producer.begin_transaction()
        self._produce(emissions)
        self._committed()
        return self._move_on(parts)


async def commit_then_decide(log: Log, agent: Agent, on_kafka_thread: OnKafkaThread) -> None:
    """The offsets first, then the ledger; the outcomes go with the next transaction."""
    parts = await on_kafka_thread(log.poll)
    if not parts:
        return
    if await on_kafka_thread(log.commit, parts, [], time.monotonic() + BATCH_S):
        emissions = await _told(agent, parts)
        await on_kafka_thread(log._producer.begin_transaction)
        await on_kafka_thread(log._produce, emissions)
        await on_kafka_thread(log._producer.commit_transaction, CALL_S)
    else:
        await on_kafka_thread(log.rewind, parts)


async def poll_before_it_is_settled(log: Log, agent: Agent, on_kafka_thread: OnKafkaThread) -> None:
    """Who polls while the batch is decided lets a partition go in the midst of it."""
    parts = await on_kafka_thread(log.poll)
    if not parts:
        return
    emissions = await _told(agent, parts)
    for _ in range(3):
        await on_kafka_thread(_poll_for_callbacks, log)
    if not await on_kafka_thread(log.commit, parts, emissions, time.monotonic() + BATCH_S):
        await on_kafka_thread(log.rewind, parts)


async def commit_on_after_a_failure(log: Log, agent: Agent, on_kafka_thread: OnKafkaThread) -> None:
    """A share though the one before it is not committed."""
    failed: list[Part] = []
    for share in divided(await on_kafka_thread(log.poll), source.TRANSACTION_RECORDS):
        emissions = await _told(agent, share)
        if not await on_kafka_thread(log.commit, share, emissions, time.monotonic() + BATCH_S):
            failed += share
    await on_kafka_thread(log.rewind, failed)


async def say_that_it_is_committed(log: Log, agent: Agent, on_kafka_thread: OnKafkaThread) -> None:
    """Of what comes before a share, whose commit is only under way."""

    async def told_so(batch: Batch) -> None:
        for share in batch.shares:
            share.parts = [part._replace(committed=part.from_) for part in share.parts]
        await agent(batch)

    await take_turn(log, told_so, on_kafka_thread)


async def _told(agent: Agent, parts: list[Part]) -> list[Emission]:
    """What the agent says to these alone."""
    share = Share(parts)
    await agent(Batch([share]))
    return await share.settled


def _poll_for_callbacks(log: Log) -> None:
    """Nothing it finds is lost: a record is read again."""
    found = log._consumer.poll(0.0)
    if found is not None and found.error() is None:
        log._consumer.seek(TopicPartition(log._topic, found.partition(), found.offset()))


class NoSeekBack(Log):
    def rewind(self, parts: list[Part]) -> None:
        del parts


class SeekBackToTheLast(Log):
    """Share of a partition that wasn't committed, not to the first."""

    def rewind(self, parts: list[Part]) -> None:
        super().rewind(parts[::-1])


class NoSeekBackToTheRest(Log):
    """What a batch has no room for is not read again."""

    def _cut(self, part: Part) -> Part:
        count = fitting(part.records, project.PART_BYTES)
        if count == len(part.records):
            return part
        return part._replace(records=part.records[:count], to=part.records[count].offset)


class ClaimTakenOnce(Log):
    _first: int | None = None

    def start(self) -> None:
        self._first = super()._claim()
        super().start()

    def _claim(self) -> int:
        return self._first or 0


class NoGuardOfTheGeneration(Log):
    def _send_offsets(self, parts: list[Part]) -> bool:
        member = self._consumer.consumer_group_metadata()
        offsets = [TopicPartition(self._topic, part.partition, part.to) for part in parts]
        self._producer.send_offsets_to_transaction(offsets, member, CALL_S)
        return True


class FromTheFirstRecord(Log):
    def _part(self, partition: int, messages: list[Message]) -> Part:
        part = super()._part(partition, messages)
        return part._replace(from_=part.records[0].offset) if part.records else part


class OffsetsSentAgain(Log):
    def _send_offsets(self, parts: list[Part]) -> bool:
        return self._persistently(lambda: super(OffsetsSentAgain, self)._send_offsets(parts), 12.0)


class OutcomesProducedOnce(Log):
    """After an abort only the offsets go again."""

    _produced: list[Emission] | None = None

    def _produce(self, emissions: list[Emission]) -> None:
        if self._produced is not emissions:
            super()._produce(emissions)
        self._produced = emissions


class DecidesAnew(Rules):
    """What was decided before is not told again."""

    def told_again(
        self, before: Content, head: Head, operations: Sequence[Any], applied: int
    ) -> dict[int, Answer] | None:
        del before, head, operations, applied
        return {}


class ChecksNoClaims(Rules):
    def is_fenced(self, claim: int, newest: int) -> bool:
        del claim, newest
        return False


class AsksAheadInSilence(ModelLedger):
    """Without saying that a piece stands on one that isn't answered yet."""

    async def _ask_ahead(self, transition: Any, pieces: Any, follows: bool) -> asyncio.Future[Any]:
        del follows
        return await super()._ask_ahead(transition, pieces, follows=False)


class Wrong(NamedTuple):
    """``shown_by``: the small world in which it breaks a promise."""

    variation: Variation
    shown_by: str


_ANY, _ANSWER, _FROZEN, _SHARES = (
    "every interleaving of two workers",
    "an answer late or lost",
    "a worker frozen, a request a batch",
    "a share committed once the next is decided",
)
MUTANTS = {
    "offsets in a transaction of their own, after the outcomes": Wrong(
        Variation(OffsetsAfterOutcomes), _ANY
    ),
    "offsets in a transaction of their own, before them": Wrong(
        Variation(OffsetsBeforeOutcomes), _ANY
    ),
    "commit before the ledger is asked": Wrong(Variation(turn=commit_then_decide), _ANY),
    "poll before the batch is settled": Wrong(Variation(turn=poll_before_it_is_settled), _ANY),
    "no seek back after a batch was dropped": Wrong(Variation(NoSeekBack), _ANSWER),
    "seek back to the last share of a batch": Wrong(Variation(SeekBackToTheLast), _SHARES),
    "a share committed after one that isn't": Wrong(
        Variation(turn=commit_on_after_a_failure), _SHARES
    ),
    "what is being committed is said to be": Wrong(
        Variation(turn=say_that_it_is_committed), _SHARES
    ),
    "no seek back to what a batch had no room for": Wrong(
        Variation(NoSeekBackToTheRest), "batches cut by their bytes"
    ),
    "claim taken once, not at each assignment": Wrong(Variation(ClaimTakenOnce), _FROZEN),
    "offsets of generation -1 are sent": Wrong(
        Variation(NoGuardOfTheGeneration), "a worker frozen"
    ),
    "`from` is the first record's offset": Wrong(Variation(FromTheFirstRecord), _FROZEN),
    "offsets sent again after a time-out": Wrong(Variation(OffsetsSentAgain), _ANSWER),
    "outcomes not produced again after an abort": Wrong(Variation(OutcomesProducedOnce), _ANSWER),
    "stored decisions not told again": Wrong(Variation(rules=DecidesAnew), "a worker killed"),
    "claims not checked": Wrong(Variation(rules=ChecksNoClaims), _FROZEN),
    "a piece asked for ahead without saying so": Wrong(
        Variation(ledger=AsksAheadInSilence), _ANSWER
    ),
    "a restore that fences nobody": Wrong(Variation(restore_fences=False), "Redis loses writes"),
}
