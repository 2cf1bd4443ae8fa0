"""The ledger in Redis, as typed calls. One call decides the requests of one partition's batch."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from hashlib import sha1
from importlib.resources import files
from typing import Any, NamedTuple, TypeVar

import msgpack
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from state import keys
from state.catalogue import Catalogue
from state.layout import Head, IssueOp, OfferOp, RedeemOp, RevokeOp, lua_names

T = TypeVar("T")
#: Claims and stamps given between two openings at the most; each epoch begins at a multiple.
STAMPS_AN_EPOCH = 1_000_000_000
#: Seconds. A server that takes a connection but no longer answers counts as away.
_TIMEOUT_S = 5.0
#: Errors of a server that may get over them: decide nothing, ask again.
_PASSING = ("OOM", "MISCONF", "READONLY", "LOADING", "NOREPLICAS", "MASTERDOWN", "TRYAGAIN", "BUSY")


class LedgerError(Exception):
    """The ledger did not decide."""


class LedgerAway(LedgerError):
    """Redis doesn't answer, or can't write. Ask again: a call that was applied answers the same."""


class Closed(LedgerError):
    """This server isn't the one that restore opened last, or nobody opened it."""


class Fenced(LedgerError):
    """Another worker has claimed the partition since."""


class Behind(LedgerError):
    """Redis lost writes: it knows less than Kafka has committed. The ledger is closed now."""


class Stale(LedgerError):
    """An offer changed since the batch was judged: read it and judge again."""


_REFUSALS = {b"CLOSED": Closed, b"FENCED": Fenced, b"BEHIND": Behind, b"STALE": Stale}


class Script:
    """A Lua program of ``state/lua``: its parts in order, named fields and reasons above them."""

    def __init__(self, *parts: str, operation: type[NamedTuple] | None = None) -> None:
        folder = files("state") / "lua"
        texts = [(folder / f"{part}.lua").read_text("utf-8") for part in parts]
        self.text = "\n".join([lua_names(operation), *texts])
        self.sha = sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def run(self, client: Any, base: str, *arguments: bytes) -> list[bytes]:
        """Its answer. Loads itself where the server doesn't know it yet."""
        try:
            answer: list[bytes] = client.evalsha(self.sha, 1, base, *arguments)
        except redis.exceptions.NoScriptError:
            answer = client.eval(self.text, 1, base, *arguments)
        return answer


#: What is in the ledger, as every script reads and writes it.
_STATE = ("prelude", "offer", "coupons", "customers")


class Transition(Enum):
    """What a batch of requests can do to the ledger."""

    ISSUE = Script(*_STATE, "batch", "issue", operation=IssueOp)
    REDEEM = Script(
        *_STATE, "batch", "refusals", "common_code", "redeem", "reverse", operation=RedeemOp
    )
    REVOKE = Script(*_STATE, "batch", "revoke", operation=RevokeOp)
    OFFERS = Script(*_STATE, "registers", "parts", "batch", "offers", "uploads", operation=OfferOp)


_RESTORE = Script(*_STATE, "registers", "parts", "restore")
_OPEN = Script("prelude", "open")
_LOOKUP = Script(*_STATE, "lookup")


@dataclass(slots=True)
class Chain:
    """Pieces of a batch that are decided one after the other."""

    broken: bool = False


class Decided(NamedTuple):
    """A decision as the ledger gave it: see `state.layout.Decision` and what follows there."""

    replayed: bool
    content: list[Any]


