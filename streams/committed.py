"""How far requests have committed outcomes, and whether what a decision rests on has."""

import time
from collections.abc import Sequence

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from schemas.topics import Lane
from state.ledger import Closed, Ledger, LedgerAway
from streams.broker import ANSWER_TIMEOUT_S, BrokerError, admin, partitions_of
from streams.settings import Settings

_LIMIT_S = 60.0
#: Between two questions: nobody is told when offsets move, and the client's own retries cover
#: neither those that a transaction is about to move nor a group that its broker doesn't know yet.
_AGAIN_S = 0.02
_PASSING = (
    KafkaError.UNSTABLE_OFFSET_COMMIT,
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError._TIMED_OUT,
)
#: How long a transaction waits for others before its batch is read again: partitions that are given
#: to others wait for it, too.
GROUNDS_S = 3.0


def committed_offsets(
    settings: Settings, lane: Lane, stable: bool = True, limit_s: float = _LIMIT_S
) -> dict[int, int]:
    """Below which offset each partition's requests have committed outcomes; -1: not known.

    ``stable``: once no transaction that could move them is open, which a dead worker's is for 10 s.
    Raises `BrokerError`, where Kafka doesn't say it within ``limit_s`` seconds too.
    """
    topic = settings.topic(lane.requests)
    wanted = [TopicPartition(topic, p) for p in range(partitions_of(settings, lane.requests))]
    return offsets_of(settings, settings.group(lane), wanted, stable, limit_s)


def offsets_of(
    settings: Settings,
    group: str,
    wanted: Sequence[TopicPartition],
    stable: bool = True,
    limit_s: float = _LIMIT_S,
) -> dict[int, int]:
    """As `committed_offsets`, of any group and these partitions of one topic."""
    deadline, left, found = time.monotonic() + limit_s, list(wanted), dict[int, int]()
    while True:
        question = [ConsumerGroupTopicPartitions(group, left)]
        answer = admin(settings).list_consumer_group_offsets(
            question, require_stable=stable, request_timeout=min(limit_s, ANSWER_TIMEOUT_S)
        )[group]
        try:
            told = answer.result().topic_partitions
        except KafkaException as failure:
            error, told = failure.args[0], []
        else:
            error = next((each.error for each in told if each.error is not None), None)
        for each in told:
            if each.error is None:
                found[each.partition] = max(each.offset, -1)
        left = [each for each in left if each.partition not in found]
        if not left:
            return {each.partition: found[each.partition] for each in wanted}
        if error is None or error.code() not in _PASSING or time.monotonic() > deadline:
            why = "it leaves some out" if error is None else error.str()
            raise BrokerError(f"the offsets of {group} can't be read: {why}")
        time.sleep(_AGAIN_S)


class Grounds:
    """What decisions of a lane rest on: whatever other lanes had decided by then. Where Redis lost
    that before it is committed, it would be decided anew, maybe otherwise."""

    def __init__(self, settings: Settings, ledger: Ledger, lanes: Sequence[Lane]) -> None:
        self._settings, self._ledger, self._lanes = settings, ledger, lanes
        self._committed: dict[str, dict[int, int]] = {lane.name: {} for lane in lanes}

    def are_committed(self, deadline: float) -> bool:
        """Whether all that Redis has decided by now is. Waits for it, `GROUNDS_S` or until the
        deadline (`time.monotonic`); False, too, where nobody can tell."""
        deadline = min(deadline, time.monotonic() + GROUNDS_S)
        try:
            decided = self._ledger.decided_below(
                {lane.name: partitions_of(self._settings, lane.requests) for lane in self._lanes}
            )
            while not self._cover(decided):
                if time.monotonic() > deadline:
                    return False
                time.sleep(_AGAIN_S)
        except (BrokerError, Closed, LedgerAway):
            return False
        return True

    def _cover(self, decided: dict[str, dict[int, int]]) -> bool:
        """Asks Kafka only for lanes that had not reached what is decided when they were asked."""
        for lane in self._lanes:
            if self._lacks(lane, decided):
                offsets = committed_offsets(self._settings, lane, False, GROUNDS_S)
                self._committed[lane.name] = offsets
        return not any(self._lacks(lane, decided) for lane in self._lanes)

    def _lacks(self, lane: Lane, decided: dict[str, dict[int, int]]) -> bool:
        committed = self._committed[lane.name]
        return any(offset > committed.get(p, 0) for p, offset in decided[lane.name].items())
