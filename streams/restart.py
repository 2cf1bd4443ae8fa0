"""Leaving at once. A worker that can't prove it may go on is replaced by a fresh one, same process.

Whatever the client library's threads hold is gone with the old program. What was in flight is
settled by the fresh one's `init_transactions` and by the ledger's stored decisions.
"""

import asyncio
import logging
import os
import sys
import time
from contextlib import suppress
from typing import NoReturn

from state.calls import Closed

logger = logging.getLogger("redeemonce")
#: How often this process has started again of late, handed on to the next program.
_COUNT = "REDEEMONCE_STARTED_AGAIN"
#: Under which id this process is known, handed on too.
_PROCESS = "REDEEMONCE_PROCESS"
_LONGEST_PAUSE_S = 5.0
_SAY_WHY_S = 0.2
#: Seconds after which a worker that ran that long counts as sound again.
_SOUND_AFTER_S = 30.0
_started = time.monotonic()


def start_again(why: str) -> NoReturn:
    """Replace this program by a fresh run of itself, at once, from any thread."""
    count = 0 if time.monotonic() - _started > _SOUND_AFTER_S else int(os.environ.get(_COUNT, "0"))
    pause_s = 0.0 if count == 0 else min(0.1 * 2**count, _LONGEST_PAUSE_S)
    logger.warning("Starting again: %s", why)
    for handler in logging.getLogger().handlers:
        handler.flush()
    time.sleep(pause_s)
    _keep_no_files()
    os.environ[_COUNT] = str(count + 1)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


async def start_again_after(lane: str, error: Exception) -> NoReturn:
    """Where the ledger is closed, in a moment: another lane may know why, and says so first."""
    if isinstance(error, Closed):
        await asyncio.sleep(_SAY_WHY_S)
    start_again(f"{lane}: {type(error).__name__}: {error}")


def known_process() -> str | None:
    """The id under which an earlier program of this process made it known; None in a new one."""
    return os.environ.get(_PROCESS)


def make_known(process: str) -> None:
    os.environ[_PROCESS] = process


def _keep_no_files() -> None:
    """The client library's pipes would outlive it: let none but the standard ones through."""
    for name in os.listdir("/dev/fd"):
        with suppress(OSError):
            if int(name) > 2:
                os.set_inheritable(int(name), False)


def leave(why: str, status: int = 1) -> NoReturn:
    """Stop for good, with a message: going on would do harm and a fresh start wouldn't help."""
    logger.error("%s", why)
    os._exit(status)
