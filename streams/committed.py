"""How far requests have committed outcomes, and whether what a decision rests on has."""

import logging
import time
from collections.abc import Iterable, Sequence
from contextlib import closing

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from schemas.topics import Lane
from state.ledger import Closed, Ledger, LedgerAway
from streams.broker import BrokerError, consumer, partitions_of
from streams.settings import Settings

logger = logging.getLogger("redeemonce")
_LIMIT_S = 60.0
#: Between two questions: nobody is told when offsets move, or when a broker has read a group.
_AGAIN_S = 0.02
_PASSING = (
    KafkaError.UNSTABLE_OFFSET_COMMIT,
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)
#: How long a transaction waits for others before its batch is read again: partitions that are given
#: to others wait for it, too.
GROUNDS_S = 3.0


class Offsets:
    """Reads a group's committed offsets, as no member of it. Not by the admin client: where its
    broker starts again, that waits for good or ends the program (librdkafka issues 3663, 4605).

    ``stable``: once no transaction that could move them is open, which a dead worker's is for 10 s.
    """

    def __init__(self, settings: Settings, group: str, stable: bool = True) -> None:
        self._group = group
        level = "read_committed" if stable else "read_uncommitted"
        self._client = consumer(settings, group, isolation_level=level)

    def read(self, wanted: Sequence[TopicPartition], limit_s: float = _LIMIT_S) -> dict[int, int]:
        """Of these partitions of one topic, -1: nothing is committed. Raises `BrokerError` where
        Kafka doesn't say it within ``limit_s`` seconds."""
        deadline = time.monotonic() + limit_s
        while True:
            try:
                told = self._client.committed([*wanted], max(deadline - time.monotonic(), 0.1))
            except KafkaException as failure:
                error = failure.args[0]
            else:
                error = next((each.error for each in told if each.error is not None), None)
                if error is None:
                    return {each.partition: max(each.offset, -1) for each in told}
            if error.code() not in _PASSING or time.monotonic() > deadline:
                raise BrokerError(f"the offsets of {self._group} can't be read: {error.str()}")
            time.sleep(_AGAIN_S)

    def close(self) -> None:
        self._client.close()


def committed_offsets(
    settings: Settings, lane: Lane, stable: bool = True, limit_s: float = _LIMIT_S
) -> dict[int, int]:
    """Below which offset each partition's requests have committed outcomes; -1: not known. As
    `Offsets` reads it."""
    with closing(Offsets(settings, settings.group(lane), stable)) as offsets:
        partitions = range(partitions_of(settings, lane.requests))
        return offsets.read(_places(settings, lane, partitions), limit_s)


def _places(settings: Settings, lane: Lane, partitions: Iterable[int]) -> list[TopicPartition]:
    return [TopicPartition(settings.topic(lane.requests), p) for p in partitions]


class Grounds:
    """What decisions of a lane rest on: whatever other lanes had decided by then. Where Redis lost
    that before it is committed, it would be decided anew, maybe otherwise."""

    def __init__(self, settings: Settings, ledger: Ledger, lanes: Sequence[Lane]) -> None:
        self._settings, self._ledger, self._lanes = settings, ledger, lanes
        self._committed: dict[str, dict[int, int]] = {lane.name: {} for lane in lanes}
        self._offsets: dict[str, Offsets] = {}

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
        except (BrokerError, Closed, LedgerAway) as why:
            logger.warning("nobody can tell what is committed: %s", why)
            return False
        return True

    def _cover(self, decided: dict[str, dict[int, int]]) -> bool:
        """Asks Kafka only for lanes that had not reached what is decided when they were asked."""
        for lane in self._lanes:
            if self._lacks(lane, decided):
                self._committed[lane.name] = self._read(lane, decided[lane.name])
        return not any(self._lacks(lane, decided) for lane in self._lanes)

    def _read(self, lane: Lane, partitions: Iterable[int]) -> dict[int, int]:
        offsets = self._offsets.get(lane.name)
        if offsets is None:
            offsets = Offsets(self._settings, self._settings.group(lane), stable=False)
            self._offsets[lane.name] = offsets
        return offsets.read(_places(self._settings, lane, partitions), GROUNDS_S)

    def _lacks(self, lane: Lane, decided: dict[str, dict[int, int]]) -> bool:
        committed = self._committed[lane.name]
        return any(offset > committed.get(p, 0) for p, offset in decided[lane.name].items())
