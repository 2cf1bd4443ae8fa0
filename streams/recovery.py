"""Before a worker decides: topics exist, the group has offsets, the ledger is whole and open."""

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import orjson
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.topics import CURRENT_OFFERS, LANES, OFFERS, PLACES, Lane
from state.ledger import Fenced, Ledger, LedgerAway
from state.restore import Fact, Restorer
from streams.broker import (
    ANSWER_TIMEOUT_S,
    BrokerError,
    consumer,
    ends_of,
    ensure_topics,
    partitions_of,
    producer,
    read_all,
    wait_until_it_answers,
)
from streams.fault_points import reach
from streams.restart import known_process, leave, make_known
from streams.settings import Settings

logger = logging.getLogger("redeemonce")
_LOCK_S = 30
_FACTS_A_CALL = 2_000
_EPOCH = b"epoch"
Offsets = dict[str, dict[int, int]]
#: Gets how many outcomes were read, and of how many.
Progress = Callable[[int, int], None]


def prepare(settings: Settings, ledger: Ledger, lanes: Iterable[Lane]) -> None:
    """Blocks until this worker may begin to decide; says what it is waiting for."""
    _wait_for_ledger(ledger)
    wait_until_it_answers(settings, logger.warning)
    made = ensure_topics(settings)
    if made:
        logger.info("Topics made: %s", ", ".join(sorted(made)))
    _register(settings, lanes)
    token = uuid.uuid4().hex
    while True:
        try:
            if ledger.is_open() and not missing_offsets(settings):
                return
            if ledger.lock_for_restore(token, _LOCK_S):
                try:
                    restore(settings, ledger, token)
                finally:
                    ledger.unlock(token)
            else:
                logger.info("Another worker restores the ledger; waiting")
                time.sleep(0.5)
        except (LedgerAway, Fenced) as error:
            logger.warning("%s; waiting", error)
            time.sleep(0.5)


def restore(
    settings: Settings,
    ledger: Ledger,
    token: str,
    from_nothing: bool = False,
    progress: Progress | None = None,
) -> int | None:
    """Close the ledger, make sure of what is committed, and open it whole.

    What Redis holds is kept where it lacks nothing that Kafka has committed, else made again from
    the outcomes. Returns how many outcomes were read for that, None where none had to be.
    """
    ledger.close()
    fence_everyone(settings)
    committed = make_sure_of_offsets(settings)
    _wait_for_transactions(settings)
    epoch = _newest_epoch(settings)
    # Another epoch than Kafka's: an old copy of Redis, whatever offsets it may name.
    whole = not from_nothing and ledger.epoch() == epoch and lacks_nothing(ledger, committed)
    _announce_epoch(settings, epoch + 1)
    if whole:
        ledger.open(token, epoch + 1, 0, {})
        return None
    began = time.monotonic()
    logger.warning("The ledger lacks what Kafka has committed: making it again from the outcomes")
    ledger.wipe()
    count, numbers = _rebuild(settings, ledger, token, progress)
    chains = {
        f"{lane}:{partition}": offset
        for lane, offsets in committed.items()
        for partition, offset in offsets.items()
    }
    ledger.open(token, epoch + 1, numbers, chains)
    logger.info("The ledger is whole: %d outcomes in %.1f s", count, time.monotonic() - began)
    return count


def lacks_nothing(ledger: Ledger, committed: Offsets) -> bool:
    """Whether every request whose offset is committed is decided in Redis."""
    return all(
        (ledger.applied(lane, partition) or 0) >= offset
        for lane, offsets in committed.items()
        for partition, offset in offsets.items()
    )


def committed_offsets(settings: Settings, lane: Lane) -> dict[int, int]:
    """Below which offset each partition's requests have committed outcomes; -1: not known."""
    count, topic = partitions_of(settings, lane.requests), settings.topic(lane.requests)
    # A reader of committed records gets them once no transaction that could move them is open.
    reader = consumer(settings, settings.group(lane))
    try:
        found = _committed(reader, [TopicPartition(topic, p) for p in range(count)])
    finally:
        reader.close()
    return {each.partition: max(each.offset, -1) for each in found}


