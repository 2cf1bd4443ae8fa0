"""One Redis as the ledger's scripts use it, and the ledger that calls it.

The rules are those of ``state/lua/fence.lua`` and ``open.lua``, with the least there is to decide:
one offer whose redemptions are counted up to a cap. `test_model.py` holds them against the real
script on a real server.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from state.layout import Head
from state.ledger import (
    _REFUSALS,
    STAMPS_AN_EPOCH,
    Decided,
    Ledger,
    LedgerAway,
    Transition,
)


class Operation(NamedTuple):
    offset: int
    request_id: str


class Answer(NamedTuple):
    """``total``: None where it was refused."""

    replayed: bool
    total: int | None


class Link(NamedTuple):
    """How far a partition is decided, and by whom."""

    claim: int
    applied: int


class Content(NamedTuple):
    """All that Redis holds. Never changed: what was before can be had again."""

    opened: int | None = None
    epoch: int = 0
    restorer: tuple[str, int] | None = None  # who, and on which server
    claims: int = 0
    stamp: int = 0
    chain: Mapping[int, Link] = {}
    kept: Mapping[int, Mapping[int, Mapping[int, Answer]]] = {}
    remembered: Mapping[str, Answer] = {}
    accepted: int = 0

    def applied(self, partition: int) -> int:
        return self.chain[partition].applied if partition in self.chain else 0


#: Status, answers by offset, how many were decided before, what is held then.
Told = tuple[str, dict[int, Answer], int, Content]


class Rules:
    """What the script refuses, answers from memory and decides, in its order."""

    def __init__(self, cap: int) -> None:
        self._cap = cap

    def decide(
        self,
        before: Content,
        run_id: int,
        head: Head,
        operations: Sequence[Any],
        follows: bool = False,
    ) -> Told:
        """The status, an answer for each offset, how many were decided before, what is now."""
        if before.opened != run_id:
            return "CLOSED", {}, 0, before
        claim, applied = before.chain.get(head.partition, Link(0, 0))
        if self.is_fenced(head.claim, claim):
            return "FENCED", {}, 0, before
        behind: Told = "BEHIND", {}, 0, before._replace(opened=None, epoch=0)
        if applied < head.committed:
            return behind
        if applied < head.from_:
            return ("SKIPPED", {}, 0, before) if follows else behind
        answers = self.told_again(before, head, operations, applied)
        if answers is None:
            return behind
        if head.stamp is not False and head.stamp != before.stamp:
            return "STALE", {}, 0, before
        undecided = [one for one in operations if one.offset not in answers]
        now, fresh = self._decided(before, undecided)
        kept = {
            to: stored
            for to, stored in now.kept.get(head.partition, {}).items()
            if to > head.committed
        }
        if fresh and head.to > head.committed:
            kept[head.to] = {**kept.get(head.to, {}), **fresh}
        link = Link(head.claim, max(applied, head.to))
        now = now._replace(
            chain={**now.chain, head.partition: link},
            kept={**now.kept, head.partition: kept},
        )
        return "OK", {**answers, **fresh}, len(answers), now

    def decide_together(
        self,
        before: Content,
        run_id: int,
        pieces: Sequence[tuple[Head, Sequence[Any]]],
        follows: bool = False,
    ) -> tuple[str, list[dict[int, Answer]], int, Content]:
        """All of several partitions, or none: the first status that isn't "OK", "STALE" last."""
        now, told = before, []
        for head, operations in pieces:
            told.append(self.decide(now, run_id, head, operations, follows))
            now = told[-1][3]
        refusals = [status for status, *_ in told if status != "OK"]
        if refusals:
            status = next((one for one in refusals if one != "STALE"), "STALE")
            is_behind = status == "BEHIND"
            after = before._replace(opened=None, epoch=0) if is_behind else before
            return status, [], 0, after
        return "OK", [answers for _, answers, *_ in told], sum(one[2] for one in told), now

    def is_fenced(self, claim: int, newest: int) -> bool:
        return claim < newest

    def told_again(
        self, before: Content, head: Head, operations: Sequence[Any], applied: int
    ) -> dict[int, Answer] | None:
        """The answers to what is decided already. None: one of them is not there any more."""
        stored: dict[int, Answer] = {}
        for answers in before.kept.get(head.partition, {}).values():
            stored.update(answers)
        decided = [one.offset for one in operations if one.offset < applied]
        if not all(offset in stored for offset in decided):
            return None
        return {offset: stored[offset] for offset in decided}

    def _decided(
        self, before: Content, operations: Sequence[Any]
    ) -> tuple[Content, dict[int, Answer]]:
        remembered, accepted, answers = dict(before.remembered), before.accepted, {}
        for one in operations:
            seen = remembered.get(one.request_id)
            if seen is not None:
                answers[one.offset] = seen._replace(replayed=True)
                continue
            total = accepted + 1 if accepted < self._cap else None
            accepted += total is not None
            answers[one.offset] = remembered[one.request_id] = Answer(False, total)
        return before._replace(remembered=remembered, accepted=accepted), answers