class Ledger:
    """Handed to whoever needs it; there may be more than one. Methods block unless async.

    ``memory_days``: how long an answered request id is remembered, at least.
    """

    def __init__(self, url: str, prefix: str, memory_days: int = 7) -> None:
        self.client: Any = redis.Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
        )
        self.base = keys.base(prefix)
        self.memory_days = memory_days
        #: Requests answered by what was decided before a crash or an abort.
        self.told_again = 0
        self._pack = msgpack.Packer(use_bin_type=False, autoreset=True).pack
        self._thread = ThreadPoolExecutor(1, "ledger")

    # Deciding ------------------------------------------------------------------------------------

    def decide(
        self, chain: Chain, transition: Transition, head: Head, operations: Sequence[NamedTuple]
    ) -> "asyncio.Future[list[Decided]]":
        """Start to decide a piece of a batch; see `decide_now`. It stands on the one before it.

        Where an earlier piece of the chain failed it isn't asked, which is `LedgerAway`: a piece
        above what the ledger has applied would be taken for lost writes.
        """

        def decide() -> list[Decided]:
            if chain.broken:
                raise LedgerAway("an earlier piece of the batch was not decided")
            chain.broken = True
            (found,) = self.decide_now(transition, [(head, operations)])
            chain.broken = False
            return found

        return self.in_thread(decide)

    def decide_now(
        self, transition: Transition, batches: Sequence[tuple[Head, Sequence[NamedTuple]]]
    ) -> list[list[Decided]]:
        """For each batch its decisions, in the order of its operations.

        Raises `LedgerAway`, `Closed`, `Fenced`, `Behind` or `Stale`; then ask again for all of
        them: what was applied answers the same.
        """
        script = transition.value
        calls = [(self._pack(head), self._pack(operations)) for head, operations in batches]
        answers = self._answered(lambda: self._run_all(script, calls))
        for answer in answers:
            if answer[0] != b"OK":
                raise _REFUSALS[answer[0]](" ".join(part.decode() for part in answer[1:]))
            self.told_again += int(answer[1])
        return [[_decided(packed) for packed in answer[2:]] for answer in answers]

    def _run_all(self, script: Script, calls: list[tuple[bytes, bytes]]) -> list[list[bytes]]:
        if len(calls) == 1:
            return [script.run(self.client, self.base, *calls[0])]
        pipeline = self.client.pipeline(transaction=False)
        for call in calls:
            pipeline.evalsha(script.sha, 1, self.base, *call)
        try:
            answers: list[list[bytes]] = pipeline.execute()
        except redis.exceptions.NoScriptError:
            self.client.script_load(script.text)
            answers = [script.run(self.client, self.base, *call) for call in calls]
        return answers

    def claim(self) -> int:
        """A number above all that were given before: the right to write for a partition."""
        return int(self._answered(lambda: self.client.incr(self.base + "claims")))

    async def offers_of_codes(self, codes: Sequence[str]) -> list[int | None]:
        """For each normalised code the number of the offer it was uploaded to, if any."""
        packed = self._pack([keys.code_key(code) for code in codes])
        answer = await self.in_thread(
            self._answered, lambda: _LOOKUP.run(self.client, self.base, packed)
        )
        return [int(number) if number else None for number in answer]

    # The offers to judge by ----------------------------------------------------------------------

    async def refresh(self, catalogue: Catalogue) -> None:
        """Read the offers that changed since the catalogue's stamp.

        All of them after another opening: a change that Redis lost may have been learned.
        """
        stamp, changed = await self.in_thread(self.changed_offers, catalogue.stamp)
        if stamp // STAMPS_AN_EPOCH != catalogue.stamp // STAMPS_AN_EPOCH:
            stamp, changed = await self.in_thread(self.changed_offers)
            catalogue.forget()
        catalogue.learn(stamp, changed)

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

    def offer(self, offer_id: str) -> dict[bytes, bytes]:
        """One offer's hash, empty where there is none."""
        return self._answered(lambda: self.client.hgetall(f"{self.base}offer:{offer_id}"))

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

    # Restoring -----------------------------------------------------------------------------------

    def is_open(self) -> bool:
        """Whether restore opened this very server. Raises `LedgerAway`."""

        def read() -> bool:
            opened = self.client.get(self.base + "open")
            run_id = self.client.info("server")["run_id"]
            return opened is not None and opened.decode() == run_id

        return self._answered(read)

    def applied(self, lane: str, partition: int) -> int | None:
        """Below which offset all requests are decided, None where none ever was."""
        found = self._answered(
            lambda: self.client.hget(f"{self.base}chain:{lane}:{partition}", "applied")
        )
        return None if found is None else int(found)

    def lock_for_restore(self, token: str, seconds: int) -> bool:
        """Take the restorer's lock, or keep it. False: somebody else has it."""
        key = self.base + "restorer"

        def take() -> bool:
            if self.client.set(key, token, nx=True, ex=seconds):
                return True
            if self.client.get(key) != token.encode():
                return False
            return bool(self.client.expire(key, seconds))

        return self._answered(take)

    def unlock(self, token: str) -> None:
        if self.client.get(self.base + "restorer") == token.encode():
            self.client.delete(self.base + "restorer")

    def close(self) -> None:
        """Nobody decides from here on, until `open`."""
        self._answered(lambda: self.client.delete(self.base + "open"))

    def wipe(self, everything: bool = False) -> None:
        """Delete the whole ledger, but for the restorer's lock unless that too."""
        spared = b"" if everything else (self.base + "restorer").encode()

        def delete() -> None:
            batch: list[bytes] = []
            for key in self.client.scan_iter(match=_literal(self.base) + "*", count=5000):
                if key != spared:
                    batch.append(key)
                if len(batch) >= 5000:
                    self.client.unlink(*batch)
                    batch = []
            if batch:
                self.client.unlink(*batch)

        self._answered(delete)

    def merge(self, token: str, facts: Sequence[Sequence[Any]]) -> None:
        """Put what the outcomes say into a closed ledger; `lua/restore.lua` lists the facts."""
        self._restorer(_RESTORE, token, facts)

    def epoch(self) -> int:
        """How often this ledger was opened, as Redis has it. 0 where it never was."""
        return int(self._answered(lambda: self.client.get(self.base + "epoch")) or 0)

    def open(self, token: str, epoch: int, numbers: int, chains: dict[str, int]) -> None:
        """Open it for an epoch above all before. ``numbers``: the highest an offer has;
        ``chains``: applied offsets by place, for those that change."""
        floor = epoch * STAMPS_AN_EPOCH
        content = {"epoch": epoch, "floor": floor, "numbers": numbers, "chains": chains}
        self._restorer(_OPEN, token, content)

    def _restorer(self, script: Script, token: str, content: Any) -> None:
        packed = self._pack(content)
        answer = self._answered(lambda: script.run(self.client, self.base, token.encode(), packed))
        if answer[0] != b"OK":
            raise Fenced("another restorer took over")

    # ---------------------------------------------------------------------------------------------

    def in_thread(self, call: Callable[..., T], *arguments: Any) -> "asyncio.Future[T]":
        """Start one of the blocking calls; they are answered in their order."""
        return asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)

    def _answered(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError) as error:
            raise LedgerAway(f"Redis doesn't answer: {error}") from error
        except redis.exceptions.ResponseError as error:
            if str(error).split(" ", 1)[0].rstrip(":") in _PASSING:
                raise LedgerAway(f"Redis can't write: {error}") from error
            raise


def _decided(packed: bytes) -> Decided:
    return Decided(packed[:1] == b"1", msgpack.unpackb(memoryview(packed)[1:]))


def _literal(text: str) -> str:
    """A key as a pattern that matches only itself."""
    return "".join(f"\\{c}" if c in "*?[]\\" else c for c in text)