def _committed(reader: Consumer, places: list[TopicPartition]) -> list[TopicPartition]:
    """Asks again while a new broker has no coordinator yet, which the client doesn't."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return list(reader.committed(places, 30))
        except KafkaException as failure:
            passing = (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE)
            if failure.args[0].code() not in passing or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def missing_offsets(settings: Settings) -> bool:
    return any(-1 in committed_offsets(settings, lane).values() for lane in LANES)


def make_sure_of_offsets(settings: Settings) -> Offsets:
    """Committed offsets of every lane; where there are none, what the outcomes say is committed."""
    known = {lane.name: committed_offsets(settings, lane) for lane in LANES}
    for lane in LANES:
        missing = [p for p, offset in known[lane.name].items() if offset < 0]
        if missing:
            found = _offsets_by_outcomes(settings, lane)
            fresh = {p: found.get(p, 0) for p in missing}
            _commit(settings, lane, fresh)
            known[lane.name].update(fresh)
    return known


def fence_everyone(settings: Settings) -> None:
    """Nothing that was decided before can be committed after: every known id begins afresh."""
    for name in _places(settings):
        _fence(settings, name.decode())


def _fence(settings: Settings, transactional_id: str) -> None:
    producer(settings, transactional_id=transactional_id).init_transactions(60)


def _register(settings: Settings, lanes: Iterable[Lane]) -> None:
    """Write down this place's transactional ids, before the first transaction of each.

    Of two workers started for one place the newer fences the older. Were that to start again, as
    fenced workers do, it would fence the newer, and so on for ever: it sees here that it has to go.
    """
    wanted = {settings.transactional_id(lane).encode() for lane in lanes}
    ours, known = known_process(), _places(settings)
    if ours is not None and any(known.get(name) != ours for name in wanted):
        leave(
            f"Another worker was started for the place {settings.place!r} and has taken it over: "
            "this one ends. Give each worker a REDEEMONCE_WORKER_ID of its own."
        )
    client, ours = producer(settings), ours or uuid.uuid4().hex
    said = orjson.dumps({"place": settings.place, "process": ours})
    for name in sorted(wanted):
        client.produce(settings.topic(PLACES), said, name)
    if client.flush(ANSWER_TIMEOUT_S * 3):
        raise BrokerError("this worker's place could not be written down; Kafka didn't answer")
    make_known(ours)


def _places(settings: Settings) -> dict[bytes, str | None]:
    """Every transactional id there ever was, and the process that has it."""
    return {
        message.key(): orjson.loads(message.value()).get("process")
        for message in read_all(settings, PLACES)
        if message.key() != _EPOCH and message.value() is not None
    }


def _newest_epoch(settings: Settings) -> int:
    """How often the ledger was opened."""
    epochs = [
        int(message.value()) for message in read_all(settings, PLACES) if message.key() == _EPOCH
    ]
    return max(epochs, default=0)


def _announce_epoch(settings: Settings, epoch: int) -> None:
    client = producer(settings)
    client.produce(settings.topic(PLACES), str(epoch).encode(), _EPOCH)
    if client.flush(ANSWER_TIMEOUT_S * 3):
        raise BrokerError("the epoch could not be written down; Kafka didn't answer")


def _wait_for_ledger(ledger: Ledger) -> None:
    said = 0.0
    while True:
        try:
            ledger.is_open()
            return
        except LedgerAway as away:
            if time.monotonic() - said > 3:
                logger.warning("%s; nothing is decided until it does", away)
                said = time.monotonic()
            time.sleep(0.2)


def _wait_for_transactions(settings: Settings) -> None:
    """Until what readers of committed records see is all there is: no transaction is open."""
    clients = [
        consumer(settings, settings.topic_prefix + "redeemonce-reader", isolation_level=level)
        for level in ("read_committed", "read_uncommitted")
    ]
    topics = [CURRENT_OFFERS, *(lane.outcomes for lane in LANES)]
    try:
        for topic in topics:
            name, count = settings.topic(topic), partitions_of(settings, topic)
            deadline = time.monotonic() + 90
            while ends_of(clients[0], name, count) != ends_of(clients[1], name, count):
                if time.monotonic() > deadline:
                    raise BrokerError(f"a transaction on {name} stays open; look at the broker")
                time.sleep(0.1)
    finally:
        for client in clients:
            client.close()


def _offsets_by_outcomes(settings: Settings, lane: Lane) -> dict[int, int]:
    """The newest source of each partition's outcomes, plus one."""
    found: dict[int, int] = {}
    for message in read_all(settings, lane.outcomes):
        source = orjson.loads(message.value())["source"]
        found[source["partition"]] = max(found.get(source["partition"], 0), source["offset"] + 1)
    return found


