"""The ledger in Redis, as typed calls. One call decides the requests of one partition's batch."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import msgpack

from state import keys
from state.ahead import Ahead
from state.calls import (
    Behind,
    Closed,
    Decided,
    Fenced,
    LedgerAway,
    LedgerError,
    Stale,
    decided,
    errors_of_redis,
)
from state.catalogue import Catalogue
from state.layout import Head, Operation
from state.records import Counts, Range, counts_of, runs_of
from state.restoring import STAMPS_AN_EPOCH, Restoring
from state.scripts import LOOKUP, PLAN, Transition

__all__ = [
    "Answers",
    "Behind",
    "Chain",
    "Closed",
    "Decided",
    "Fenced",
    "Ledger",
    "LedgerAway",
    "LedgerError",
    "Stale",
    "Transition",
]

#: Pieces of a batch, each of another partition.
Pieces = Sequence[tuple[Head, Sequence[Operation]]]
#: The same as a script takes them: the heads, and the operations of all.
Packed = tuple[bytes, bytes]
#: Of each piece what the script answered: how many it told again, and each decision.
Answers = list[list[bytes]]

_REFUSALS = {
    b"CLOSED": Closed,
    b"FENCED": Fenced,
    b"BEHIND": Behind,
    b"STALE": Stale,
    b"SKIPPED": LedgerAway,
}


@dataclass(slots=True)
class Chain:
    """Pieces of a batch that are decided one after the other. One that failed is never answered."""

    unanswered: int = 0


class Ledger(Restoring):
    """Handed to whoever needs it; there may be more than one. Methods block unless async.

    ``memory_days``: how long an answered request id is remembered, at least.
    """

    def __init__(self, url: str, prefix: str, memory_days: int = 7) -> None:
        super().__init__(url, prefix)
        self._ahead = Ahead(url)
        self.memory_days = memory_days
        #: Requests answered by what was decided before a crash or an abort.
        self.told_again = 0

    # Deciding ------------------------------------------------------------------------------------

    async def decide(
        self, chain: Chain, transition: Transition, pieces: Pieces
    ) -> "asyncio.Future[Answers]":
        """Ask for pieces of a batch, each of another partition, before those before them in the
        chain are answered; `read` what the future holds, which fails as `decide_now` does.

        Where an earlier one of a partition wasn't decided these aren't, which is `LedgerAway`: by
        itself a piece above what the ledger has applied would be taken for lost writes.
        """
        follows, packed = chain.unanswered > 0, self._packed(pieces)
        chain.unanswered += 1
        asked = await self._ask_ahead(transition, packed, follows)
        return asyncio.ensure_future(self._answer_to(chain, asked))

    async def _ask_ahead(
        self, transition: Transition, packed: Packed, follows: bool
    ) -> "asyncio.Future[Any]":
        return await self._ahead.ask(transition.value, self.base, *packed, b"1" if follows else b"")

    async def _answer_to(self, chain: Chain, asked: "asyncio.Future[Any]") -> Answers:
        with errors_of_redis():
            answer = await asked
        answers = self._unless_refused(answer)
        chain.unanswered -= 1
        return answers

    def decide_now(self, transition: Transition, pieces: Pieces) -> list[list[Decided]]:
        """For each piece its decisions, in the order of its operations.

        Raises `LedgerAway`, `Closed`, `Fenced`, `Behind` or `Stale`: none of them is decided then,
        or, with the first, maybe all are. Ask again: what was decided answers the same.
        """
        return self.read(self._ask(transition, self._packed(pieces)))

    def read(self, answers: Answers) -> list[list[Decided]]:
        """For each piece its decisions, from what `decide` came to."""
        return [[decided(packed) for packed in answer[1:]] for answer in answers]

    def _packed(self, pieces: Pieces) -> Packed:
        operations = chain.from_iterable(some for _, some in pieces)
        return (
            self._pack([[*head, len(some)] for head, some in pieces]),
            self._pack([*chain.from_iterable(operations)]),
        )

    def _ask(self, transition: Transition, packed: Packed) -> Answers:
        return self._unless_refused(
            self._answered(lambda: transition.value.run(self.client, self.base, *packed, b""))
        )

    def _unless_refused(self, answer: list[Any]) -> Answers:
        status, *answers = answer
        if status != b"OK":
            raise _REFUSALS[status](" ".join(part.decode() for part in answers))
        self.told_again += sum(int(told_again) for told_again, *_ in answers)
        return answers

    def claim(self) -> int:
        """A number above all that were given before: the right to write for a partition."""
        return int(self._answered(lambda: self.client.incr(self.base + "claims")))

    async def offers_of_codes(self, codes: Sequence[str]) -> list[int | None]:
        """For each normalised code the number of the offer it was uploaded to, if any."""
        packed = self._pack([keys.code_key(code) for code in codes])
        answer = await self.in_thread(
            self._answered, lambda: LOOKUP.run(self.client, self.base, packed)
        )
        return [int(number) if number else None for number in answer]

    # The offers to judge by ----------------------------------------------------------------------

    async def refresh(self, catalogue: Catalogue) -> None:
        """Read the offers that changed since the catalogue's stamp.

        All of them after another opening: a change that Redis lost may have been learned.
        """
        stamp, changed, anew = await self.in_thread(self.news, catalogue.stamp)
        if anew:
            catalogue.forget()
        catalogue.learn(stamp, changed)

    def news(self, since: int) -> tuple[int, list[dict[bytes, bytes]], bool]:
        """As `changed_offers`; True: these are all there are, since the ledger was opened anew."""
        stamp, changed = self.changed_offers(since)
        if stamp // STAMPS_AN_EPOCH == since // STAMPS_AN_EPOCH:
            return stamp, changed, False
        return (*self.changed_offers(), True)

    def changed_offers(self, since: int = 0) -> tuple[int, list[dict[bytes, bytes]]]:
        """The newest stamp, and the `offer` of each changed after ``since``, oldest first."""

        def read() -> tuple[int, list[dict[bytes, bytes]]]:
            stamp = int(self.client.get(self.base + "stamp") or 0)
            ids = self.client.zrangebyscore(self.base + "catalogue", f"({since}", "+inf")
            return stamp, self._hashes_of([offer_id.decode() for offer_id in ids])

        return self._answered(read)

    def offer(self, offer_id: str) -> dict[bytes, bytes]:
        """One offer's hash, and as ``counts`` that record; empty where there is none."""
        return self._answered(lambda: self._hashes_of([offer_id]))[0]

    def _hashes_of(self, offer_ids: Sequence[str]) -> list[dict[bytes, bytes]]:
        pipeline = self.client.pipeline(transaction=False)
        for offer_id in offer_ids:
            pipeline.hgetall(f"{self.base}offer:{offer_id}")
            pipeline.get(f"{self.base}counts:{offer_id}")
        found = pipeline.execute()
        return [
            {**fields, b"counts": counts} if counts else fields
            for fields, counts in zip(found[::2], found[1::2], strict=True)
        ]

    def counts(self, offer_ids: Sequence[str]) -> list[Counts]:
        """Of each offer what changes with every request."""

        if not offer_ids:
            return []
        names = [f"{self.base}counts:{offer_id}" for offer_id in offer_ids]
        found = self._answered(lambda: self.client.mget(names))
        return [counts_of(packed) for packed in found]

    def tallies(self, number: int) -> dict[tuple[int, str, str], int]:
        """How many requests of an offer were decided: by day, type, and reason or ``accepted``."""
        found = self._answered(lambda: self.client.hgetall(f"{self.base}tallies:{number}"))
        named = ((field.decode().split(":"), int(count)) for field, count in found.items())
        return {(int(day), kind, result): count for (day, kind, result), count in named}

    # What reminders are due of ------------------------------------------------------------------

    def coupon_runs(self, offer_id: str) -> range:
        """Every run of `RUN_COUPONS` serials that the offer has coupons or codes in."""
        [counts] = self.counts([offer_id])
        return runs_of(0, max(counts.issued, counts.positions))

    def runs_ending(self, offer_id: str, number: int, second: int) -> list[int]:
        """Those with coupons of this offer whose own end is this second."""

        def read() -> tuple[set[bytes], bytes | None]:
            pipeline = self.client.pipeline(transaction=False)
            pipeline.smembers(f"{self.base}ends:{number}:{second}")
            pipeline.hget(f"{self.base}offer:{offer_id}", "ranges")
            members, ranges = pipeline.execute()
            return members, ranges

        members, ranges = self._answered(read)
        runs = set(map(int, members))
        for found in msgpack.unpackb(ranges) if ranges else ():
            if (span := Range(*found)).expires == second:
                runs.update(runs_of(span.first, span.size))
        return sorted(runs)

    def planned(self) -> tuple[int, int | None]:
        """The epoch of this opening, and up to which second reminders that were due have been
        asked for (None: nobody knows). Raises `Closed`, `LedgerAway`."""
        return self._plan(b"", b"")

    def plan_until(self, second: int, epoch: int) -> None:
        """Note that all up to this second was asked for, as it was found since `planned` said this
        epoch. Raises `Closed` where that is over: there may have been more. `LedgerAway`."""
        self._plan(b"%d" % epoch, b"%d" % second)

    def _plan(self, *arguments: bytes) -> tuple[int, int | None]:
        answer = self._answered(lambda: PLAN.run(self.client, self.base, *arguments))
        if answer[0] != b"OK":
            raise Closed("reminders are planned on an open ledger only")
        return int(answer[1]), int(answer[2]) if answer[2] else None

    # How far workers have read the org entities ---------------------------------------------------

    def note_reader(self, place: str, positions: dict[int, int], at: float) -> None:
        """This place has read up to these offsets by partition; ``at``: seconds since 1970."""
        noted = msgpack.packb([at, sorted(positions.items())])
        self._answered(lambda: self.client.hset(f"{self.base}readers", place, noted))

    def readers(self) -> dict[str, tuple[float, dict[int, int]]]:
        """Of each place: when it last said so (seconds since 1970), and its positions."""
        found = self._answered(lambda: self.client.hgetall(f"{self.base}readers"))
        noted = {place.decode(): msgpack.unpackb(content) for place, content in found.items()}
        return {place: (at, dict(positions)) for place, (at, positions) in noted.items()}
