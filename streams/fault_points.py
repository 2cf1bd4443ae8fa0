"""Places on the way of a batch where a test may stop this worker, to see that nothing is harmed.

Off unless `REDEEMONCE_FAULT_POINTS` is set: ``<lane>:<point>:<time>:<action>``, several with commas
between. The worker acts once, when it comes by the point for the ``time``-th time (1: the first).
"""

import logging
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

logger = logging.getLogger("redeemonce")
SETTING = "REDEEMONCE_FAULT_POINTS"
#: In the order in which a batch comes by; then those outside of one. A restore's lane is "ledger".
POINTS = (
    "before_script", "after_script", "mid_produce", "after_offsets", "after_commit", "on_revoke",
    "on_restore",
)  # fmt: skip
#: SIGKILL or SIGSTOP to itself; ``hold=<file>``: makes the file, goes on when somebody removes it.
ACTIONS = ("kill", "stop", "hold")
_HOLD_S = 10.0
_passed: Counter[tuple[str, str]] = Counter()


def _read(text: str) -> dict[tuple[str, str, int], str]:
    """Raises ValueError where the text isn't as the module says."""
    armed = {}
    for one in filter(None, text.split(",")):
        lane, point, number, action = one.split(":", 3)
        if point not in POINTS or action.partition("=")[0] not in ACTIONS:
            raise ValueError(f"{SETTING}: {one!r} is not <lane>:<point>:<time>:<action>")
        armed[lane, point, int(number)] = action
    return armed


_armed = _read(os.environ.get(SETTING, ""))


def reach(lane: str, point: str) -> None:
    """Nothing, unless a test asked for something here."""
    if _armed:
        _passed[lane, point] += 1
        action = _armed.pop((lane, point, _passed[lane, point]), None)
        if action is not None:
            _act(lane, point, action)


def _act(lane: str, point: str, action: str) -> None:
    # A program that takes this one's place doesn't do it again.
    os.environ[SETTING] = ",".join(
        f"{a}:{b}:{number}:{what}" for (a, b, number), what in _armed.items()
    )
    logger.warning("Fault point %s %s: %s", lane, point, action)
    kind, _, path = action.partition("=")
    if kind == "hold":
        Path(path).touch()
        until = time.monotonic() + _HOLD_S
        while Path(path).exists() and time.monotonic() < until:
            time.sleep(0.005)
    elif kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    else:  # to this thread: sent to the process it might go on until another thread has its turn
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
