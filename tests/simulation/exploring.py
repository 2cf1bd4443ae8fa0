"""Every way a world can go, or some by chance.

A way is a list of choices, and is gone again from the start to come to another: nothing is copied.
A world that looks like one seen before, with no more switches and faults left, is not gone on with.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from time import monotonic

from tests.simulation.violation import Violation
from tests.simulation.world import Option, Plan, World, simulated


class _SeenBefore(Exception):
    """All ways from here are known."""


@dataclass
class Findings:
    """``ways``: to the end; ``states``: worlds that differ, at a choice."""

    ways: int = 0
    runs: int = 0
    states: int = 0
    seconds: float = 0.0
    violation: str | None = None
    trace: list[str] = field(default_factory=list)
    choices: list[int] = field(default_factory=list)

    def told(self) -> str:
        return "\n".join([*self.trace, f"VIOLATED: {self.violation}"])


class _Seen:
    """What was left of switches and faults where a world was met before."""

    def __init__(self) -> None:
        self._left: dict[int, list[tuple[float, int]]] = {}

    def __len__(self) -> int:
        return len(self._left)

    def note(self, world: World) -> bool:
        """False where it was met with as much left."""
        left, known = (
            (world.switches_left, world.faults_left),
            self._left.setdefault(world.key(), []),
        )
        if any(each[0] >= left[0] and each[1] >= left[1] for each in known):
            return False
        known[:] = [each for each in known if each[0] > left[0] or each[1] > left[1]]
        known.append(left)
        return True


class _Way:
    """Goes the choices it was given, then the first each time, and notes where others were."""

    def __init__(self, given: list[int], seen: _Seen) -> None:
        self._given, self._seen = given, seen
        self.choices: list[int] = []
        self.others: list[list[int]] = []

    def __call__(self, world: World, options: list[Option]) -> int:
        if len(options) == 1:
            return 0
        number = len(self.choices)
        if number < len(self._given):
            choice = self._given[number]
        else:
            if not self._seen.note(world):
                raise _SeenBefore
            choice = 0
            self.others += [[*self.choices, other] for other in range(1, len(options))]
        self.choices.append(choice)
        return choice


def every_way(plan: Plan, limit_s: float = float("inf")) -> Findings:
    """Until the first violation, or all ways are gone. Raises TimeoutError after ``limit_s``."""
    found, seen, began = Findings(), _Seen(), monotonic()
    ahead: list[list[int]] = [[]]
    with simulated(plan), _without_collecting():
        while ahead:
            if monotonic() - began > limit_s:
                raise TimeoutError(f"{found.runs} runs, {len(seen)} states, {len(ahead)} ahead")
            world, way = World(plan), _Way(ahead.pop(), seen)
            found.runs += 1
            try:
                world.run(way)
                found.ways += 1
            except _SeenBefore:
                pass
            except Violation as violation:
                found.violation, found.trace = str(violation), world.trace
                found.choices = way.choices
                break
            ahead += reversed(way.others)
    found.states, found.seconds = len(seen), monotonic() - began
    return found


def by_chance(plan: Plan, seed: int) -> Findings:
    """One way; the same seed goes the same."""
    random, world, found = Random(seed), World(plan), Findings(runs=1)

    def choose(_: World, options: list[Option]) -> int:
        # Mostly on, now and then something else: faults come seldom enough to do their harm.
        if random.random() < 0.6:
            return 0
        kinds = [option.faults for option in options]
        wanted = int(random.random() < 0.2 and any(kinds))
        return random.choice([n for n, faults in enumerate(kinds) if bool(faults) == bool(wanted)])

    with simulated(plan):
        try:
            world.run(choose)
        except Violation as violation:
            found.violation = str(violation)
    found.trace = world.trace
    return found


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Worlds are many small things, and soon gone: look for cycles among them less often."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
