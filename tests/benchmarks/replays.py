"""`redeemonce rebuild` and `audit`: how fast they go through the history that real workers made."""

from tests.benchmarks import load
from tests.benchmarks.coupons import issue_coupons
from tests.benchmarks.engines.ours import NAME, Ours
from tests.benchmarks.ground import Ground
from tests.benchmarks.measuring import command
from tests.benchmarks.measuring.drain import drain
from tests.benchmarks.report.book import Book
from tests.benchmarks.report.kinds import MEMORY, RATE, WITH_START
from tests.benchmarks.report.values import costs
from tests.world import World


def measure_rebuild(ground: Ground, book: Book, outcomes: int, runs: int) -> None:
    chapter = book.begin("rebuild", f"{outcomes:,}", ground)
    with ground.organisation("rebuild") as world:
        _make_history(ground, world, outcomes)
        for run in range(runs):
            with ground.redis() as redis:
                redis.flushall()
            ran = command.run(ground, world, "rebuild")
            found = ran.said["outcomes"]
            rates = {
                RATE: found / ran.said["seconds"],
                WITH_START: found / ran.used.seconds,
            }
            chapter.add(run, NAME, {**rates, **costs(ran.used, found)})
            chapter.save()


def measure_audit(ground: Ground, book: Book, outcomes: int, runs: int) -> None:
    chapter = book.begin("audit", f"{outcomes:,}", ground)
    with ground.organisation("audit") as world:
        _make_history(ground, world, outcomes)
        for run in range(runs):
            ran = command.run(ground, world, "audit")
            found = ran.said["compared"]["outcomes"]
            rates = {RATE: found / ran.used.seconds, MEMORY: ran.peak_mb}
            chapter.add(run, NAME, {**rates, **costs(ran.used, found)})
            chapter.save()


def _make_history(ground: Ground, world: World, outcomes: int) -> None:
    """Half of them coupons issued, half of them their redemptions."""
    coupons, _ = issue_coupons(ground, world, load.some_customers(outcomes // 2, seed=1))
    drain(ground, Ours(world), "redeem", load.redeems(coupons)).results.insist()
