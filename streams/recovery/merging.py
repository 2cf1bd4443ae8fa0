"""The merge of outcomes into a closed ledger: read, collected, put there, with progress."""

import gc
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import orjson

from schemas.topics import CURRENT_OFFERS, ISSUE, LANES, OFFERS, Lane
from state.ledger import Ledger
from state.restore import Restorer
from streams.broker import Bounds, read_all
from streams.fault_points import reach
from streams.recovery.offsets import Offsets
from streams.recovery.reading import bounds_from, outcomes_from
from streams.settings import Settings

logger = logging.getLogger("redeemonce")
#: Outcomes of one call, and the like of them in codes and customers. With four times as many Redis
#: takes a fifth longer: what Lua holds no longer fits the processor's caches.
_A_CALL = 1_000
_SAY_EVERY_S = 5.0
#: What Redis held: all of it, a part that was kept, nothing that was of use.
Source = Literal["whole", "kept", "nothing"]
#: Gets how many outcomes were read, and of how many.
Progress = Callable[[int, int], None]
_FROM = {"whole": "nothing was lost", "kept": "added to what Redis held", "nothing": "from nothing"}


@dataclass(frozen=True)
class Restored:
    """What a restore did: to what, with how many outcomes, in which time."""

    source: Source
    outcomes: int
    seconds: float

    @property
    def a_second(self) -> float:
        """Outcomes a second."""
        return self.outcomes / max(self.seconds, 0.001)

    def __str__(self) -> str:
        return (
            f"{self.outcomes:,} outcomes {_FROM[self.source]} in {self.seconds:.1f} s, "
            f"{self.a_second:,.0f} a second"
        )


class Merging:
    """``outcomes``: how many were merged."""

    def __init__(
        self, settings: Settings, ledger: Ledger, token: str, progress: Progress | None = None
    ) -> None:
        self._settings, self._ledger, self._token = settings, ledger, token
        self._progress = progress
        self._restorer: Restorer
        self._began = self._said = time.monotonic()
        self._passed = self._total = 0
        self._applied: dict[Lane, dict[int, int]] = {}
        self._merge_later: Callable[[dict[str, Any]], None] = partial(ledger.merge, token)
        self.outcomes = 0

    def run(self, committed: Offsets) -> None:
        """Merge every outcome of a request that Redis hasn't decided, and their offers."""
        self._said = self._began = time.monotonic()
        missing = {lane: self._missing(lane, committed[lane.name]) for lane in _IN_ORDER}
        self._total = sum(
            end - first for bounds in missing.values() for first, end in bounds.values()
        )
        customers = sum(end - first for first, end in missing[ISSUE].values())
        self._restorer = Restorer(
            self._ledger.lay_out(self._token, customers),
            self._settings.now_ms(),
            self._ledger.memory_days,
            self._settings.decimals,
            self._settings.calendar,
        )
        with self._ledger.merging(self._token) as self._merge_later, _no_collection():
            self._merge_offers()
            for lane, bounds in missing.items():
                self._restorer.begin(lane, self._applied[lane])
                self._merge_lane(lane, bounds)
        self._ledger.settle(self._token)
        self._say(always=True)

    def _missing(self, lane: Lane, committed: dict[int, int]) -> Bounds:
        applied = {p: self._ledger.applied(lane.name, p) or 0 for p in committed}
        missing = {p: applied[p] for p, offset in committed.items() if applied[p] < offset}
        self._applied[lane] = applied
        return bounds_from(self._settings, lane, missing)

    def _merge_offers(self) -> None:
        newest: dict[str, dict[str, Any]] = {}
        for message in read_all(self._settings, CURRENT_OFFERS):
            current = orjson.loads(message.value())
            before = newest.get(current["offer_id"])
            if before is None or current["version"] > before["version"]:
                newest[current["offer_id"]] = current
        self._restorer.know(newest.values())
        held = self._ledger.versions(list(newest))
        for current, version in zip(newest.values(), held, strict=True):
            if version < current["version"]:
                self._restorer.add_offer(current)
                if self._restorer.weight >= _A_CALL:
                    self._merge()
        self._merge()

    def _merge_lane(self, lane: Lane, bounds: Bounds) -> None:
        before = self._passed
        reached = {p: first for p, (first, _) in bounds.items()}
        for messages in outcomes_from(self._settings, lane, bounds):
            for message in messages:
                self.outcomes += self._restorer.add(lane, orjson.loads(message.value()))
                if self._restorer.weight >= _A_CALL:
                    self._merge()
            reached.update((message.partition(), message.offset() + 1) for message in messages)
            self._passed = before + sum(at - bounds[p][0] for p, at in reached.items())
            self._say()
        self._merge()
        self._passed = before + sum(end - first for first, end in bounds.values())

    def _merge(self) -> None:
        """Is answered while the next outcomes are collected."""
        self._merge_later(self._restorer.take())
        reach("ledger", "on_restore")

    def _say(self, always: bool = False) -> None:
        """How far it is: to who asked, and every few seconds to the log."""
        if self._progress is not None:
            self._progress(self._passed, self._total)
        now = time.monotonic()
        if now - self._said > _SAY_EVERY_S and not always:
            self._said = now
            share, rate = self._passed / max(self._total, 1), self.outcomes / (now - self._began)
            text = "Restoring the ledger: %d outcomes, %.0f%% of what is missing, %d a second"
            logger.info(text, self.outcomes, 100 * share, rate)


#: Uploads and exports before the coupons they gave, revokes after all that they end.
_IN_ORDER = (OFFERS, *(lane for lane in LANES if lane is not OFFERS))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Millions of small objects and no cycles: looking for some would take a tenth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
