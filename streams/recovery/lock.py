"""Whose turn it is to restore: one at a time, and not for long after that one died."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from state.ledger import Ledger, LedgerAway

#: Another one may take over so many seconds after the restorer was heard of last.
LOCK_S = 6


@contextmanager
def restorers_lock(ledger: Ledger, token: str) -> Iterator[bool]:
    """Whether it was taken. Kept for the time of the block, as long as this process runs.

    Whoever loses it can write nothing any more: every call of a restore asks for it. Raises
    `LedgerAway` where it can't be asked for.
    """
    if not ledger.lock_for_restore(token, LOCK_S):
        yield False
        return
    done = threading.Event()
    keeper = threading.Thread(target=_keep, args=(ledger, token, done), daemon=True)
    keeper.start()
    try:
        yield True
    finally:
        done.set()
        keeper.join()
        with suppress(LedgerAway):  # then it ends by itself
            ledger.unlock(token)


def _keep(ledger: Ledger, token: str, done: threading.Event) -> None:
    while not done.wait(LOCK_S / 3):
        with suppress(LedgerAway):
            if not ledger.keep_lock(token, LOCK_S):
                return


@contextmanager
def taken_lock(ledger: Ledger, token: str) -> Iterator[None]:
    """The same, once it is free."""
    while True:
        with restorers_lock(ledger, token) as mine:
            if mine:
                yield
                return
        time.sleep(0.2)
