"""`python -m tests.benchmarks.rebuild`: how fast `redeemonce rebuild` makes the ledger again.

The history is a real worker's: half of it coupons issued, half of it their redemptions. Then Redis
is emptied, and the command makes all of it again, some times.
"""

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

import click
import psutil
from redis import Redis

from schemas.topics import REDEEM
from tests.benchmarks import load
from tests.benchmarks.drain import drain_lane, issue_coupons
from tests.benchmarks.ground import Ground, ground
from tests.world import World


@dataclass(frozen=True)
class Rebuilt:
    """``outcomes`` a second, of the merge alone and with the start of the program; microseconds of
    processor an outcome, by process; how many cores were busy with anything else."""

    outcomes: int
    a_second: int
    a_second_with_start: int
    microseconds: dict[str, float]
    others_cores: float


def make_history(servers: Ground, world: World, outcomes: int) -> None:
    world.start()
    coupons, _, _ = issue_coupons(servers, world, outcomes // 2, seed=1)
    drain_lane(servers, world, REDEEM, load.redeems(coupons))
    world.stop()


def rebuild(servers: Ground, world: World) -> Rebuilt:
    """RuntimeError where the command fails."""
    Redis.from_url(servers.stack.redis_url).flushall()
    pids = {"Redis": servers.stack.redis_pid, "Kafka": servers.stack.kafka_pid}
    before, ours = {name: _spent(pid) for name, pid in pids.items()}, _spent_by_children()
    machine, began = _busy(), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "streams.cli", "rebuild", "--json"],
        env=world.environment(), capture_output=True, text=True,
    )  # fmt: skip
    wall = time.monotonic() - began
    if done.returncode:
        raise RuntimeError(done.stderr)
    said = json.loads(done.stdout)
    used = {name: _spent(pid) - before[name] for name, pid in pids.items()}
    used["rebuild"] = _spent_by_children() - ours
    others = (_busy() - machine - sum(used.values())) / wall
    each = {name: round(1e6 * seconds / said["outcomes"], 1) for name, seconds in used.items()}
    return Rebuilt(
        outcomes=said["outcomes"],
        a_second=round(said["outcomes"] / said["seconds"]),
        a_second_with_start=round(said["outcomes"] / wall),
        microseconds=each,
        others_cores=round(max(others, 0.0), 2),
    )


def _spent(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _spent_by_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _busy() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0))


@click.command()
@click.option("--outcomes", default=300_000, show_default=True, help="Of issues and redemptions.")
@click.option("--runs", default=3, show_default=True, help="How often the ledger is made again.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(outcomes: int, runs: int, as_json: bool) -> None:
    """Outcomes a second that `redeemonce rebuild` merges, and what they cost."""
    with ground() as servers, servers.organisation("rebuild") as world:
        make_history(servers, world, outcomes)
        found = [rebuild(servers, world) for _ in range(runs)]
    if as_json:
        shown = {"cores": os.cpu_count(), "runs": [asdict(one) for one in found]}
        click.echo(json.dumps(shown))
        return
    for one in found:
        costs = ", ".join(f"{name} {cost}" for name, cost in one.microseconds.items())
        click.echo(
            f"{one.outcomes:,} outcomes: {one.a_second:,} a second ({one.a_second_with_start:,} "
            f"with the program's start); microseconds of processor each: {costs}; "
            f"{one.others_cores} cores busy with other things"
        )


if __name__ == "__main__":
    main()