class Redis:
    """The server: what it holds, and what it held before each of its last writes."""

    def __init__(self, rules: Rules) -> None:
        self.rules, self.run_id = rules, 1
        self.content = Content(opened=1, epoch=1, claims=STAMPS_AN_EPOCH, stamp=STAMPS_AN_EPOCH)
        self.losses = 0
        self._before: list[Content] = []
        self._key: tuple[Content, str] = (self.content, "")

    def write(self, now: Content) -> None:
        if now is not self.content:
            self._before = [*self._before[-1:], self.content]
            self.content = now

    @property
    def is_open(self) -> bool:
        return self.content.opened == self.run_id

    def open_for(self, epoch: int, committed: Mapping[int, int]) -> None:
        """Whoever decides from here on is of this epoch. The lock is given back."""
        floor, now = epoch * STAMPS_AN_EPOCH, self.content
        chain = {
            p: now.chain.get(p, Link(0, 0))._replace(applied=max(now.applied(p), offset))
            for p, offset in committed.items()
        }
        self.write(
            now._replace(
                opened=self.run_id,
                epoch=epoch,
                restorer=None,
                claims=floor,
                stamp=floor,
                chain=chain,
            )
        )

    def locked_by(self) -> str | None:
        """Nobody, where the lock was taken on a server that this one has come after."""
        lock = self.content.restorer
        return lock[0] if lock is not None and lock[1] == self.run_id else None

    def lock(self, restorer: str) -> None:
        self.write(self.content._replace(restorer=(restorer, self.run_id)))

    def unlock(self) -> None:
        """The restorer has held its lock for too long."""
        self.write(self.content._replace(restorer=None))

    def edit(self) -> None:
        """An offer changes."""
        self.write(self.content._replace(stamp=self.content.stamp + 1))

    def can_lose(self) -> Sequence[int | None]:
        """How many of its last writes; None: all."""
        return [*range(len(self._before) + 1), None]

    def lose(self, writes: int | None) -> None:
        """It comes back as another server, without some of its last writes."""
        if writes is None:
            self.content = Content()
        elif writes:
            self.content = self._before[-writes]
        self.run_id, self._before, self.losses = self.run_id + 1, [], self.losses + 1

    def key(self, with_past: bool) -> tuple[Any, ...]:
        """What it is known by: servers of equal keys answer alike from here on."""
        if self._key[0] is not self.content or not self._key[1]:
            self._key = self.content, repr(self.content)
        past = tuple(map(repr, self._before)) if with_past else ()
        return self.run_id, self.losses > 0, self._key[1], past


class Caller(Protocol):
    """The worker whose call it is; see `tests.simulation.worker`."""

    def call(self, name: str, apply: Any, variants: Any = (), when: Any = None) -> Any: ...

    def broken(self, promise: str) -> Any: ...


class ModelLedger(Ledger):
    """The project's ledger, with calls to the model instead of a server."""

    def __init__(self, redis: Redis, caller: Caller) -> None:
        self._redis, self._caller = redis, caller
        self.memory_days, self.told_again = 7, 0
        self._thread: Any = None

    def _packed(self, pieces: Any) -> Any:
        return pieces

    def read(self, answers: Any) -> list[list[Decided]]:
        return list(answers)

    async def _ask_ahead(
        self, transition: Transition, pieces: Any, follows: bool
    ) -> asyncio.Future[Any]:
        del transition
        return self.in_thread(self._call, pieces, follows)

    def _call(self, pieces: Any, follows: bool) -> Any:
        def apply(variant: str) -> tuple[str, list[dict[int, Answer]], int]:
            if variant == "away":
                raise LedgerAway("Redis doesn't answer")
            status, answers, replays, now = self._redis.rules.decide_together(
                self._redis.content, self._redis.run_id, pieces, follows
            )
            self._redis.write(now)
            if status == "BEHIND" and not self._redis.losses:
                raise self._caller.broken("a ledger that lost nothing was taken for one that did")
            if variant == "lost":
                raise LedgerAway("Redis doesn't answer")
            return status, answers, replays

        places = (f"{head.partition}:[{head.from_},{head.to})" for head, _ in pieces)
        name = f"decide {' '.join(places)}"
        return *self._caller.call(name, apply, ("lost", "away")), pieces

    def _unless_refused(self, answer: Any) -> list[Any]:
        status, answers, replays, pieces = answer
        if status != "OK":
            raise _REFUSALS[status.encode()](status)
        self.told_again += replays
        return [
            [Decided(told[one.offset].replayed, [told[one.offset].total]) for one in operations]
            for (_, operations), told in zip(pieces, answers, strict=True)
        ]

    def claim(self) -> int:
        def apply(variant: str) -> int:
            content = self._redis.content
            self._redis.write(content._replace(claims=content.claims + 1))
            if variant == "lost":
                raise LedgerAway("Redis doesn't answer")
            return self._redis.content.claims

        return int(self._caller.call("claim", apply, ("lost",)))

    async def refresh(self, catalogue: Any) -> None:
        read = self._caller.call
        catalogue.stamp = await self.in_thread(
            read, "read offers", lambda _: self._redis.content.stamp
        )
