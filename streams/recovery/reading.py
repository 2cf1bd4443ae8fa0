"""Outcomes from where a partition's requests are at some offset: they lie in that order."""

import time
from collections.abc import Iterator, Mapping

import orjson
from confluent_kafka import Consumer, Message, TopicPartition

from schemas.topics import Lane
from streams.broker import (
    Bounds,
    BrokerError,
    consumer,
    ends_of,
    is_end,
    is_record,
    partitions_of,
    read_between,
)
from streams.settings import Settings

#: How far before the end a partition is looked into first, and how many times farther the next.
_STEP, _FARTHER = 1_000, 4
_WAIT_S = 60.0


def bounds_from(settings: Settings, lane: Lane, wanted: Mapping[int, int]) -> Bounds:
    """Where the outcomes begin of requests at or above these offsets by partition, or a little
    before. Looks back from the end, so the work is in proportion to what there is to read."""
    name = settings.topic(lane.outcomes)
    client = consumer(
        settings, settings.topic_prefix + "redeemonce-reader", enable_partition_eof=True,
        queued_min_messages=1, fetch_message_max_bytes=65_536,
    )  # fmt: skip
    try:
        ends = ends_of(client, name, partitions_of(settings, lane.outcomes))
        step, some = _STEP, [p for p in wanted if ends[p][1] > ends[p][0]]
        found = {p: ends[p] for p in some if wanted[p] == 0}  # all there is
        left = set(some) - found.keys()
        while left:
            begins = {p: max(ends[p][1] - step, ends[p][0]) for p in left}
            for p, first in _first_sources(client, name, begins).items():
                if begins[p] == ends[p][0] or (first is not None and first <= wanted[p]):
                    found[p] = begins[p], ends[p][1]
                    left.discard(p)
            step *= _FARTHER
        return found
    finally:
        client.close()


def _first_sources(client: Consumer, name: str, begins: dict[int, int]) -> dict[int, int | None]:
    """Of the first outcome at or after each offset, its request's; None where there is none."""
    client.assign([TopicPartition(name, p, offset) for p, offset in begins.items()])
    found: dict[int, int | None] = {}
    deadline = time.monotonic() + _WAIT_S
    while len(found) < len(begins):
        for message in client.consume(100, 0.05):
            if message.partition() not in found and is_record(message, name):
                found[message.partition()] = source_of(message)
            elif is_end(message):
                found.setdefault(message.partition(), None)
        if time.monotonic() > deadline:
            raise BrokerError(f"{name} can't be read: no record came in {_WAIT_S:.0f} s")
    return found


def outcomes_from(settings: Settings, lane: Lane, bounds: Bounds) -> Iterator[list[Message]]:
    """The records between these bounds, some at a time, in order within a partition."""
    group = settings.topic_prefix + "redeemonce-reader"
    client = consumer(settings, group, enable_partition_eof=True)
    try:
        yield from read_between(client, settings.topic(lane.outcomes), bounds)
    finally:
        client.close()


def source_of(message: Message) -> int:
    """The offset of the request that an outcome answers."""
    return int(orjson.loads(message.value())["source"]["offset"])
