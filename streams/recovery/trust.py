"""Whether what Redis holds is a state on the way to what Kafka has committed."""

from typing import Any

import orjson

from schemas.times import milliseconds_of
from schemas.topics import LANES, Lane
from state.ledger import Decided, Ledger
from streams.recovery.offsets import Offsets
from streams.recovery.reading import bounds_from, outcomes_from
from streams.settings import Settings

Stored = dict[int, dict[int, Decided]]


def holds_what_was_committed(
    settings: Settings, ledger: Ledger, newest: int, committed: Offsets
) -> bool:
    """``newest``: Kafka's epoch.

    What Redis holds is made by whole script calls and lost from the end. Within the newest epoch
    nothing else was decided since, so it is such a state. After an older one others may have
    decided the same requests anew: then it is, if each decision that Redis wasn't told to be
    committed is committed as it stands there.
    """
    epoch = ledger.epoch()
    if not 0 < epoch <= newest or _lacks_progress(ledger, committed):
        return False
    return epoch == newest or all(
        _are_committed(settings, ledger, lane, committed[lane.name]) for lane in LANES
    )


def _lacks_progress(ledger: Ledger, committed: Offsets) -> bool:
    """Whether keys are gone that every ledger has, so that it would be merged a second time."""
    return any(
        offset > 0 and ledger.applied(lane, partition) is None
        for lane, offsets in committed.items()
        for partition, offset in offsets.items()
    )


def _are_committed(
    settings: Settings, ledger: Ledger, lane: Lane, committed: dict[int, int]
) -> bool:
    stored: Stored = {p: found for p in committed if (found := ledger.stored(lane.name, p))}
    if any(max(found) >= committed[p] for p, found in stored.items()):
        return False
    bounds = bounds_from(settings, lane, {p: min(found) for p, found in stored.items()})
    for messages in outcomes_from(settings, lane, bounds):
        for message in messages:
            said = orjson.loads(message.value())
            decided = stored[message.partition()].pop(said["source"]["offset"], None)
            if decided is not None and not is_told_by(decided, said):
                return False
    return not any(stored.values())


def is_told_by(decided: Decided, said: dict[str, Any]) -> bool:
    """Whether an outcome tells this very decision."""
    reason, sequence, _, decided_at, _ = decided.content[:5]
    change = said.get("ledger") or {}
    return (
        decided.replayed == said["replayed"]
        and (reason or None) == said["reason"]
        and decided_at == milliseconds_of(said["decided_at"])
        and (decided.replayed or (sequence or None) == change.get("sequence"))
    )
