"""What a reader of committed records sees of one organisation: records, ends, committed offsets."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

LANES = ("offers", "issue", "redeem", "revoke", "reminders")
#: By transactions.
WRITTEN = (*(f"{lane}.outcomes" for lane in LANES), "offers", "reminders", "dead-letters")
TOPICS = (*(f"{lane}.requests" for lane in LANES), *WRITTEN, "places")
Place = tuple[str, int, int]
#: By topic name without prefix (of committed offsets: by lane), by partition.
Ends = dict[str, dict[int, int]]
_ANSWER_S = 30
#: Between two looks at offsets that a transaction may move; how often all is read, at the most.
_LOOK_S, _READINGS = 0.1, 10


class Record(NamedTuple):
    place: Place
    key: bytes | None
    value: bytes | None
    headers: dict[str, str]
    stamp_ms: int


@dataclass
class Seen:
    """``records``: by topic name without prefix, in order within a partition. ``stable``: where
    readers of committed records come to an end. ``committed``: 0 where nothing is."""

    prefix: str
    records: dict[str, list[Record]]
    ends: Ends
    stable: Ends
    committed: Ends


class Topics:
    def __init__(self, kafka_bootstrap_servers: str, prefix: str) -> None:
        self._servers = {"bootstrap.servers": kafka_bootstrap_servers}
        self._admin = AdminClient(self._servers)
        self._prefix = prefix

    def see(self) -> Seen:
        """All of it, as it was at one moment: read again where it changed meanwhile."""
        places = self._places()
        for _ in range(_READINGS):
            committed = self._committed(places)
            stable = self._ends(places, IsolationLevel.READ_COMMITTED)
            ends = self._ends(places, IsolationLevel.READ_UNCOMMITTED)
            records = self._read(stable)
            if self._committed(places) == committed:
                return Seen(self._prefix, records, ends, stable, committed)
        raise AssertionError("something is committed all the while: this can't be judged")

    def undecided(self) -> dict[str, str]:
        """Of each lane with requests left, those of the planner among them: how far it is."""
        places = self._places()
        ends = self._ends(places, IsolationLevel.READ_UNCOMMITTED)
        committed = self._committed(places)
        return {
            lane: f"committed {committed[lane]} of {ends[f'{lane}.requests']}"
            for lane in LANES
            if committed[lane] != ends[f"{lane}.requests"]
        }

    def _places(self) -> list[TopicPartition]:
        names = self._admin.list_topics(timeout=_ANSWER_S).topics
        return [
            TopicPartition(self._prefix + name, partition)
            for name in TOPICS
            for partition in names[self._prefix + name].partitions
        ]

    def _ends(self, places: list[TopicPartition], level: IsolationLevel) -> Ends:
        wanted = {place: OffsetSpec.latest() for place in places}
        ends: Ends = {name: {} for name in TOPICS}
        for place, answer in self._admin.list_offsets(wanted, isolation_level=level).items():
            ends[place.topic.removeprefix(self._prefix)][place.partition] = answer.result().offset
        return ends

    def _committed(self, places: list[TopicPartition]) -> Ends:
        """Of every lane's group."""
        found = {}
        for lane in LANES:
            group, topic = f"{self._prefix}redeemonce.{lane}", f"{self._prefix}{lane}.requests"
            mine = [place for place in places if place.topic == topic]
            found[lane] = {
                each.partition: max(each.offset, 0) for each in self._stable_of(group, mine)
            }
        return found

    def _stable_of(self, group: str, places: list[TopicPartition]) -> list[TopicPartition]:
        """Once no transaction is open that could move them."""
        deadline = time.monotonic() + _ANSWER_S
        while True:
            [answer] = self._admin.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(group, places)],
                require_stable=True,
                request_timeout=_ANSWER_S,
            ).values()
            told: list[TopicPartition] = answer.result().topic_partitions
            moving = [each.error for each in told if each.error is not None]
            if not moving:
                return told
            assert {error.code() for error in moving} == {KafkaError.UNSTABLE_OFFSET_COMMIT}, moving
            assert time.monotonic() < deadline, moving
            time.sleep(_LOOK_S)  # nobody is told when it ends

    def _read(self, stable: Ends) -> dict[str, list[Record]]:
        found: dict[str, list[Record]] = {name: [] for name in TOPICS}
        for record in self._records(stable):
            found[record.place[0].removeprefix(self._prefix)].append(record)
        return {name: sorted(records, key=_placed) for name, records in found.items()}

    def _records(self, stable: Ends) -> Iterator[Record]:
        reader = self._reader()
        open_ = {
            (self._prefix + name, partition)
            for name, ends in stable.items()
            for partition, end in ends.items()
            if end > 0
        }
        reader.assign([TopicPartition(name, partition, 0) for name, partition in open_])
        while open_:
            for message in reader.consume(10_000, 0.02):
                place = (message.topic(), message.partition(), message.offset())
                if message.error() is not None:
                    assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                    open_.discard(place[:2])
                    continue
                headers = {
                    name: text.decode(errors="replace") for name, text in message.headers() or []
                }
                stamp_ms = message.timestamp()[1]
                yield Record(place, message.key(), message.value(), headers, stamp_ms)
        reader.close()

    def _reader(self) -> Any:
        return Consumer(
            {
                **self._servers,
                "group.id": self._prefix + "redeemonce-verifier",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 20,
            }
        )


def _placed(record: Record) -> Place:
    return record.place
