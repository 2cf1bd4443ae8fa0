"""What goes from the source to an agent and back: record batches in, emissions out."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

#: Makes a NamedTuple of its values. Its own constructor, a Python function, takes twice as long.
new = tuple.__new__


class Record(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None


def fitting(records: Sequence[Record], limit: float) -> int:
    """How many of them, from the first on, have this many bytes together; one at the least."""
    if limit == inf:
        return len(records)
    size = 0
    for number, (_, key, value) in enumerate(records):
        size += len(value or b"") + len(key or b"")
        if size > limit:
            return max(number, 1)
    return len(records)


class Part(NamedTuple):
    """One partition's share of a batch, or a piece of that. ``from_`` and ``to`` are consumer
    positions: offsets have holes, so neither needs to be a record's. ``committed``: below which
    offset Kafka has outcomes, when the batch was read."""

    partition: int
    claim: int
    committed: int
    from_: int
    to: int
    records: list[Record]


def divided(parts: Iterable[Part], most: int, most_bytes: float = inf) -> Iterator[list[Part]]:
    """The same records in the same order, so many at a time but for the last, or fewer where those
    of a partition have more than so many bytes; one record at the least. Of each partition one
    part: of two, the second must not be decided where the first wasn't.
    """
    some: list[Part] = []
    room = most
    for part in parts:
        position, first = part.from_, 0
        while first < len(part.records):
            records = part.records[first : first + room]
            records = records[: fitting(records, most_bytes)]
            first += len(records)
            is_last = first == len(part.records)
            to = part.to if is_last else records[-1].offset + 1
            some.append(part._replace(from_=position, to=to, records=records))
            position, room = to, room - len(records)
            if not (is_last and room):
                yield some
                some, room = [], most
    if some:
        yield some


class Emission(NamedTuple):
    """A record to produce inside the batch's transaction. Partition None: by its key."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] | None = None


@dataclass
class Share:
    """So much of a batch as one transaction commits. ``settled`` gets its emissions once its
    decisions are in the ledger, or the error that stopped the agent."""

    parts: list[Part]
    settled: "asyncio.Future[list[Emission]]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


@dataclass
class Batch:
    """What was polled together, and is settled before anything else is polled."""

    shares: list[Share]

    @classmethod
    def of(cls, parts: Iterable[Part], most: int) -> "Batch":
        """``most``: records of a share."""
        return cls([Share(some) for some in divided(parts, most)])

    def __len__(self) -> int:
        return sum(len(part.records) for share in self.shares for part in share.parts)

    def fail(self, error: Exception) -> None:
        """What isn't settled by now never will be."""
        for share in self.shares:
            if not share.settled.done():
                share.settled.set_exception(error)
