"""The log as one lane of a worker sees it: requests are polled, outcomes committed with offsets.

All calls of the Kafka client are made on one thread. A rebalance callback runs inside a poll, and
nothing is polled while a batch is in flight (`streams.source`): no partition is given away before
its batch is settled.
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from schemas.topics import CURRENT_OFFERS, DEAD_LETTERS, Lane, Topic
from state.ledger import Ledger, LedgerAway
from streams.batches import Emission, Part, Record, fitting, new
from streams.broker import consumer, producer
from streams.committed import Grounds
from streams.fault_points import reach
from streams.lag import Lag
from streams.metrics import LaneMetrics
from streams.restart import start_again
from streams.settings import Settings
from streams.tracing import span

logger = logging.getLogger("redeemonce")
T = TypeVar("T")

#: Records of a batch at the most, by lane. A batch has `BATCH_S`: what decides fewer than 1,333
#: redeems a second could not finish one. The more, the more is decided while others are committed.
BATCH_RECORDS = {"redeem": 16_000, "issue": 16_000, "revoke": 50, "offers": 100, "reminders": 16}
#: And bytes, of each partition: requests may have a megabyte, and a batch its time.
PART_BYTES = 1 << 22
#: Seconds a poll waits for the first record of a batch. For more it doesn't: while a batch is
#: decided, enough come for the next one.
IDLE_S = 0.2
#: These hold in this order: session < transaction < batch < poll interval. A worker that is
#: frozen loses its partitions first, then its transaction; a batch gives up before Kafka does.
SESSION_MS, TRANSACTION_MS, BATCH_S, POLL_INTERVAL_MS = 6_000, 10_000, 12.0, 45_000
CALL_S = 5.0
#: All partitions are given out at once. "cooperative-sticky" does it in two rounds, and a member
#: with a name of its own that starts again between them gets its old share back, without the
#: second: what it should have handed on is nobody's then, until some other change.
ASSIGNMENT = "range"
#: How long an idle producer trusts what it knows of brokers (librdkafka's metadata.max.age.ms).
#: One that was away meanwhile leaves a dead entry among the group coordinators, and the next
#: `send_offsets_to_transaction` waits on that for good, whatever its own time-out says.
COORDINATOR_MS = 6_000
#: The first pause before a request that the broker refuses for now is sent again. That is what it
#: does with a transaction's first one while it still writes the markers of the last, for a few ms:
#: librdkafka's own 100 ms would be the wait of every till meanwhile. Each further pause is longer.
RETRY_MS = 2
#: How long the broker keeps a lane's fetch where nothing comes: each answer costs it and us, also
#: when no till asks anything. A partition that joins meanwhile waits as long for its first fetch.
FETCH_WAIT_MS = 250
#: How long outcomes are gathered to go out together at the most: a share of thousands takes so long
#: to produce, and in fewer requests the broker works less for each. A commit sends them at once.
GATHER_MS = 20
_ATTEMPTS = 4
#: Seconds until a server that doesn't answer is asked again, up to a deadline. A partition that
#: waits for the ledger keeps the whole group waiting, one call of Kafka only this worker.
_LEDGER_AGAIN_S, _KAFKA_AGAIN_S = 0.2, 0.05


class Clients(NamedTuple):
    """Who makes the clients of Kafka: librdkafka's, unless a simulation has its own."""

    producer: Callable[..., Producer]
    consumer: Callable[..., Consumer]


_LIBRDKAFKA = Clients(producer, consumer)


