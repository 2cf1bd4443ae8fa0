"""How long a till waits: paced redeems, from the send to the committed outcome a reader sees."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from tests.benchmarks.engines.engine import Engine
from tests.benchmarks.ground import Ground
from tests.benchmarks.load import Body
from tests.benchmarks.measuring.pacing import Reader, Sent, send, undisturbed
from tests.benchmarks.measuring.processor import Spent, Used

#: Sent first, to be sure that every partition is being read: no pace before they are answered.
PROBES = 64
_READY_S, _REST_S = 90.0, 20.0


@dataclass(frozen=True)
class Pace:
    """``rate`` requests a second: for ``warm_s`` seconds unmeasured, then for ``seconds``."""

    rate: int
    warm_s: float
    seconds: float

    @property
    def warm(self) -> int:
        return int(self.rate * self.warm_s)

    @property
    def measured(self) -> int:
        return int(self.rate * self.seconds)

    @property
    def count(self) -> int:
        return self.warm + self.measured


@dataclass(frozen=True)
class Waited:
    """Of the measured requests, milliseconds from when each was due to be sent. One without an
    outcome 20 s after the last request, which is ``missing``, has waited until then.

    ``sent_a_second``: what the sender reached; ``late_ms``: how late it was at the worst.
    ``used``: processor time from the first of them to the last outcome.
    """

    pace: Pace
    p50_ms: float
    p99_ms: float
    max_ms: float
    missing: int
    sent_a_second: float
    late_ms: float
    used: Used


def latency(
    ground: Ground, engine: Engine, run: str, bodies: Sequence[Body], paces: Sequence[Pace]
) -> list[Waited]:
    """One pace after the other on the same program, as far as it keeps up.

    ``bodies``: `PROBES` and the counts of all paces. RuntimeError where the program never answers.
    """
    found: list[Waited] = []
    with (
        engine.course(ground, run) as course,
        Reader(course, len(bodies)) as reader,
        engine.running(course) as program,
        undisturbed(),
    ):
        send_some = partial(send, course.till(), course.requests, bodies)
        send_some(0, PROBES, PROBES)
        if not reader.has_all(0, PROBES, _READY_S):
            raise RuntimeError(f"{engine.name} doesn't answer; its log:\n{program.log()[-4000:]}")
        first = PROBES
        for pace in paces:
            send_some(first, pace.warm, pace.rate)
            before = Spent.now(program.parts)
            sent = send_some(first + pace.warm, pace.measured, pace.rate)
            reader.has_all(first, pace.count, _REST_S)
            used = Spent.now(program.parts).since(before)
            first += pace.count
            found.append(_judged(pace, sent, reader.seen[first - pace.measured : first], used))
            if found[-1].missing:
                break
    return found


def _judged(pace: Pace, sent: Sent, seen: Sequence[float], used: Used) -> Waited:
    """``seen``: of the measured requests, as `Reader` has it."""
    given_up = time.perf_counter()
    waits = sorted((at or given_up) - sent.due(sent.first + n) for n, at in enumerate(seen))
    took = (pace.measured - 1) / pace.rate + sent.late_s[-1] - sent.late_s[0]
    return Waited(
        pace,
        1000 * waits[len(waits) // 2],
        1000 * waits[int(0.99 * len(waits))],
        1000 * waits[-1],
        sum(not at for at in seen),
        (pace.measured - 1) / took,
        1000 * max(sent.late_s),
        used,
    )
