"""What goes from the source to an agent and back: record batches in, emissions out."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Record(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None


def fitting(records: Sequence[Record], limit: int) -> int:
    """How many of them, from the first on, have this many bytes together; one at the least."""
    size = 0
    for number, record in enumerate(records):
        size += len(record.value or b"") + len(record.key or b"")
        if size > limit:
            return max(number, 1)
    return len(records)


class Part(NamedTuple):
    """One partition's share of a batch. ``from_`` and ``to`` are consumer positions: offsets have
    holes, so neither needs to be a record's."""

    partition: int
    claim: int
    from_: int
    to: int
    records: list[Record]


class Emission(NamedTuple):
    """A record to produce inside the batch's transaction. Partition None: by its key."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] | None = None


@dataclass
class Batch:
    """``settled`` gets the emissions from the agent, or the error that stopped it."""

    parts: list[Part]
    settled: "asyncio.Future[list[Emission]]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def __len__(self) -> int:
        return sum(len(part.records) for part in self.parts)
