"""Uploads: codes in chunks that each stand for themselves; customers and stores in parts that take
effect together. A run that was killed is simply repeated: a chunk's request id follows from the
file, and what its first run did is answered as a replay."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeVar

import orjson

from schemas.codes import normalise
from schemas.requests import MAX_ITEMS
from schemas.topics import MAX_REQUEST_BYTES, OFFERS
from streams.bulk.conversation import Conversation, Said, in_order
from streams.bulk.tables import MOST_CHARACTERS, Row
from streams.client import new_request
from streams.settings import Settings

V = TypeVar("V")
#: Codes of one request: all of it is decided in one call of the ledger, and tills wait meanwhile.
CODES_A_CHUNK = 250
_WINDOW = 8
#: Of the items of one part as JSON; the rest of the request has room beside them.
_PART_BYTES = MAX_REQUEST_BYTES - 16_384
#: What no other chunk can escape.
_FATAL = ("offer_not_found", "upload_not_allowed")
#: No upload has as many parts. One of them makes the ledger drop what waits of an upload that was
#: given up, so that it is not taken for part of this one.
MAX_PARTS = 100_000
#: How often an upload in parts starts over because another one came between its parts.
_TRIES = 3


class UploadRefused(Exception):
    """Nothing of the rest can be uploaded either. ``said``: the outcome, or what there is of it."""

    def __init__(self, said: Said) -> None:
        super().__init__(said["reason"])
        self.said = said


def upload_id(*content: Any) -> str:
    """A request id that is the same for the same content, and no other's."""
    return hashlib.blake2b(orjson.dumps(content), digest_size=16).hexdigest()


# Codes --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chunk:
    """Rows (line, code and perhaps customer) of one request; ``attempt`` counts from 1 how often
    it was cut down to what is not taken."""

    number: int
    attempt: int
    rows: tuple[Row, ...]

    def request(self, offer_id: str, actor: str, digest: str) -> Said:
        request_id = upload_id("upload_codes", offer_id, digest, self.number)
        if self.attempt > 1:
            request_id = f"{request_id}-{self.attempt}"
        codes = [dict(zip(("code", "customer_id"), _sent(row), strict=False)) for row in self.rows]
        return new_request(
            "upload_codes", request_id=request_id, offer_id=offer_id, actor=actor,
            part=1, parts=1, codes=codes,
        )  # fmt: skip

    def without(self, taken: Iterable[str]) -> tuple[list[Row], "Chunk | None"]:
        """The rows whose codes are taken, and what to send again: None where nothing is left."""
        gone = set(taken)
        refused = [row for row in self.rows if normalise(row[1][0]) in gone]
        rest = tuple(row for row in self.rows if normalise(row[1][0]) not in gone)
        if not refused or not rest:
            return refused, None
        return refused, Chunk(self.number, self.attempt + 1, rest)


def _sent(row: Row) -> tuple[str, ...]:
    """A code goes out as it is written, unless hyphens and spaces make it too long for that."""
    code, *customer = row[1]
    return (code if len(code) <= MOST_CHARACTERS else normalise(code), *filter(None, customer))


def chunks_of(rows: Iterable[Row], size: int = CODES_A_CHUNK) -> Iterator[Chunk]:
    for number, some in enumerate(_cut(rows, size), 1):
        yield Chunk(number, 1, tuple(some))


@dataclass
class CodeUpload:
    """Uploads codes, and counts what came of them by rows of the file. ``replayed``: of those
    uploaded, by a run before; ``refused``: (line, why)."""

    settings: Settings
    offer_id: str
    actor: str
    digest: str
    uploaded: int = 0
    replayed: int = 0
    not_uploaded: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)

    def run(self, chunks: Iterator[Chunk]) -> Iterator[int]:
        """Gives how many rows are answered. Raises `UploadRefused` where the offer takes none."""
        with Conversation[Chunk](self.settings, OFFERS) as conversation:
            while True:
                while conversation.under_way < _WINDOW and (chunk := next(chunks, None)):
                    self._send(conversation, chunk)
                if not conversation.under_way:
                    return
                for chunk, said in conversation.answered():
                    again = self.count(chunk, said)
                    if again is not None:
                        self._send(conversation, again)
                yield self.uploaded + self.not_uploaded

    def _send(self, conversation: Conversation[Chunk], chunk: Chunk) -> None:
        conversation.send(chunk.request(self.offer_id, self.actor, self.digest), chunk)

    def count(self, chunk: Chunk, said: Said) -> Chunk | None:
        """What of a chunk is to be sent again after its outcome; the rest is counted."""
        if said["outcome"] == "accepted":
            self.uploaded += len(chunk.rows)
            self.replayed += len(chunk.rows) if said["replayed"] else 0
            return None
        if said["reason"] in _FATAL:
            raise UploadRefused(said)
        taken, again = chunk.without(said.get("taken") or ())
        self.not_uploaded += len(taken or chunk.rows)
        self.refused += [(line, f"code: {cells[0]} is taken") for line, cells in taken]
        if not taken:
            self.refused.append((chunk.rows[0][0], f"to line {chunk.rows[-1][0]}: {why_of(said)}"))
        return again


def why_of(said: Said) -> str:
    """A rejection in words."""
    detail = f": {said['detail']}" if said.get("detail") else ""
    hint = ""
    if said["reason"] == "request_id_conflict":
        hint = "; the same was sent before with something else about it, such as another --actor"
    return f"refused, {said['reason']}{detail}{hint}"


# Customers and stores -----------------------------------------------------------------------------


def parts_of(values: Iterable[str], size: int = MAX_ITEMS) -> Iterator[list[str]]:
    """Parts that a request can carry."""
    return _cut(values, size, lambda value: len(orjson.dumps(value)) + 1, _PART_BYTES)


def upload_parts(
    settings: Settings, request: Said, items: str, parts: Callable[[], Iterable[list[str]]],
    count: int,
) -> Iterator[Said]:  # fmt: skip
    """Sends all parts, gives each outcome; the last one is `complete`. Raises `UploadRefused`.

    ``request``: what the parts have in common; ``items``: the field of their values. Every start
    sends all parts under new ids: the same file again must take effect again, because another
    one may have taken its place. Where another upload came between the parts, it starts over.
    """
    for _ in range(_TRIES):
        messages = (
            request | new_request(request["type"], part=part, parts=parts_, **{items: values})
            for part, parts_, values in chain(
                [(1, MAX_PARTS, [])] if count > 1 else [],
                ((part, count, values) for part, values in enumerate(parts(), 1)),
            )
        )
        with Conversation[int](settings, OFFERS) as conversation:
            for _, said in in_order(conversation, messages, _WINDOW):
                if said["outcome"] != "accepted":
                    raise UploadRefused(said)
                if said["parts"] == count:
                    yield said
        if said["complete"]:
            return
    raise UploadRefused(said | {"reason": "another upload to this offer came between each time"})


def _cut(
    values: Iterable[V], most: int, size_of: Callable[[V], int] = lambda _: 0, most_size: int = 1
) -> Iterator[list[V]]:
    """Lists of at most so many values whose sizes sum to at most ``most_size``."""
    some: list[V] = []
    size = 0
    for value in values:
        more = size_of(value)
        if some and (len(some) == most or size + more > most_size):
            yield some
            some, size = [], 0
        some.append(value)
        size += more
    if some:
        yield some
