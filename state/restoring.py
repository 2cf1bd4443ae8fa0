"""What a restorer does to the ledger and asks of it; whether it is open, others ask too."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import Any

import msgpack

from state.calls import Calls, Closed, Decided, Fenced, decided
from state.records import LAYOUT
from state.scripts import GROW, OPEN, RESTORE, TAKE_LOCK, WIPE, Script
from state.tables import BucketOf, buckets_of

#: Claims and stamps given between two openings at the most; each epoch begins at a multiple.
STAMPS_AN_EPOCH = 1_000_000_000
#: Buckets that one call splits.
_BUCKETS_A_CALL = 2_000
#: Merges that Redis has to do while the next is collected: it never waits for one.
_MERGES_AHEAD = 2


class Restoring(Calls):
    """What a restorer does and asks: locks, looks at what is there, closes, wipes, merges, opens.

    All that has a ``token`` raises `Fenced` where another restorer holds the lock by now.
    """

    def is_open(self) -> bool:
        """Whether restore opened this very server. Raises `LedgerAway`."""

        def read() -> bool:
            opened = self.client.get(self.base + "open")
            run_id = self.client.info("server")["run_id"]
            return opened is not None and opened.decode() == run_id

        return self._answered(read) and self._has_this_layout()

    def _has_this_layout(self) -> bool:
        found = self._answered(lambda: self.client.get(self.base + "layout"))
        return int(found or 0) == LAYOUT

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

    def decided_below(self, partitions: dict[str, int]) -> dict[str, dict[int, int]]:
        """Of each lane with so many partitions the offsets below which all requests are decided, by
        partition. Raises `Closed` where these may be less than was decided when this was asked,
        since the ledger was lost; `LedgerAway`."""
        places = [(lane, p) for lane, count in partitions.items() for p in range(count)]

        def read() -> list[bytes | None]:
            pipeline = self.client.pipeline(transaction=False)
            for lane, partition in places:
                pipeline.hget(f"{self.base}chain:{lane}:{partition}", "applied")
            found: list[bytes | None] = pipeline.execute()
            return found

        applied = self._answered(read)
        if not self.is_open():
            raise Closed("the ledger was lost meanwhile")
        decided: dict[str, dict[int, int]] = {lane: {} for lane in partitions}
        for (lane, partition), offset in zip(places, applied, strict=True):
            decided[lane][partition] = int(offset or 0)
        return decided

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
        for some in self._keys(*(() if everything else ("restorer",))):
            self._answered(partial(self.client.unlink, *some))

    def begin_anew(self, token: str, epoch: int, places: Iterable[str] = ()) -> None:
        """A closed ledger of this epoch that holds nothing, of none of these places. How many calls
        wrote stays: what a torn log may still bring back is known by that."""
        for _ in self.wiping(token, epoch, places):
            pass

    def wiping(self, token: str, epoch: int, places: Iterable[str] = ()) -> Iterator[None]:
        """The steps of `begin_anew`. One half wiped is of no epoch."""
        first = [f"{self.base}{name}".encode() for name in ("open", "epoch")]
        for some in chain([first], self._keys("restorer", "calls")):
            self._as_restorer(WIPE, token, b"", *some)
            yield
        chains = (f"{self.base}chain:{place}".encode() for place in places)
        self._as_restorer(WIPE, token, b"%d" % epoch, b"%d" % LAYOUT, *chains)

    def _keys(self, *but: str) -> Iterator[list[bytes]]:
        """All keys but for some, some thousand at a time."""
        spared = {f"{self.base}{name}".encode() for name in but}
        cursor = None
        while cursor != 0:
            look = partial(self.client.scan, cursor or 0, _literal(self.base) + "*", 5000)
            cursor, found = self._answered(look)
            if found := [key for key in found if key not in spared]:
                yield found

    def lay_out(self, token: str, customers: int) -> BucketOf:
        """Gives the table of customers its buckets, for so many entries more."""
        return buckets_of(f"{self.base}customers".encode(), self._grow(token, customers))

    def settle(self, token: str) -> None:
        """After the last merge: the table of customers isn't overfull."""
        self._grow(token)

    def _grow(self, token: str, more: int = 0) -> int:
        """How many buckets the table of customers has then."""
        name = "customers"
        entries = int(self._answered(lambda: self.client.hget(self.base + "sizes", name)) or 0)
        expected, most = b"%d" % (entries + more), b"%d" % _BUCKETS_A_CALL
        while True:
            done, due = self._as_restorer(GROW, token, name.encode(), expected, most)
            if done == due:
                return int(done)

    def merge(self, token: str, changes: dict[str, Any]) -> None:
        """Put what `Restorer.take` gave into a closed ledger, and note that it is there."""
        self._as_restorer(RESTORE, token, self._pack(changes))

    @contextmanager
    def merging(self, token: str) -> Iterator[Callable[[dict[str, Any]], None]]:
        """Hands out a `merge` that isn't waited for: a later one, or the end of the block, does.

        So Redis works while the next changes are collected, and no thread is needed for it.
        """
        connection = self._answered(self.client.connection_pool.get_connection)
        underway = 0

        def wait(most: int) -> None:
            nonlocal underway
            while underway > most:
                if self._answered(connection.read_response)[0] != b"OK":
                    raise Fenced("another restorer took over")
                underway -= 1

        def merge(changes: dict[str, Any]) -> None:
            nonlocal underway
            call = "EVAL", RESTORE.text, 1, self.base, token, self._pack(changes)
            wait(_MERGES_AHEAD - 1)
            underway += 1
            self._answered(partial(connection.send_command, *call))

        try:
            yield merge
            wait(0)
        finally:
            if underway:
                connection.disconnect()
            self.client.connection_pool.release(connection)

    def epoch(self) -> int:
        """How often this ledger was opened, as Redis has it. 0 where it never was, has another
        layout, or holds a part of a call: then all of it is made again."""
        found = self._answered(lambda: self.client.get(self.base + "epoch"))
        return int(found or 0) if self._has_this_layout() and not self._has_part_of_a_call() else 0

    def _has_part_of_a_call(self) -> bool:
        begun, ended = self._answered(
            lambda: self.client.hmget(f"{self.base}calls", "begun", "ended")
        )
        return bool(begun != ended)

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
            found.update(zip(batch[::2], map(decided, batch[1::2]), strict=True))
        return found

    def open(self, token: str, epoch: int, chains: dict[str, int]) -> None:
        """Open it for an epoch above all before. ``chains``: committed offsets by place."""
        floor = epoch * STAMPS_AN_EPOCH
        content = {"epoch": epoch, "layout": LAYOUT, "floor": floor, "chains": chains}
        self._as_restorer(OPEN, token, self._pack(content))

    def _as_restorer(self, script: Script, token: str, *arguments: bytes) -> list[bytes]:
        """What it answers beside its OK."""
        call = partial(script.run, self.client, self.base, token.encode(), *arguments)
        status, *answer = self._answered(call)
        if status != b"OK":
            raise Fenced("another restorer took over")
        return answer


def _literal(text: str) -> str:
    """A key as a pattern that matches only itself."""
    return "".join(f"\\{c}" if c in "*?[]\\" else c for c in text)