def _commit(settings: Settings, lane: Lane, offsets: dict[int, int]) -> None:
    """First offsets of partitions that have none. In a transaction of a reader that never joined:
    the broker takes that from outside of a group with members, where a plain commit is refused."""
    reader = consumer(settings, settings.group(lane))
    name = f"{settings.topic_prefix}redeemonce-offsets.{lane.name}"
    client = producer(settings, transactional_id=name)
    topic = settings.topic(lane.requests)
    client.init_transactions(60)
    client.begin_transaction()
    client.send_offsets_to_transaction(
        [TopicPartition(topic, p, offset) for p, offset in offsets.items()],
        reader.consumer_group_metadata(),
        30,
    )
    client.commit_transaction(60)
    reader.close()


def _rebuild(
    settings: Settings, ledger: Ledger, token: str, progress: Progress | None
) -> tuple[int, int]:
    """Merge every offer and outcome. Returns how many outcomes there were, and numbers given."""
    restorer = Restorer(ledger.memory_days, time.time_ns() // 1_000_000, settings.decimals)
    _merge(ledger, token, _offer_facts(settings, restorer))
    total = sum(
        message_count for lane in LANES for message_count in _counts(settings, lane)
    ) if progress else 0  # fmt: skip
    count = 0

    def facts(lane: Lane) -> Iterator[Fact]:
        nonlocal count
        for message in read_all(settings, lane.outcomes):
            yield from restorer.outcome(lane, orjson.loads(message.value()))
            count += 1
            if progress and count % 5_000 == 0:
                progress(count, total)
        yield from restorer.reversals()

    for lane in (OFFERS, *(lane for lane in LANES if lane is not OFFERS)):
        _merge(ledger, token, facts(lane))
    _merge(ledger, token, iter(restorer.progress()))
    return count, restorer.numbers()


def _counts(settings: Settings, lane: Lane) -> list[int]:
    client = consumer(settings, settings.topic_prefix + "redeemonce-reader")
    name = settings.topic(lane.outcomes)
    bounds = ends_of(client, name, partitions_of(settings, lane.outcomes))
    client.close()
    return [end - first for first, end in bounds]


def _offer_facts(settings: Settings, restorer: Restorer) -> Iterator[Fact]:
    newest: dict[bytes, dict[str, object]] = {}
    for message in read_all(settings, CURRENT_OFFERS):
        current = orjson.loads(message.value())
        before = newest.get(message.key())
        if before is None or current["version"] > before["version"]:
            newest[message.key()] = current
    return (restorer.offer(current) for current in newest.values())


def _merge(ledger: Ledger, token: str, facts: Iterator[Fact]) -> None:
    renewed = 0.0
    while chunk := list(islice(facts, _FACTS_A_CALL)):
        if time.monotonic() - renewed > _LOCK_S / 4:
            if not ledger.lock_for_restore(token, _LOCK_S):
                raise Fenced("another worker took the restore over")
            renewed = time.monotonic()
        ledger.merge(token, chunk)
        reach("ledger", "on_restore")
