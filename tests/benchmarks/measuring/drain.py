"""How fast an engine drains a backlog: records pile up, it starts, its offsets say all is done."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.benchmarks import load
from tests.benchmarks.engines.engine import Engine, Program
from tests.benchmarks.ground import Ground
from tests.benchmarks.measuring.backlog import Backlog
from tests.benchmarks.measuring.processor import Spent, Used
from tests.benchmarks.measuring.results import Note, Results, read_results
from tests.world import wait_for

_LIMIT_S = 3600.0
#: Each look asks the broker some times, which works for the engine meanwhile.
_LOOK_S = 0.05
_SAID = 4000


@dataclass(frozen=True)
class Drained:
    """``whole``: what it used from the program's start to the last commit; ``at_work``: from the
    first result on, for ``decided`` results, none where it was over too soon to see it."""

    results: Results
    whole: Used
    at_work: Used | None
    decided: int


def drain(
    ground: Ground, engine: Engine, run: str, bodies: Iterable[load.Body], note: Note | None = None
) -> Drained:
    """RuntimeError where the program dies. ``note`` gets each result, once all is measured."""
    with engine.course(ground, run) as course:
        count = load.produce(course.till(), course.requests, bodies)
        backlog = Backlog(course)
        with engine.running(course) as program:
            start = Spent.now(program.parts)
            _wait(program, "a first result", lambda: backlog.appended() > 0)
            decided, first = count - backlog.appended(), Spent.now(program.parts)
            _wait(program, "the last commit", lambda: not backlog.left())
            end = Spent.now(program.parts)
        backlog.close()
        found = read_results(course.settings, course.results, backlog.results_began, count, note)
    at_work = end.since(first) if decided > count / 2 else None
    return Drained(found, end.since(start), at_work, decided)


def _wait(program: Program, what: str, condition: Callable[[], bool]) -> None:
    def reached() -> bool:
        if not program.alive():
            raise RuntimeError(f"it died:\n{program.log()[-_SAID:]}")
        return condition()

    wait_for(what, reached, _LIMIT_S, _LOOK_S)
