"""What a run of faults came to: requests, faults, waits, how workers were turned away, verdict."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

from schemas.topics import LANES
from streams.broker import read_all
from streams.settings import Settings
from tests.faults.scene import LEFT
from tests.faults.traffic import Wait
from tests.faults.verifier import Verdict
from tests.world import World

#: How workers were turned away, or began again, as their logs say it.
SAID = {
    **LEFT,
    "replays": re.compile(r"decided before, told again"),
    "restores": re.compile(r"The ledger is whole"),
}


class Fault(NamedTuple):
    """By `time.monotonic`. Its end is that of its story: waits for outcomes may outlast it."""

    kind: str
    began: float
    ended: float


class Missed(NamedTuple):
    """One that the schedule had, but that didn't come about: in this line of its story something
    that it waits for didn't happen."""

    kind: str
    line: int


@dataclass
class Evidence:
    """A run as it was seen from outside. ``settings`` lead past the proxies."""

    settings: Settings
    world: World
    seed: int
    seconds: float
    sent: int
    faults: list[Fault]
    missed: list[Missed]
    waits: list[Wait]
    #: Requests that nobody answered any more.
    unanswered: int

    @property
    def log(self) -> str:
        """All that the workers said."""
        logs = self.world.logs.glob("*.log")
        return "\n".join(path.read_text(errors="replace") for path in logs)

    def counted(self) -> Counter[str]:
        """How often each of `SAID` was, and records that no reader of committed ones sees."""
        log = self.log
        counts = Counter({name: len(pattern.findall(log)) for name, pattern in SAID.items()})
        counts["aborted records"] = self._records("read_uncommitted") - self._records()
        return counts

    def _records(self, isolation_level: str = "read_committed") -> int:
        return sum(
            1
            for lane in LANES
            for _ in read_all(self.settings, lane.outcomes, isolation_level=isolation_level)
        )

    def longest_waits(self) -> dict[str, tuple[int, float]]:
        """By kind: how often it happened with no other beside it, and the longest that a request
        waited for its outcome then, in seconds."""
        found: dict[str, tuple[int, float]] = {}
        for fault in self.faults:
            others = [other for other in self.faults if other is not fault]
            if any(o.began < fault.ended and fault.began < o.ended for o in others):
                continue
            until = min((o.began for o in others if o.began > fault.began), default=float("inf"))
            waits = [
                wait.until - wait.since
                for wait in self.waits
                if wait.until > fault.began and wait.since < min(fault.ended, until)
            ]
            times, longest = found.get(fault.kind, (0, 0.0))
            found[fault.kind] = times + 1, max([longest, *waits])
        return found


@dataclass
class Report:
    """``needed``: what of `Evidence.counted` a run must have, to have shown enough."""

    evidence: Evidence
    counts: Counter[str]
    verdict: Verdict
    needed: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """No violation; and it was a run in which something happened."""
        return not self.verdict.problems and not lacking([self])

    def __str__(self) -> str:
        seen = self.evidence
        waits = sorted(seen.longest_waits().items(), key=lambda item: -item[1][1])
        longest = max((wait.until - wait.since for wait in seen.waits), default=0.0)
        missed = ", ".join(f"{kind} (line {line} of its story)" for kind, line in seen.missed)
        lines = [
            f"seed {seen.seed}: {seen.sent:,} requests in {seen.seconds:.0f} s, "
            f"{len(seen.faults)} faults, {longest:.1f} s the longest wait of all",
            *(f"  {s:6.1f} s the longest wait, {n} x {kind}" for kind, (n, s) in waits),
            f"  not come about: {missed or 'none'}",
            "  " + ", ".join(f"{count} {name}" for name, count in self.counts.items()),
            *(f"  {count:7,} {what}" for what, count in sorted(self.verdict.counts.items())),
            f"verdict: {len(self.verdict.problems)} violations",
            *(f"  {problem}" for problem in self.verdict.problems[:20]),
        ]
        if lacks := lacking([self]):
            lines.append(f"this run had no {', '.join(lacks)}: it shows too little")
        return "\n".join(lines)


def lacking(reports: list[Report]) -> list[str]:
    """What must come about and didn't in any of them."""
    return [name for name in reports[0].needed if not any(one.counts[name] for one in reports)]
