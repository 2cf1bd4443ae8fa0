"""Several engines at the same requests, in turns."""

from collections.abc import Sequence
from itertools import count
from typing import TypeVar

from tests.benchmarks import load
from tests.benchmarks.coupons import issue_coupons
from tests.benchmarks.engines.entrants import Entrant
from tests.benchmarks.engines.ours import NAME, Ours
from tests.benchmarks.ground import Ground
from tests.benchmarks.measuring.drain import drain
from tests.benchmarks.measuring.latency import PROBES, Pace, latency
from tests.benchmarks.report.book import Book
from tests.benchmarks.report.values import of_drain, of_latency

T = TypeVar("T")
_run = count()


def compare_drains(
    ground: Ground, book: Book, entrants: Sequence[tuple[Entrant, int]], records: int, runs: int
) -> None:
    """``entrants``: each with how many of the requests it gets at the most."""
    chapter = book.begin("drain", f"{records:,}", ground)
    for run in range(runs):
        with ground.organisation(f"drain-{next(_run)}") as world:
            coupons, _ = issue_coupons(ground, world, load.some_customers(records, run))
            bodies, ours = list(load.redeems(coupons)), Ours(world)
            for entrant, most in _in_turn(entrants, run):
                engine = entrant(ours)
                found = drain(ground, engine, f"peer-{next(_run)}", bodies[:most])
                if engine.name == NAME:
                    found.results.insist()
                chapter.add(run, engine.name, of_drain(found))
            chapter.save()


def compare_latency(
    ground: Ground, book: Book, kind: str, entrants: Sequence[Entrant],
    paces: Sequence[Pace], runs: int,
) -> None:  # fmt: skip
    """A section for each pace. A round before the first is in none: the broker, a JVM, compiles in
    it what it does for all of them."""
    chapters = {pace: book.begin(kind, f"{pace.rate:,}", ground) for pace in paces}
    needed = PROBES + sum(pace.count for pace in paces)
    for run in range(-1, runs):
        with ground.organisation(f"latency-{next(_run)}") as world:
            coupons, _ = issue_coupons(ground, world, load.some_customers(needed, run))
            bodies, ours = list(load.redeems(coupons)), Ours(world)
            for entrant in _in_turn(entrants, run):
                engine = entrant(ours)
                for found in latency(ground, engine, f"peer-{next(_run)}", bodies, paces):
                    if run >= 0:
                        chapters[found.pace].add(run, engine.name, of_latency(found))
            if run >= 0:
                for chapter in chapters.values():
                    chapter.save()


def _in_turn(entrants: Sequence[T], run: int) -> Sequence[T]:
    """Another one first in each run."""
    first = run % len(entrants)
    return [*entrants[first:], *entrants[:first]]
