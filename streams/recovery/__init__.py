"""Before a worker decides: topics exist, the group has offsets, the ledger is whole and open."""

import logging
import time
import uuid
from collections.abc import Iterable

from schemas.topics import Lane
from state.ledger import Fenced, Ledger, LedgerAway
from streams.broker import ensure_topics, wait_until_it_answers
from streams.recovery.lock import restorers_lock
from streams.recovery.merging import (
    Merging,
    Progress,
    Restored,
    Source,
)
from streams.recovery.offsets import (
    Offsets,
    make_sure_of_offsets,
    missing_offsets,
    wait_for_transactions,
)
from streams.recovery.places import announce_epoch, fence_everyone, newest_epoch, register
from streams.recovery.trust import holds_what_was_committed
from streams.restart import leave
from streams.settings import Settings

__all__ = ["Progress", "Restored", "prepare", "restore"]

logger = logging.getLogger("redeemonce")
_PAUSE_S, _SAY_EVERY_S = 0.2, 5.0


def prepare(settings: Settings, ledger: Ledger, lanes: Iterable[Lane]) -> Restored | None:
    """Blocks until this worker may begin to decide; says what it is waiting for.

    Returns what it restored itself for that, if anything.
    """
    _wait_for_ledger(ledger)
    if (policy := ledger.eviction()) is not None:
        leave(
            f"This Redis throws keys away when it is full (maxmemory-policy {policy}), and limits "
            "with them: set maxmemory-policy to noeviction."
        )
    wait_until_it_answers(settings, logger.warning)
    made = ensure_topics(settings)
    if made:
        logger.info("Topics made: %s", ", ".join(sorted(made)))
    register(settings, lanes)
    restored: Restored | None = None
    say_after = 0.0
    while True:
        try:
            if ledger.is_open() and not missing_offsets(settings):
                return restored
            token = uuid.uuid4().hex  # anew: what an earlier try left under way writes nothing
            with restorers_lock(ledger, token) as mine:
                if mine:
                    restored = restore(settings, ledger, token)
                    continue
            why = "Another worker restores the ledger"
        except (LedgerAway, Fenced) as error:
            why = str(error)
        if time.monotonic() > say_after:
            logger.info("%s; waiting", why)
            say_after = time.monotonic() + _SAY_EVERY_S
        time.sleep(_PAUSE_S)


def restore(
    settings: Settings,
    ledger: Ledger,
    token: str,
    from_nothing: bool = False,
    progress: Progress | None = None,
) -> Restored:
    """Close the ledger, make sure of what is committed, and open it whole.

    What Redis holds is kept where it is a state that the ledger once had on the way to what Kafka
    has committed; then only what was committed since is merged. Otherwise all of it is made again.
    """
    began = time.monotonic()
    ledger.close()
    fence_everyone(settings)
    committed = make_sure_of_offsets(settings)
    wait_for_transactions(settings)
    epoch = newest_epoch(settings)
    places = {
        f"{lane}:{p}": offset for lane, found in committed.items() for p, offset in found.items()
    }
    merging = Merging(settings, ledger, token, progress)
    if not from_nothing and ledger.epoch() == epoch and lacks_nothing(ledger, committed):
        source: Source = "whole"
    elif not from_nothing and holds_what_was_committed(settings, ledger, epoch, committed):
        source = "kept"
        logger.warning("The ledger lacks what Kafka has committed: adding that from the outcomes")
    else:
        source = "nothing"
        logger.warning("The ledger isn't the committed one: making it again from the outcomes")
        ledger.begin_anew(token, epoch, places)
    if source != "whole":
        merging.run(committed)
    # Only now: whoever goes on after one that died here finds the ledger of the newest epoch.
    announce_epoch(settings, epoch + 1)
    ledger.open(token, epoch + 1, places)
    restored = Restored(source, merging.outcomes, time.monotonic() - began)
    if source != "whole":
        logger.info("The ledger is whole: %s", restored)
    return restored


def lacks_nothing(ledger: Ledger, committed: Offsets) -> bool:
    """Whether every request whose offset is committed is decided in Redis."""
    return all(
        (ledger.applied(lane, partition) or 0) >= offset
        for lane, offsets in committed.items()
        for partition, offset in offsets.items()
    )


def _wait_for_ledger(ledger: Ledger) -> None:
    said = 0.0
    while True:
        try:
            ledger.is_open()
            return
        except LedgerAway as away:
            if time.monotonic() - said > 3:
                logger.warning("%s; nothing is decided until it does", away)
                said = time.monotonic()
            time.sleep(0.2)
