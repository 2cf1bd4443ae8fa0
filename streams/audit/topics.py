"""The topics as the audit reads them: committed records only, one partition after the other."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import orjson
from confluent_kafka import KafkaError, Message, TopicPartition

from schemas.topics import (
    CURRENT_OFFERS,
    DEAD_LETTERS,
    LANES,
    OFFERS,
    ORG_ENTITIES,
    REMINDERS,
    Lane,
    Topic,
)
from streams.audit.history import History
from streams.audit.pairing import Answered, Asked
from streams.audit.places import Tills
from streams.audit.verdict import AuditError, Findings, Progress
from streams.broker import consumer, ends_of, partitions_of
from streams.committed import committed_offsets
from streams.settings import Settings

#: lane -> partition -> below which offset its requests are decided and committed.
Committed = dict[str, dict[int, int]]
_RECORDS_A_CALL = 2_000
_SAY_EVERY = 5_000


def committed_by_lane(settings: Settings) -> Committed:
    """Of every lane's group; 0 where it has committed nothing. Waits for open transactions."""
    return {
        lane.name: {p: max(offset, 0) for p, offset in committed_offsets(settings, lane).items()}
        for lane in LANES
    }


def read_history(
    settings: Settings, history: History, committed: Committed, report: Progress
) -> int:
    """Feed the history all there is. Returns how many requests wait for a worker."""
    reading, waiting = Reading(settings), 0
    try:
        for message in reading.all_of(DEAD_LETTERS):
            headers = {name: content.decode() for name, content in message.headers() or []}
            history.dead_letters.add(headers, message.value() or b"")
        for message in reading.all_of(REMINDERS):
            history.triggers.add(orjson.loads(message.value() or b"null"))
        _read_tills(reading, history.tills)
        for lane in (OFFERS, *(lane for lane in LANES if lane is not OFFERS)):
            waiting += _read_lane(settings, reading, lane, history, committed[lane.name], report)
    finally:
        reading.close()
    return waiting


def _read_tills(reading: "Reading", tills: Tills) -> None:
    """Every record of `org-entities`; where some are missing, the topic was compacted."""
    reached: dict[int, int] = {}
    for message in reading.all_of(ORG_ENTITIES):
        partition, offset = message.partition() or 0, message.offset() or 0
        if offset != reached.get(partition, -1) + 1:
            tills.compacted = True
        reached[partition] = offset
        key = (message.key() or b"").decode(errors="replace")
        tills.learn(key, message.timestamp()[1], message.value())


def check_current_offers(settings: Settings, history: History, findings: Findings) -> None:
    """The compacted topic `offers` has each offer as its newest outcome has it."""
    reading, newest = Reading(settings), dict[str, dict[str, Any]]()
    try:
        for message in reading.all_of(CURRENT_OFFERS):
            current = orjson.loads(message.value() or b"null")
            if type(current) is dict:
                newest[(message.key() or b"").decode()] = current
    finally:
        reading.close()
    for offer_id, offer in history.offers.items():
        current = newest.pop(offer_id, {})
        said = (current.get("version"), current.get("number"), current.get("offer"))
        due = (offer.version, offer.number, offer.definitions.get(offer.version))
        if said != due:
            text = f"version {said[0]} of number {said[1]}; by its outcomes {due[0]} of {due[1]}"
            findings.difference(f"offer {offer_id}: the topic {CURRENT_OFFERS.name} has {text}")
    for offer_id in newest:
        findings.difference(f"offer {offer_id} is in {CURRENT_OFFERS.name} and nobody created it")


def _read_lane(
    settings: Settings,
    reading: "Reading",
    lane: Lane,
    history: History,
    committed: dict[int, int],
    report: Progress,
) -> int:
    asked, answered = reading.bounds(lane.requests), reading.bounds(lane.outcomes)
    total = sum(end - first for first, end in answered)
    done = waiting = 0
    requests, outcomes = Reading(settings), Reading(settings)
    try:
        for partition, (first, end) in enumerate(asked):
            limit = min(end, committed.get(partition, 0))
            waiting += max(0, end - max(first, limit))
            history.match(
                lane,
                partition,
                first,
                committed.get(partition, 0),
                _requests(requests.records(settings.topic(lane.requests), partition, first, limit)),
                _outcomes(
                    outcomes.records(
                        settings.topic(lane.outcomes), partition, *answered[partition]
                    ),
                    partial(_say, report, lane, done, total),
                ),
            )
            done += answered[partition][1] - answered[partition][0]
            report(lane.outcomes.name, done, total)
    finally:
        requests.close()
        outcomes.close()
    return waiting


def _requests(messages: Iterator[Message]) -> Iterator[Asked]:
    for message in messages:
        value = message.value() or b""
        yield message.offset() or 0, _object(value), value


def _outcomes(messages: Iterator[Message], report: Callable[[int], None]) -> Iterator[Answered]:
    for count, message in enumerate(messages):
        if not count % _SAY_EVERY:
            report(count)
        yield message.offset() or 0, orjson.loads(message.value() or b"null")


def _say(report: Progress, lane: Lane, done: int, total: int, more: int) -> None:
    report(lane.outcomes.name, done + more, total)


def _object(value: bytes) -> dict[str, Any] | None:
    """A request as far as it can be read at all, also where it breaks JSON's finer rules."""
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return found if type(found) is dict else None


class Reading:
    """A client that reads one partition after the other."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        group = settings.topic_prefix + "redeemonce-audit"
        # The ends of partitions are waited for in turn: the broker is not to hold them back.
        self._client = consumer(settings, group, enable_partition_eof=True, fetch_wait_max_ms=2)

    def close(self) -> None:
        self._client.close()

    def bounds(self, topic: Topic) -> list[tuple[int, int]]:
        """(first, next) offsets of each partition."""
        count = partitions_of(self._settings, topic)
        return ends_of(self._client, self._settings.topic(topic), count)

    def all_of(self, topic: Topic) -> Iterator[Message]:
        for partition, (first, end) in enumerate(self.bounds(topic)):
            yield from self.records(self._settings.topic(topic), partition, first, end)

    def records(self, name: str, partition: int, first: int, end: int) -> Iterator[Message]:
        """The records of these offsets (``end`` excluded), in their order."""
        if first >= end:
            return
        self._client.assign([TopicPartition(name, partition, first)])
        while True:
            for message in self._client.consume(_RECORDS_A_CALL, 0.02):
                offset, error = message.offset() or 0, message.error()
                if error is None:
                    if offset >= end:
                        return
                    yield message
                    if offset + 1 >= end:
                        return
                elif error.code() == KafkaError._PARTITION_EOF:
                    if offset >= end:
                        return
                elif not error.retriable():
                    raise AuditError(f"{name} can't be read: {error.str()}")
