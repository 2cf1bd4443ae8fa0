"""The ledger in Redis, as typed calls. One call decides the requests of one partition's batch."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import msgpack
import redis

from state import keys
from state.calls import Behind, Closed, Decided, Fenced, LedgerAway, LedgerError, Stale, decided
from state.catalogue import Catalogue
from state.layout import RUN_COUPONS, Head, Operation
from state.restoring import STAMPS_AN_EPOCH, Restoring
from state.scripts import LOOKUP, Script, Transition

__all__ = [
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

_REFUSALS = {b"CLOSED": Closed, b"FENCED": Fenced, b"BEHIND": Behind, b"STALE": Stale}


@dataclass(slots=True)
class Chain:
    """Pieces of a batch that are decided one after the other."""

    broken: bool = False


class Ledger(Restoring):
    """Handed to whoever needs it; there may be more than one. Methods block unless async.

    ``memory_days``: how long an answered request id is remembered, at least.
    """

    def __init__(self, url: str, prefix: str, memory_days: int = 7) -> None:
        super().__init__(url, prefix)
        self.memory_days = memory_days
        #: Requests answered by what was decided before a crash or an abort.
        self.told_again = 0

    # Deciding ------------------------------------------------------------------------------------

    def decide(
        self,
        chain: Chain,
        transition: Transition,
        batches: Sequence[tuple[Head, Sequence[Operation]]],
    ) -> "asyncio.Future[Any]":
        """Start to decide pieces of a batch, of each partition one; `read` what the future holds,
        which fails as `decide_now` does. They stand on those before them.

        Where an earlier one of the chain failed they aren't asked, which is `LedgerAway`: a piece
        above what the ledger has applied would be taken for lost writes.
        """
        calls = self._packed(batches)  # here: while the thread does anything, Redis has no work

        def decide() -> Any:
            if chain.broken:
                raise LedgerAway("an earlier piece of the batch was not decided")
            chain.broken = True
            found = self._ask(transition, calls)
            chain.broken = False
            return found

        return self.in_thread(decide)

    def decide_now(
        self, transition: Transition, batches: Sequence[tuple[Head, Sequence[Operation]]]
    ) -> list[list[Decided]]:
        """For each batch its decisions, in the order of its operations.

        Raises `LedgerAway`, `Closed`, `Fenced`, `Behind` or `Stale`; then ask again for all of
        them: what was applied answers the same.
        """
        return self.read(self._ask(transition, self._packed(batches)))

    def read(self, answers: Any) -> list[list[Decided]]:
        """For each batch its decisions, from what `decide` came to."""
        return [[decided(packed) for packed in answer[2:]] for answer in answers]

    def _packed(self, batches: Sequence[tuple[Head, Sequence[Operation]]]) -> Any:
        return [
            (self._pack(head), self._pack([*chain.from_iterable(operations)]))
            for head, operations in batches
        ]

    def _ask(self, transition: Transition, calls: Any) -> Any:
        answers = self._answered(lambda: self._run_all(transition.value, calls))
        for answer in answers:
            if answer[0] != b"OK":
                raise _REFUSALS[answer[0]](" ".join(part.decode() for part in answer[1:]))
            self.told_again += int(answer[1])
        return answers

    def _run_all(self, script: Script, calls: list[tuple[bytes, bytes]]) -> list[list[bytes]]:
        if len(calls) == 1:
            return [script.run(self.client, self.base, *calls[0])]
        pipeline = self.client.pipeline(transaction=False)
        for call in calls:
            pipeline.evalsha(script.sha, 1, self.base, *call)
        answers: list[Any] = pipeline.execute(raise_on_error=False)
        failures = [answer for answer in answers if isinstance(answer, Exception)]
        if any(isinstance(failure, redis.exceptions.NoScriptError) for failure in failures):
            return [script.run(self.client, self.base, *call) for call in calls]
        for failure in failures:
            raise failure
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
        """The newest stamp, and the hashes of offers changed after ``since``, oldest first."""

        def read() -> tuple[int, list[dict[bytes, bytes]]]:
            stamp = int(self.client.get(self.base + "stamp") or 0)
            ids = self.client.zrangebyscore(self.base + "catalogue", f"({since}", "+inf")
            pipeline = self.client.pipeline(transaction=False)
            for offer_id in ids:
                pipeline.hgetall(self.base + "offer:" + offer_id.decode())
            return stamp, pipeline.execute()

        return self._answered(read)

    def counts(self, offer_ids: Sequence[str]) -> list[dict[bytes, bytes]]:
        """Of each offer the fields of its hash that change with every request."""
        names = (b"issued", b"skipped", b"redeemed", b"last_issued", b"last_redeemed")

        def read() -> list[list[bytes | None]]:
            pipeline = self.client.pipeline(transaction=False)
            for offer_id in offer_ids:
                pipeline.hmget(f"{self.base}offer:{offer_id}", names)
            found: list[list[bytes | None]] = pipeline.execute()
            return found

        return [
            {name: value for name, value in zip(names, found, strict=True) if value is not None}
            for found in self._answered(read)
        ]

    def offer(self, offer_id: str) -> dict[bytes, bytes]:
        """One offer's hash, empty where there is none."""
        return self._answered(lambda: self.client.hgetall(f"{self.base}offer:{offer_id}"))

    def tallies(self, number: int) -> dict[tuple[int, str, str], int]:
        """How many requests of an offer were decided: by day, type, and reason or ``accepted``."""
        found = self._answered(lambda: self.client.hgetall(f"{self.base}tallies:{number}"))
        named = ((field.decode().split(":"), int(count)) for field, count in found.items())
        return {(int(day), kind, result): count for (day, kind, result), count in named}

    # What reminders are due of ------------------------------------------------------------------

    def coupon_runs(self, offer_id: str) -> range:
        """Every run of `RUN_COUPONS` serials that the offer has coupons or codes in."""
        fields = self._answered(
            lambda: self.client.hmget(f"{self.base}offer:{offer_id}", "issued", "positions")
        )
        return range(-(-max(int(field or 0) for field in fields) // RUN_COUPONS))

    def runs_ending(self, number: int, second: int) -> list[int]:
        """Those with coupons of this offer whose own end is this second."""
        return sorted(
            map(
                int,
                self._answered(lambda: self.client.smembers(f"{self.base}ends:{number}:{second}")),
            )
        )

    def planned_until(self) -> int | None:
        """Up to which second reminders that were due have been asked for; None: nobody knows."""
        found = self._answered(lambda: self.client.get(self.base + "planned"))
        return None if found is None else int(found)

    def plan_until(self, second: int) -> None:
        self._answered(lambda: self.client.set(self.base + "planned", second))

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
