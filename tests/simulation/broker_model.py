"""One Kafka broker: requests, transactions by transactional id, and the group with its offsets.

A transaction is decided at once; what it wrote is seen when its markers are written, which may be
later. Offsets move with it only. The group gives all partitions out in one round (`ASSIGNMENT`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
from confluent_kafka import KafkaError, KafkaException

from tests.simulation.violation import Violation

Offsets = dict[int, int]
#: Offset and value. Offsets have holes: the markers of others' transactions, say.
Request = tuple[int, bytes]


class Said(NamedTuple):
    """An outcome, as a reader of the topic has it."""

    partition: int
    offset: int
    request_id: str
    total: int | None
    replayed: bool


@dataclass
class Transaction:
    """What a transactional id has open. ``epoch``: of its newest producer."""

    epoch: int = 0
    state: str = "none"  # open; prepared: committed, and its markers not written yet
    outcomes: list[Said] = field(default_factory=list)
    offsets: Offsets = field(default_factory=dict)

    def key(self) -> tuple[Any, ...]:
        return self.epoch, self.state, tuple(self.outcomes), tuple(sorted(self.offsets.items()))


class Membership(NamedTuple):
    member_id: int
    partitions: tuple[int, ...]


class Group:
    """Members by their static names. A round begins when one comes or goes, and ends when all that
    are left have joined it."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.generation, self.given_ids = 0, 0
        self.members: dict[str, Membership] = {}
        self.joined: set[str] | None = None  # None: no round is under way

    def join(self, name: str, member_id: int | None) -> int:
        """The member's id. One that comes again under its name keeps its share, without a round."""
        known = self.members.get(name)
        if member_id is None:
            self.given_ids += 1
            member_id = self.given_ids
        if known is None or self.joined is not None or known.member_id == member_id:
            self.joined = self.joined or set()
            self.joined.add(name)
        self.members[name] = Membership(member_id, known.partitions if known else ())
        self._finish_round()
        return member_id

    def remove(self, name: str) -> None:
        """Its session is over."""
        del self.members[name]
        self.joined = (self.joined or set()) - {name}
        self._finish_round()

    def _finish_round(self) -> None:
        if self.joined is None or not self.members or set(self.members) - self.joined:
            return
        self.generation, self.joined = self.generation + 1, None
        names = sorted(self.members)
        shares: dict[str, list[int]] = {name: [] for name in names}
        each, more = divmod(self.partitions, len(names))
        first = 0
        for number, name in enumerate(names):
            count = each + (number < more)
            shares[name] = list(range(first, first + count))
            first += count
        self.members = {
            name: Membership(self.members[name].member_id, tuple(shares[name])) for name in names
        }

    def key(self) -> tuple[Any, ...]:
        joined = None if self.joined is None else tuple(sorted(self.joined))
        return self.generation, self.given_ids, tuple(sorted(self.members.items())), joined


class Broker:
    """All topics, transactions and the one group."""

    def __init__(self, requests: Mapping[int, Sequence[Request]], places: Sequence[str]) -> None:
        self.requests = {p: list(records) for p, records in requests.items()}
        self.committed: Offsets = dict.fromkeys(requests, 0)
        self.outcomes: dict[int, list[Said]] = {p: [] for p in requests}
        self.transactions = {place: Transaction() for place in places}
        self.group = Group(len(requests))
        self.epoch = 1  # of the ledger, as the topic `places` has it

    def end(self, partition: int) -> int:
        """The position after its last request."""
        records = self.requests[partition]
        return records[-1][0] + 1 if records else 0

    # Transactions --------------------------------------------------------------------------------

    def init(self, place: str) -> int:
        """Settle what is open and begin a new epoch, which is returned."""
        transaction = self.transactions[place]
        if transaction.state == "prepared":
            self.write_markers(place)
        self.abort(place)
        transaction.epoch += 1
        return transaction.epoch

    def of_epoch(self, place: str, epoch: int) -> Transaction:
        """Raises what a producer gets that a newer one has fenced."""
        transaction = self.transactions[place]
        if transaction.epoch != epoch:
            raise KafkaException(KafkaError(KafkaError._FENCED, "fenced", True, False, False))
        return transaction

    def write(self, transaction: Transaction, values: Sequence[tuple[int, bytes]]) -> None:
        if transaction.state == "prepared":
            raise Violation("records were written while the transaction before was not settled")
        transaction.state = "open"
        for partition, value in values:
            said = orjson.loads(value)
            source = said["source"]
            if source["partition"] != partition:
                raise Violation(f"an outcome lies in partition {partition}, not its request's")
            transaction.outcomes.append(
                Said(
                    partition, source["offset"], said["request_id"], said["total"], said["replayed"]
                )
            )

    def check_member(self, name: str, member_id: int, generation: int) -> None:
        """Raises where offsets come from no present member. Of generation -1 nothing is checked."""
        if generation < 0:
            return
        known = self.group.members.get(name)
        code = None
        if known is None:
            code = KafkaError.UNKNOWN_MEMBER_ID
        elif known.member_id != member_id:
            code = KafkaError.FENCED_INSTANCE_ID
        elif generation != self.group.generation:
            code = KafkaError.ILLEGAL_GENERATION
        if code is not None:
            raise KafkaException(KafkaError(code, "no member", False, False, True))

    def write_markers(self, place: str) -> None:
        """What was committed is seen by readers, and the group's offsets have moved."""
        transaction = self.transactions[place]
        for said in transaction.outcomes:
            self.outcomes[said.partition].append(said)
        self.committed.update(transaction.offsets)
        self.abort(place)
        self._check()

    def abort(self, place: str) -> None:
        transaction = self.transactions[place]
        transaction.state, transaction.outcomes, transaction.offsets = "none", [], {}

    def _check(self) -> None:
        """Below its committed offset each request of a partition has one outcome, above it none."""
        for partition, records in self.requests.items():
            committed = self.committed[partition]
            seen = sorted(said.offset for said in self.outcomes[partition])
            due = [offset for offset, _ in records if offset < committed]
            if seen != due:
                raise Violation(
                    f"partition {partition}: committed is {committed}, outcomes are of {seen}"
                )

    def is_stable(self, partitions: Sequence[int]) -> bool:
        """Whether no open transaction could move their offsets."""
        return not any(
            transaction.offsets.keys() & set(partitions)
            for transaction in self.transactions.values()
        )

    def nothing_open(self) -> bool:
        return all(transaction.state == "none" for transaction in self.transactions.values())

    def key(self) -> tuple[Any, ...]:
        return (
            tuple(self.committed.items()),
            tuple(map(tuple, self.outcomes.values())),
            tuple(transaction.key() for transaction in self.transactions.values()),
            self.group.key(),
            self.epoch,
        )
