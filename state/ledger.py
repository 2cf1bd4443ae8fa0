"""The ledger in Redis, as typed calls. One call decides the requests of one partition's batch."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import msgpack
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from state import keys
from state.catalogue import Catalogue
from state.connecting import first_words
from state.layout import Head
from state.scripts import LOOKUP, OPEN, RESTORE, TAKE_LOCK, WIPE, Script, Transition

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
            redis_connect_func=first_words,
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
            self._answered, lambda: LOOKUP.run(self.client, self.base, packed)
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

    def eviction(self) -> str | None:
        """By which policy this server throws keys away when it is full; None: it doesn't."""
        found = self._answered(lambda: self.client.info("memory"))
        policy = str(found.get("maxmemory_policy", "noeviction"))
        return policy if found.get("maxmemory", 0) and policy != "noeviction" else None

    def applied(self, lane: str, partition: int) -> int | None:
        """Below which offset all requests are decided, None where none ever was."""
        found = self._answered(
            lambda: self.client.hget(f"{self.base}chain:{lane}:{partition}", "applied")
        )
        return None if found is None else int(found)

    def lock_for_restore(self, token: str, seconds: int) -> bool:
        """Take the restorer's lock on this server, or keep it. False: somebody else has it."""
        return self._lock(token, seconds, b"take")

    def keep_lock(self, token: str, seconds: int) -> bool:
        """False where it is lost, to another one or with the server that it was taken on."""
        return self._lock(token, seconds, b"keep")

    def _lock(self, token: str, seconds: int, how: bytes) -> bool:
        call = partial(TAKE_LOCK.run, self.client, self.base, token.encode(), b"%d" % seconds, how)
        return bool(self._answered(call)[0] == b"OK")

    def unlock(self, token: str) -> None:
        key = self.base + "restorer"
        if (self._answered(lambda: self.client.get(key)) or b"").startswith(f"{token}@".encode()):
            self._answered(lambda: self.client.delete(key))

    def close(self) -> None:
        """Nobody decides from here on, until `open`."""
        self._answered(lambda: self.client.delete(self.base + "open"))

    def wipe(self, everything: bool = False) -> None:
        """Delete the whole ledger, but for the restorer's lock unless that too."""
        for some in self._keys(everything):
            self._answered(partial(self.client.unlink, *some))

    def begin_anew(self, token: str, epoch: int) -> None:
        """A closed ledger of this epoch that holds nothing."""
        for _ in self.wiping(token, epoch):
            pass

    def wiping(self, token: str, epoch: int) -> Iterator[None]:
        """The steps of `begin_anew`. One half wiped is of no epoch."""
        first = [f"{self.base}{name}".encode() for name in ("open", "epoch")]
        for some in chain([first], self._keys()):
            self._as_restorer(WIPE, token, b"", *some)
            yield
        self._as_restorer(WIPE, token, b"%d" % epoch)

    def _keys(self, everything: bool = False) -> Iterator[list[bytes]]:
        """All keys, some thousand at a time, but for the restorer's lock unless that too."""
        spared = b"" if everything else (self.base + "restorer").encode()
        cursor = None
        while cursor != 0:
            look = partial(self.client.scan, cursor or 0, _literal(self.base) + "*", 5000)
            cursor, found = self._answered(look)
            if found := [key for key in found if key != spared]:
                yield found

    def merge(self, token: str, changes: dict[str, Any]) -> None:
        """Put what `Restorer.take` gave into a closed ledger, and note that it is there."""
        self._as_restorer(RESTORE, token, self._pack(changes))

    @contextmanager
    def merging(self, token: str) -> Iterator[Callable[[dict[str, Any]], None]]:
        """Hands out a `merge` that isn't waited for: the next one, or the end of the block, does.

        So Redis works while the next changes are collected, and no thread is needed for it.
        """
        connection = self._answered(self.client.connection_pool.get_connection)
        underway = False

        def wait() -> None:
            nonlocal underway
            if underway and self._answered(connection.read_response)[0] != b"OK":
                raise Fenced("another restorer took over")
            underway = False

        def merge(changes: dict[str, Any]) -> None:
            nonlocal underway
            call = "EVAL", RESTORE.text, 1, self.base, token, self._pack(changes)
            wait()
            underway = True
            self._answered(partial(connection.send_command, *call))

        try:
            yield merge
            wait()
        finally:
            if underway:
                connection.disconnect()
            self.client.connection_pool.release(connection)

    def epoch(self) -> int:
        """How often this ledger was opened, as Redis has it. 0 where it never was."""
        return int(self._answered(lambda: self.client.get(self.base + "epoch")) or 0)

    def versions(self, offer_ids: Sequence[str]) -> list[int]:
        """Of each offer, 0 where it isn't there."""

        def read() -> list[bytes | None]:
            pipeline = self.client.pipeline(transaction=False)
            for offer_id in offer_ids:
                pipeline.hget(f"{self.base}offer:{offer_id}", "version")
            answers: list[bytes | None] = pipeline.execute()
            return answers

        return [int(version or 0) for version in self._answered(read)]

    def stored(self, lane: str, partition: int) -> dict[int, Decided]:
        """Decisions by offset: those that weren't committed when the partition was last asked of,
        and maybe some more."""
        name = f"{self.base}decisions:{lane}:{partition}"
        found: dict[int, Decided] = {}
        for packed in self._answered(lambda: self.client.hvals(name)):
            batch = msgpack.unpackb(packed, raw=True)
            found.update(zip(batch[::2], map(_decided, batch[1::2]), strict=True))
        return found

    def open(self, token: str, epoch: int, chains: dict[str, int]) -> None:
        """Open it for an epoch above all before. ``chains``: committed offsets by place."""
        floor = epoch * STAMPS_AN_EPOCH
        content = {"epoch": epoch, "floor": floor, "chains": chains}
        self._as_restorer(OPEN, token, self._pack(content))

    def _as_restorer(self, script: Script, token: str, *arguments: bytes) -> None:
        call = partial(script.run, self.client, self.base, token.encode(), *arguments)
        if self._answered(call)[0] != b"OK":
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
