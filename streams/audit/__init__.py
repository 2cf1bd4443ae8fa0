"""Audit: the whole ledger made anew from the topics, with separate plain code, beside Redis.

Shares no decision with what it checks: an offer's rules, discounts, limits and counts are computed
here once more, in the order that the outcomes' sequences give.
"""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from streams.audit.comparing import Comparison
from streams.audit.history import History
from streams.audit.redis_state import RedisState
from streams.audit.topics import Committed, check_current_offers, committed_by_lane, read_history
from streams.audit.verdict import AuditError, Findings, Progress, Verdict, silent
from streams.settings import Settings

__all__ = ["AuditError", "Progress", "Verdict", "audit"]

#: Audits made when decisions go on meanwhile, and looks at whether those of Redis are committed.
_AUDITS, _LOOKS, _PAUSE_S = 3, 10, 0.5
#: A partition, its committed offset, and up to where Redis has decided.
Reached = tuple[str, int, int]


def audit(settings: Settings, report: Progress = silent) -> Verdict:
    """Read every topic, judge every decision, compare the end with Redis.

    Workers may run, but only a ledger at rest can be compared: while requests are decided it
    begins again, some times. ``report`` gets the phase, how much is done, and of how much.
    Raises `AuditError` or `BrokerError` where Kafka or Redis can't be read.
    """
    state = RedisState(settings)
    try:
        with _no_collection():
            for _ in range(_AUDITS):
                findings, moved = _audit(settings, state, report)
                if not moved:
                    return findings.verdict()
    finally:
        state.close()
    findings = Findings(compared=findings.compared)
    text = "requests were being decided while this audit read; compare when none are waiting"
    findings.difference(f"{text} ({moved})")
    return replace(findings.verdict(), at_rest=False)


def _audit(settings: Settings, state: RedisState, report: Progress) -> tuple[Findings, str | None]:
    """What was found, and what was decided meanwhile, which makes it worthless."""
    findings = Findings()
    history = History(settings, findings)
    before, committed = _settled(settings, state)
    waiting = read_history(settings, history, committed, report)
    if waiting:
        findings.note(f"up to {waiting} request records wait for a worker")
    history.finish(report)
    check_current_offers(settings, history, findings)
    Comparison(settings, state, history, findings).run(report)
    for name, offset, applied in before:
        if applied > offset:
            text = f"decisions in Redis wait to be committed (requests {offset} to {applied - 1})"
            findings.difference(f"{name}: {text}")
        elif applied < offset:
            text = f"Redis lacks decisions that are committed (requests {applied} to {offset - 1})"
            findings.difference(f"{name}: {text}")
    after = _reached(settings, state, committed_by_lane(settings))
    return findings, next(
        (f"{a}, then {b}" for a, b in zip(before, after, strict=False) if a != b), None
    )


def _settled(settings: Settings, state: RedisState) -> tuple[list[Reached], Committed]:
    """How far every partition is, if possible when Redis has decided just what is committed."""
    for look in range(_LOOKS):
        if look:
            time.sleep(_PAUSE_S)
        committed = committed_by_lane(settings)
        reached = _reached(settings, state, committed)
        if all(offset == applied for _, offset, applied in reached):
            break
    return reached, committed


def _reached(settings: Settings, state: RedisState, committed: Committed) -> list[Reached]:
    applied = state.applied((lane, p) for lane, offsets in committed.items() for p in offsets)
    return [
        (f"{settings.topic_prefix}{lane}.requests {p}", offset, applied[lane, p])
        for lane, offsets in committed.items()
        for p, offset in offsets.items()
    ]


@contextmanager
def _no_collection() -> Iterator[None]:
    """Millions of small tuples and no cycles: looking for some would take most of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
