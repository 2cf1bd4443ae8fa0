"""Worlds that are gone through: small ones in every way, larger ones by chance."""

from math import inf
from random import Random

from tests.simulation.broker_model import Request
from tests.simulation.world import ANSWER, CRASH, EDIT, EVERY_FAULT, FREEZE, LOSE, Plan

Requests = dict[int, list[Request]]
#: One id twice, of which the second is in another partition; a hole where nothing is.
APART: Requests = {0: [(0, b"a"), (2, b"b")], 1: [(0, b"c"), (1, b"a")]}
#: It is in the same partition, as all requests of a customer are.
TOGETHER: Requests = {0: [(0, b"a"), (2, b"b"), (3, b"a")], 1: [(0, b"c")]}
ALONE: Requests = {0: [(0, b"a"), (2, b"b"), (3, b"a")]}
TWO: Requests = {0: [(0, b"a"), (2, b"b")]}


def _one(kind: str, requests: Requests = APART, **more: int) -> Plan:
    """One fault of a kind, and one switch beside it."""
    return Plan(requests, faults=1, switches=1, kinds=frozenset((kind,)), **more)


#: Gone through in every way by each `make test`.
SMALL = {
    "every interleaving of two workers": Plan(APART),
    "a worker killed": _one(CRASH),
    "a worker frozen": _one(FREEZE),
    "a worker frozen, a request a batch": _one(FREEZE, TWO, batch_records=1),
    "an answer late or lost": _one(ANSWER),
    "Redis loses writes": _one(LOSE, TOGETHER),
    "Redis loses writes between shares": _one(LOSE, TWO, transaction_records=1),
    "an offer is edited": _one(EDIT, ALONE),
    "batches cut by their bytes": Plan(ALONE, faults=1, switches=0, part_bytes=1),
    "partitions asked for side by side": Plan(APART, faults=1, switches=0, piece_records=4),
    "a share committed while the next is decided": Plan(
        TOGETHER, faults=1, switches=0, transaction_records=1
    ),
    "a share committed once the next is decided": Plan(
        TOGETHER, faults=1, switches=0, transaction_records=1, kafka_first=False
    ),
}

#: Takes minutes: `python -m tests.simulation --deep`.
DEEP = {
    "two faults of any kind": Plan(ALONE, faults=2, switches=0),
    "two faults of any kind, two partitions": Plan(TOGETHER, faults=2, switches=0),
    "a worker killed, three switches": Plan(APART, faults=1, switches=3, kinds=frozenset((CRASH,))),
    "a worker frozen, two switches": Plan(APART, faults=1, switches=2, kinds=frozenset((FREEZE,))),
    "three workers": Plan(TOGETHER, workers=3, faults=1, switches=1),
    "two killed": Plan(ALONE, faults=2, switches=2, batch_records=2, kinds=frozenset((CRASH,))),
}


def drawn(seed: int) -> Plan:
    """A larger world with more faults; the same seed draws the same."""
    random = Random(f"plan {seed}")
    partitions = random.randint(1, 3)
    requests: Requests = {p: [] for p in range(partitions)}
    ends = dict.fromkeys(requests, 0)
    homes: dict[bytes, int] = {}
    # Ids of one partition are sent again there only, or anywhere where Redis loses nothing: what
    # an answer given again says of a lost decision, no restore can know.
    kinds = EVERY_FAULT if random.random() < 0.5 else EVERY_FAULT - {LOSE}
    for number in range(random.randint(3, 14)):
        again = homes and random.random() < 0.3
        request_id = random.choice(sorted(homes)) if again else b"r%d" % number
        partition = random.randrange(partitions)
        if LOSE in kinds:
            partition = homes.get(request_id, partition)
        homes.setdefault(request_id, partition)
        offset = ends[partition] + random.choice((0, 0, 0, 1, 2))
        requests[partition].append((offset, request_id))
        ends[partition] = offset + 1
    return Plan(
        requests,
        workers=random.randint(1, 3),
        cap=random.randint(1, 6),
        batch_records=random.randint(1, 6),
        transaction_records=random.randint(1, 6),
        piece_records=random.randint(1, 3),
        part_bytes=random.choice((1, 4, 1 << 22)),
        switches=inf,
        faults=random.randint(0, 6),
        kinds=kinds,
        kafka_first=random.random() < 0.5,
    )
