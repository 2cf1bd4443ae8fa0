"""How far every lane's requests are committed, and that nothing more can be."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import orjson
from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from schemas.topics import CURRENT_OFFERS, LANES, Lane
from streams.broker import (
    ANSWER_TIMEOUT_S,
    BrokerError,
    admin,
    consumer,
    partitions_of,
    producer,
    read_all,
)
from streams.committed import committed_offsets
from streams.settings import Settings

#: Between two looks for open transactions: each asks Kafka for the ends of all topics of outcomes.
_LOOK_S = 0.1
#: lane -> partition -> below which offset its requests have committed outcomes.
Offsets = dict[str, dict[int, int]]


def _of_every_lane(settings: Settings, stable: bool = True) -> Offsets:
    """Side by side: each has to find its coordinator first."""
    with ThreadPoolExecutor(len(LANES), "offsets") as threads:
        found = threads.map(partial(committed_offsets, settings, stable=stable), LANES)
        return {lane.name: offsets for lane, offsets in zip(LANES, found, strict=True)}


def missing_offsets(settings: Settings) -> bool:
    """Whether there are partitions that none were ever committed for. Doesn't wait: a worker that
    died with offsets sent has to start again before anything is settled."""
    found = _of_every_lane(settings, stable=False)
    return any(-1 in offsets.values() for offsets in found.values())


def make_sure_of_offsets(settings: Settings) -> Offsets:
    """Committed offsets of every lane; where there are none, what the outcomes say is committed."""
    known = _of_every_lane(settings)
    for lane in LANES:
        missing = [p for p, offset in known[lane.name].items() if offset < 0]
        if missing:
            found = _offsets_by_outcomes(settings, lane)
            fresh = {p: found.get(p, 0) for p in missing}
            _commit(settings, lane, fresh)
            known[lane.name].update(fresh)
    return known


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


def wait_for_transactions(settings: Settings) -> None:
    """Until what readers of committed records see is all there is: no transaction is open."""
    places = [
        TopicPartition(settings.topic(topic), p)
        for topic in (CURRENT_OFFERS, *(lane.outcomes for lane in LANES))
        for p in range(partitions_of(settings, topic))
    ]
    deadline = time.monotonic() + 90
    while open_ := _still_open(settings, places):
        if time.monotonic() > deadline:
            raise BrokerError(f"a transaction on {open_} stays open; look at the broker")
        time.sleep(_LOOK_S)


def _still_open(settings: Settings, places: list[TopicPartition]) -> str | None:
    """A topic on which some transaction is, or which doesn't say."""
    wanted = {place: OffsetSpec.latest() for place in places}
    try:
        stable, ends = (
            {
                (place.topic, place.partition): found.result(ANSWER_TIMEOUT_S).offset
                for place, found in admin(settings)
                .list_offsets(wanted, isolation_level=level, request_timeout=ANSWER_TIMEOUT_S)
                .items()
            }
            for level in (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED)
        )
    except KafkaException as failure:
        return str(failure.args[0].str())
    return next((place[0] for place, end in ends.items() if stable[place] != end), None)
