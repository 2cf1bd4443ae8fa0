"""Request ids: each is decided once, and answered the same when it comes again."""

from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from schemas.reasons import Reason
from schemas.times import milliseconds_of
from schemas.topics import Lane
from streams.audit.pairing import named
from streams.audit.verdict import Findings

_DAY_MS = 86_400_000


class First(NamedTuple):
    """The first answer to a request id."""

    content: int  # hash
    decided_at: str
    fingerprint: bytes


class Remembered:
    """``firsts``: lane -> offer -> request id -> its first answer."""

    def __init__(self, memory_days: int, decimals: int, findings: Findings) -> None:
        self._memory_ms, self._findings = memory_days * _DAY_MS, findings
        self._canonical = (-decimals - 1, ".") if decimals else (0, "")
        self._unit = Decimal(1).scaleb(-decimals)
        self.firsts: dict[str, dict[str, dict[str, First]]] = {}
        self._replaced: list[tuple[str, str, str, First]] = []
        self._again: list[tuple[str, str, str, int, str]] = []
        self._conflicts: list[tuple[str, str, str, str]] = []
        self._moments: dict[str, str] = {}  # one text for all that were decided at once
        self._milliseconds: dict[str, int] = {}

    def take(self, lane: Lane, said: dict[str, Any]) -> None:
        """An outcome; what it says is used up."""
        change = said.get("ledger")
        if change is None and not said["replayed"]:
            if said["reason"] == Reason.REQUEST_ID_CONFLICT:
                conflict = (lane.name, said["offer_id"], said["request_id"], named(said))
                self._conflicts.append(conflict)
            return
        offer_id, request_id = said["offer_id"], said["request_id"]
        by_id = self.firsts.setdefault(lane.name, {}).setdefault(offer_id, {})
        before = by_id.get(request_id)
        if change is None:
            name = named(said)
            self._again.append((lane.name, offer_id, request_id, self._content(said), name))
            return
        name = named(said) if before else ""
        decided_at, fingerprint = said["decided_at"], bytes.fromhex(change["fingerprint"])
        decided_at = self._moments.setdefault(decided_at, decided_at)
        first = by_id[request_id] = First(self._content(said), decided_at, fingerprint)
        if before:
            self._twice(lane, name, said, before, first)

    def _twice(
        self, lane: Lane, name: str, said: dict[str, Any], before: First, first: First
    ) -> None:
        """Right only after the first was forgotten."""
        apart = abs(self.decided_ms(first) - self.decided_ms(before))
        if apart < self._memory_ms:
            self._findings.difference(f"{name}: the request id was decided twice, {apart} ms apart")
        newer, older = sorted((first, before), key=self.decided_ms, reverse=True)
        self.firsts[lane.name][said["offer_id"]][said["request_id"]] = newer
        self._replaced.append((lane.name, said["offer_id"], said["request_id"], older))

    def decided_ms(self, first: First) -> int:
        """Milliseconds since 1970."""
        known = self._milliseconds.get(first.decided_at)
        if known is None:
            known = self._milliseconds[first.decided_at] = milliseconds_of(first.decided_at)
        return known

    def _content(self, said: dict[str, Any]) -> int:
        """What a repeated answer has in common with the first."""
        del said["source"], said["replayed"]
        said.pop("ledger", None)
        bill = said.get("bill")
        if bill is not None:
            amount, (place, point) = bill["amount"], self._canonical
            if amount[place : place + 1 or None] != point:
                bill["amount"] = str(Decimal(amount).quantize(self._unit))
        return hash(orjson.dumps(said, option=orjson.OPT_SORT_KEYS))

    def finish(self) -> None:
        """Compare the repeated answers with the first ones."""
        older: dict[tuple[str, str, str], list[First]] = {}
        for lane, offer_id, request_id, first in self._replaced:
            older.setdefault((lane, offer_id, request_id), []).append(first)
        for lane, offer_id, request_id, content, name in self._again:
            found = [*older.get((lane, offer_id, request_id), ())]
            if newest := self._first(lane, offer_id, request_id):
                found.append(newest)
            if not found:
                self._findings.difference(f"{name} is replayed; there is no first answer")
            elif all(first.content != content for first in found):
                self._findings.difference(f"{name} is replayed and differs from the first answer")
        for lane, offer_id, request_id, name in self._conflicts:
            if self._first(lane, offer_id, request_id) is None:
                self._findings.difference(f"{name} has a request_id_conflict with no request")
        self._findings.compared["repeated answers"] += len(self._again)
        self._again, self._conflicts, self._replaced = [], [], []

    def _first(self, lane: str, offer_id: str, request_id: str) -> First | None:
        return self.firsts.get(lane, {}).get(offer_id, {}).get(request_id)
