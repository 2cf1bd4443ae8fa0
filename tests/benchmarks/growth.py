"""What a decision costs as ledger, offers, partitions and workers grow: it should be flat."""

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import count
from typing import NamedTuple

from tests.benchmarks import load
from tests.benchmarks.coupons import issue_coupons
from tests.benchmarks.engines.ours import Ours
from tests.benchmarks.ground import PARTITIONS, Ground
from tests.benchmarks.load import Coupon
from tests.benchmarks.measuring.drain import Drained, drain
from tests.benchmarks.report.book import Book
from tests.benchmarks.report.values import of_drain
from tests.world import World

_run = count()


class Shape(NamedTuple):
    offers: int = 1
    partitions: int = PARTITIONS
    workers: int = 1


LEDGER = "ledger"
#: What grows, and how far.
GROWN = {
    "offers": [Shape(offers=each) for each in (1, 100, 10_000)],
    "partitions": [Shape(partitions=each) for each in (1, 4, 16, 64)],
    "workers": [Shape(workers=each) for each in (1, 2, 3)],
}


def grow_ledger(ground: Ground, book: Book, sizes: Sequence[int], runs: int) -> None:
    """``sizes``: customers, each with a coupon. The smallest is how many redeems each run has."""
    chapter = book.begin("growth", LEDGER, ground)
    redeems = min(sizes)
    with ExitStack() as stack:
        stack.enter_context(ground.without_rewrites())
        filled: dict[int, tuple[World, list[Coupon]]] = {}
        for size in sizes:
            if size >= runs * redeems:
                world = stack.enter_context(ground.organisation(f"ledger-{next(_run)}"))
                filled[size] = world, _fill(ground, world, size, runs * redeems)
                book.say(f"a ledger with {size:,} coupons is there")
        for run in range(runs):
            for size in sizes:
                some = slice(run * redeems, (run + 1) * redeems)
                if size in filled:
                    world, coupons = filled[size]
                    found = _redeem(ground, world, coupons[some], run)
                else:
                    with ground.organisation(f"ledger-{next(_run)}") as world:
                        found = _redeem(ground, world, _fill(ground, world, size, redeems), run)
                chapter.add(run, f"{size:,}", of_drain(found))
            chapter.save()


def _fill(ground: Ground, world: World, size: int, wanted: int) -> list[Coupon]:
    """So many of its coupons, from everywhere in it."""
    customers = load.other_customers(size)
    coupons, _ = issue_coupons(ground, world, customers, keep_each=size // wanted)
    ground.calm()
    return coupons[:wanted]


def _redeem(
    ground: Ground, world: World, coupons: Sequence[Coupon], run: int, workers: int = 1
) -> Drained:
    found = drain(ground, Ours(world, workers=workers), "redeem", load.redeems(coupons, run))
    found.results.insist()
    return found


def grow(ground: Ground, book: Book, what: str, redeems: int, runs: int) -> None:
    """``what``: of `GROWN`. So many redeems for each shape in each run."""
    chapter = book.begin("growth", what, ground)
    for run in range(runs):
        for shape in GROWN[what]:
            with ground.organisation(f"growth-{next(_run)}", shape.partitions) as world:
                customers = load.some_customers(redeems, run)
                coupons, _ = issue_coupons(ground, world, customers, shape.offers)
                found = _redeem(ground, world, coupons, run, shape.workers)
                chapter.add(run, f"{getattr(shape, what):,}", of_drain(found))
        chapter.save()
