"""The two Kafka clients of a worker over the broker's model: what the log calls of librdkafka."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from tests.simulation.broker_model import Broker, Membership
from tests.simulation.redis_model import Caller

#: On a call whose answer doesn't come in time.
_TIMED_OUT = KafkaError(KafkaError._TIMED_OUT, "no answer in time", False, True, False)
_REFUSED = KafkaError(KafkaError.COORDINATOR_NOT_AVAILABLE, "refused", False, False, True)
_STATE = KafkaError(KafkaError._STATE, "not in this state", False, False, False)


class Record(NamedTuple):
    """A message."""

    place: tuple[int, int]
    content: bytes
    failure: KafkaError | None = None

    def error(self) -> KafkaError | None:
        return self.failure

    def partition(self) -> int:
        return self.place[0]

    def offset(self) -> int:
        return self.place[1]

    def key(self) -> bytes:
        return b""

    def value(self) -> bytes:
        return self.content


class ModelProducer:
    """Records are sent with the offsets, or with the commit where none were."""

    def __init__(self, broker: Broker, caller: Caller, place: str, attempts: int) -> None:
        self._broker, self._caller, self._place = broker, caller, place
        self._attempts = attempts
        self.epoch = -1
        self._begun = self._unknown = self._committing = False
        self._refusals_left = 0
        self._unsent: list[tuple[int, bytes]] = []

    def list_topics(self, *_: Any) -> None:
        """Nothing of it is needed."""

    def init_transactions(self, _: float) -> None:
        def apply(_: str) -> int:
            return self._broker.init(self._place)

        self.epoch = self._caller.call("init", apply)

    def begin_transaction(self) -> None:
        if self._begun:
            raise KafkaException(_STATE)
        self._begun, self._unsent = True, []

    def produce(self, topic: str, value: bytes, _: bytes, partition: int, **__: Any) -> None:
        del topic
        if not self._begun:
            raise KafkaException(_STATE)
        self._unsent.append((partition, value))

    def send_offsets_to_transaction(
        self, offsets: Iterable[TopicPartition], member: bytes, _: float
    ) -> None:
        if self._unknown:
            raise self._caller.broken("offsets were sent again after a time-out, which hangs")
        generation = int.from_bytes(member[7:11], "little", signed=True)
        member_id, name = int.from_bytes(member[11:15], "little"), member[15:].decode()

        refusals = {"refused": 1, "refused on and on": self._attempts}

        def apply(variant: str) -> None:
            transaction = self._broker.of_epoch(self._place, self.epoch)
            self._send(transaction)
            self._refusals_left = refusals.get(variant, self._refusals_left)
            if self._refusals_left:
                self._refusals_left -= 1
                raise KafkaException(_REFUSED)
            self._broker.check_member(name, member_id, generation)
            transaction.offsets.update({each.partition: each.offset for each in offsets})
            if variant == "lost":
                self._unknown = True
                raise KafkaException(_TIMED_OUT)

        self._caller.call("offsets", apply, ("lost", *refusals), self._is_settled)

    def commit_transaction(self, _: float) -> None:
        def apply(variant: str) -> None:
            transaction = self._broker.of_epoch(self._place, self.epoch)
            if variant == "away":
                raise KafkaException(_TIMED_OUT)
            if variant == "not sent":
                raise KafkaException(_REFUSED)
            if not self._committing:
                self._send(transaction)
                self._committing, transaction.state = True, "prepared"
                if variant != "slow":
                    self._broker.write_markers(self._place)
            if variant == "lost":
                raise KafkaException(_TIMED_OUT)

        if not self._begun:
            raise KafkaException(_STATE)
        variants = () if self._committing else ("lost", "away", "slow", "not sent")
        settled = None if self._committing else self._is_settled
        self._caller.call("commit", apply, variants, settled)
        self._begun = self._committing = False

    def abort_transaction(self, _: float) -> None:
        def apply(variant: str) -> None:
            self._broker.of_epoch(self._place, self.epoch)
            if variant == "away":
                raise KafkaException(_TIMED_OUT)
            self._broker.abort(self._place)

        if not self._begun:
            raise KafkaException(_STATE)
        self._caller.call("abort", apply, ("away",), self._is_settled)
        self._begun, self._unsent = False, []

    def _send(self, transaction: Any) -> None:
        if self._unsent or transaction.state == "none":
            self._broker.write(transaction, self._unsent)
            self._unsent = []

    def _is_settled(self) -> bool:
        """The broker has nothing of the transaction before left to do."""
        return self._broker.transactions[self._place].state != "prepared"


class ModelConsumer:
    """A static member of the group, and what it fetches."""

    def __init__(self, broker: Broker, caller: Caller, name: str) -> None:
        self._broker, self._caller, self._name = broker, caller, name
        self.member_id: int | None = None
        self._generation = -1
        self._assigned: tuple[int, ...] | None = None
        self._positions: dict[int, int] = {}
        self._cut = False

    def subscribe(self, topics: Sequence[str], **callbacks: Callable[..., None]) -> None:
        (self._topic,) = topics
        self._callbacks = callbacks

    def poll(self, wait_s: float) -> Record | None:
        """Does what comes first: leave, join, take over, or hand out a record. It waits for that
        as long as it takes, or not at all."""
        when = (lambda: bool(self._news())) if wait_s else None
        kind, found = self._caller.call("poll", self._poll, self._cuts, when)
        if kind in ("lost", "revoke", "assign"):
            places = [TopicPartition(self._topic, p) for p in found]
            self._callbacks[f"on_{kind}"](self, places)
        if kind == "fenced":
            fatal = KafkaError(KafkaError._FATAL, "the name has a newer member", True, False, False)
            return Record((0, -1), b"", fatal)
        if kind == "revoke":
            self._assigned = None
        return self._fetched() if kind == "record" else None

    def consume(self, count: int, _: float) -> list[Record]:
        """What lies ready beside the first, unless the batch is cut here."""
        if self._cut:
            self._cut = False
            return []
        found: list[Record] = []
        while len(found) < count and self._next() is not None:
            found.append(self._fetched())
        return found

    def seek(self, place: TopicPartition) -> None:
        if place.partition not in (self._assigned or ()):
            raise KafkaException(_STATE)
        self._positions[place.partition] = place.offset

    def committed(self, places: Sequence[TopicPartition], _: float) -> list[TopicPartition]:
        def apply(_: str) -> list[tuple[int, int]]:
            return [(p, self._broker.committed[p]) for p in wanted]

        wanted = [place.partition for place in places]
        found = self._caller.call("committed", apply, (), lambda: self._broker.is_stable(wanted))
        return [TopicPartition(self._topic, p, offset) for p, offset in found]

    def consumer_group_metadata(self) -> bytes:
        """Of a member that was removed: of before or, where it has noticed already, of nobody."""
        generation = self._generation
        if self.member_id is not None and self._name not in self._broker.group.members:
            noticed = self._caller.call("heartbeat", lambda variant: variant != "late", ("late",))
            generation = -1 if noticed else generation
        member_id = (self.member_id or 0).to_bytes(4, "little")
        head = b"CGMDv2:" + generation.to_bytes(4, "little", signed=True)
        return head + member_id + self._name.encode()

    def close(self) -> None:
        """A static member stays one."""

    # What comes next -----------------------------------------------------------------------------

    def _membership(self) -> Membership | None:
        return self._broker.group.members.get(self._name)

    def _news(self) -> str:
        group, known = self._broker.group, self._membership()
        if self.member_id is None:
            return "join"
        if known is None:
            return "lost"
        if known.member_id != self.member_id:
            return "fenced"
        if group.joined is not None:
            if self._name in group.joined:
                return ""
            return "revoke" if self._assigned is not None else "join"
        if self._assigned is None or self._generation != group.generation:
            return "assign"
        return "record" if self._next() is not None else ""

    def _poll(self, variant: str) -> tuple[str, Any]:
        kind, group = self._news(), self._broker.group
        self._cut = variant == "cut"
        found: Any = self._assigned or ()
        if kind == "lost":
            self.member_id, self._generation, self._assigned = None, -1, None
        elif kind in ("revoke", "join"):
            # The callback that comes makes no call, so the round may be joined at once.
            self.member_id = group.join(self._name, self.member_id)
        elif kind == "assign":
            known = self._membership()
            assert known is not None
            self._assigned, self._generation = known.partitions, group.generation
            self._positions = {}
            found = known.partitions
        elif kind == "record":
            found = self._find_positions()
        return kind, found

    def _find_positions(self) -> list[tuple[int, int]]:
        """Where it reads on: at first at the committed offset, once that can't move any more."""
        for partition in self._assigned or ():
            if partition not in self._positions and self._broker.is_stable([partition]):
                self._positions[partition] = self._broker.committed[partition]
        return sorted(self._positions.items())

    def _next(self) -> tuple[int, int, bytes] | None:
        """Partition, offset and value of the next record there is to fetch."""
        for partition in self._assigned or ():
            position = self._positions.get(partition)
            if position is None:
                if not self._broker.is_stable([partition]):
                    continue
                position = self._broker.committed[partition]
            for offset, value in self._broker.requests[partition]:
                if offset >= position:
                    return partition, offset, value
        return None

    def _fetched(self) -> Record:
        found = self._next()
        if found is None:  # none is asked for where there is none
            raise self._caller.broken("the model fetched nothing")
        partition, offset, value = found
        self._positions[partition] = offset + 1
        return Record((partition, offset), value)

    def _cuts(self) -> tuple[str, ...]:
        """A batch may end after its first record, where there are more."""
        return ("cut",) if self._news() == "record" and self._ready() > 1 else ()

    def _ready(self) -> int:
        positions = {
            p: self._positions.get(p, self._broker.committed[p]) for p in self._assigned or ()
        }
        return sum(
            offset >= position
            for partition, position in positions.items()
            for offset, _ in self._broker.requests[partition]
        )