class Log:
    """The lane's consumer and transactional producer. Every method runs on the Kafka thread.

    ``grounds``: what has to be committed before what is decided here is."""

    def __init__(
        self,
        lane: Lane,
        settings: Settings,
        ledger: Ledger,
        metrics: LaneMetrics,
        clients: Clients = _LIBRDKAFKA,
        grounds: Grounds | None = None,
    ) -> None:
        self._lane, self._settings, self._ledger, self._metrics = lane, settings, ledger, metrics
        self._clients, self._grounds = clients, grounds
        self._topic = settings.topic(lane.requests)
        self._claims: dict[int, int] = {}  # of the partitions that are ours
        self._positions: dict[int, int] = {}  # what Kafka has committed, of those we read from
        self._lag = Lag(self._topic, metrics)
        self._said_away = float("-inf")
        self._max_records = BATCH_RECORDS[lane.name]

    def start(self) -> None:
        """Settle what the last run of this place left open, then join the group."""
        name = self._settings.transactional_id(self._lane)
        self._producer = self._clients.producer(
            self._settings,
            transactional_id=name,
            transaction_timeout_ms=TRANSACTION_MS,
            linger_ms=GATHER_MS,
            retry_backoff_ms=RETRY_MS,
            topic_metadata_refresh_interval_ms=COORDINATOR_MS // 3,
            metadata_max_age_ms=COORDINATOR_MS,
        )
        self._persistently(lambda: self._producer.init_transactions(10), 60.0)
        for topic in (self._lane.outcomes, DEAD_LETTERS, CURRENT_OFFERS):
            # Known before the first request comes, which would wait for it.
            self._persistently(partial(self._know, topic), 60.0)
        self._consumer = self._clients.consumer(
            self._settings,
            self._settings.group(self._lane),
            self._on_away,
            group_instance_id=name,
            partition_assignment_strategy=ASSIGNMENT,
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=1_000,
            max_poll_interval_ms=POLL_INTERVAL_MS,
            fetch_wait_max_ms=FETCH_WAIT_MS,
        )
        self._consumer.subscribe(
            [self._topic],
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_revoke,
        )

    def _know(self, topic: Topic) -> None:
        self._producer.list_topics(self._settings.topic(topic), 10)

    def poll(self) -> list[Part]:
        """The next batch by partitions; empty when there is nothing."""
        first = self._consumer.poll(IDLE_S)
        if first is None:
            return []
        messages = [first, *self._consumer.consume(self._max_records - 1, 0)]
        by_partition: dict[int, list[Message]] = {}
        for message in messages:
            if message.error() is not None:
                self._on_error(message.error())
            elif message.partition() in self._claims:
                by_partition.setdefault(message.partition(), []).append(message)
        self._find_positions([p for p in by_partition if p not in self._positions])
        parts = [self._part(p, found) for p, found in by_partition.items()]
        return [self._cut(part) for part in parts if part.records]

    def commit(self, parts: list[Part], emissions: list[Emission], deadline: float) -> bool:
        """Make the outcomes and the requests' offsets visible at once, in a transaction.

        False: nothing was, and the batch has to be read again. The ledger then answers the same.
        """
        if self._grounds is not None and not self._grounds.are_committed(deadline):
            logger.info("%s: others haven't committed what this rests on", self._lane.name)
            return False
        with span(f"commit {self._lane.name}", records=len(emissions)):
            return self._commit(parts, emissions, deadline)

    def _commit(self, parts: list[Part], emissions: list[Emission], deadline: float) -> bool:
        began = time.perf_counter()
        for _ in range(_ATTEMPTS):
            try:
                self._producer.begin_transaction()
                self._produce(emissions)
                if not self._send_offsets(parts):
                    break
                reach(self._lane.name, "after_offsets")
                self._persistently(lambda: self._producer.commit_transaction(CALL_S), BATCH_S)
                reach(self._lane.name, "after_commit")
                for part in parts:
                    self._positions[part.partition] = part.to
                self._metrics.commit_seconds.observe(time.perf_counter() - began)
                return True
            except KafkaException as failure:
                self._abort(failure.args[0])
                if time.monotonic() > deadline:
                    break
        return False

    def rewind(self, parts: list[Part]) -> None:
        """Read them again, from the first of each partition: what the client has buffered comes
        after it."""
        for part in reversed(parts):
            place = TopicPartition(self._topic, part.partition, part.from_)
            try:
                self._consumer.seek(place)
            except KafkaException:  # not ours any more: its next owner begins where Kafka says
                self._claims.pop(part.partition, None)
                self._positions.pop(part.partition, None)

    def look_at_lag(self) -> None:
        """Note how many requests of each partition aren't decided yet."""
        self._lag.look(self._consumer, self._claims, self._positions)

    def close(self) -> None:
        self._consumer.close()

    def has(self, partition: int) -> bool:
        """Whether this partition's requests are this worker's to decide. From any thread."""
        return partition in self._claims

    # Partitions ----------------------------------------------------------------------------------

    def _on_assign(self, _: Any, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            self._claims[each.partition] = self._claim()
            self._positions.pop(each.partition, None)
            self._lag.forget(each.partition)
        self._metrics.partitions.set(len(self._claims))
        logger.info("%s: partitions %s", self._lane.name, sorted(self._claims))

    def _on_revoke(self, _: Any, partitions: list[TopicPartition]) -> None:
        reach(self._lane.name, "on_revoke")
        for each in partitions:
            self._claims.pop(each.partition, None)
            self._positions.pop(each.partition, None)
        self._metrics.partitions.set(len(self._claims))

    def _claim(self) -> int:
        deadline = time.monotonic() + BATCH_S
        while True:
            try:
                return self._ledger.claim()
            except LedgerAway as away:
                if time.monotonic() > deadline:
                    start_again(str(away))
                logger.warning("%s; partitions wait for it", away)
                time.sleep(_LEDGER_AGAIN_S)

    def _find_positions(self, partitions: list[int]) -> None:
        """Kafka's committed offsets, once no transaction that could move them is open."""
        if not partitions:
            return
        wanted = [TopicPartition(self._topic, p) for p in partitions]
        for found in self._persistently(lambda: self._consumer.committed(wanted, 10), BATCH_S):
            if found.error is not None or found.offset < 0:
                start_again(f"partition {found.partition} has no committed offset")
            self._positions[found.partition] = found.offset

    def _part(self, partition: int, messages: list[Message]) -> Part:
        """A partition's records from its committed position on: a rebalance can repeat some."""
        position = expected = self._positions[partition]
        records = []
        for message in messages:
            offset = message.offset()
            if offset >= expected:
                records.append(new(Record, (offset, message.key(), message.value())))
                expected = offset + 1
        return Part(partition, self._claims[partition], position, position, expected, records)

    def _cut(self, part: Part) -> Part:
        """What is too much for a batch is read again for the next."""
        count = fitting(part.records, PART_BYTES)
        if count == len(part.records):
            return part
        to = part.records[count].offset
        self._consumer.seek(TopicPartition(self._topic, part.partition, to))
        return part._replace(records=part.records[:count], to=to)

    # The transaction -----------------------------------------------------------------------------

    def _produce(self, emissions: list[Emission]) -> None:
        produce = self._producer.produce
        for number, (topic, partition, key, value, headers) in enumerate(emissions):
            if number == len(emissions) // 2:
                reach(self._lane.name, "mid_produce")
            place = -1 if partition is None else partition
            while True:
                try:
                    if headers is None:
                        produce(topic, value, key, place)
                    else:
                        produce(topic, value, key, place, headers=headers)
                    break
                except BufferError:  # its queue is full: let it send
                    self._producer.poll(0.05)

    def _send_offsets(self, parts: list[Part]) -> bool:
        """False where this worker is no member of the group any more."""
        member = self._consumer.consumer_group_metadata()
        if _generation(member) < 0:  # the broker would accept these offsets unchecked
            self._persistently(lambda: self._producer.abort_transaction(CALL_S), BATCH_S)
            return False
        offsets = [TopicPartition(self._topic, part.partition, part.to) for part in parts]
        # Called once and never again: after a time-out a second call hangs for good.
        self._producer.send_offsets_to_transaction(offsets, member, CALL_S)
        return True

    def _abort(self, error: KafkaError) -> None:
        """Back to before the transaction, or, where its state is unknown, a fresh start."""
        if error.fatal() or not error.txn_requires_abort():
            start_again(f"{self._lane.name}: {error.name()}: {error.str()}")
        self._metrics.aborted.inc()
        logger.warning("%s: transaction aborted: %s", self._lane.name, error.str())
        try:
            self._persistently(lambda: self._producer.abort_transaction(CALL_S), BATCH_S)
        except KafkaException as failure:
            start_again(f"{self._lane.name}: can't abort: {failure.args[0].str()}")

    def _persistently(self, call: Callable[[], T], limit_s: float) -> T:
        """Call again while Kafka says it may be tried again; leave when that takes too long."""
        deadline = time.monotonic() + limit_s
        while True:
            try:
                return call()
            except KafkaException as failure:
                error: KafkaError = failure.args[0]
                again = error.retriable() or error.code() == KafkaError._TIMED_OUT
                if error.fatal() or error.txn_requires_abort() or not again:
                    raise
                logger.warning("%s: Kafka: %s; trying again", self._lane.name, error.str())
                if time.monotonic() > deadline:
                    start_again(f"{self._lane.name}: {error.str()}")
                time.sleep(_KAFKA_AGAIN_S)

    def _on_away(self, error: KafkaError) -> None:
        """Called by the client while it has no connection; says so every few seconds."""
        gone = error.code() in (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT)
        if gone and time.monotonic() - self._said_away > 5:
            self._said_away = time.monotonic()
            servers = self._settings.kafka_bootstrap_servers
            logger.warning("Kafka at %s doesn't answer; nothing is decided until it does", servers)

    def _on_error(self, error: KafkaError) -> None:
        # What a consumer hands over as fatal says so by its code, not by `fatal()`.
        final = (KafkaError._FATAL, KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)
        if error.fatal() or error.code() in final:
            start_again(f"{self._lane.name}: {error.name()}: {error.str()}")
        logger.warning("%s: Kafka: %s", self._lane.name, error.str())


def _generation(member: bytes) -> int:
    """The generation in the client's group metadata: -1 where the membership was lost."""
    if member[:7] != b"CGMDv2:":
        start_again("this confluent-kafka has another layout of group metadata")
    return int.from_bytes(member[7:11], "little", signed=True)
