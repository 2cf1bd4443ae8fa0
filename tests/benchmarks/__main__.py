"""`make bench`: one real worker on a real Kafka and Redis, other engines beside it."""

import json
import os
import sys
import time

import click
from rich.console import Console

from tests.benchmarks.drain import NotExact, drain
from tests.benchmarks.ground import Ground, ground
from tests.benchmarks.latency import latency
from tests.benchmarks.peer import Peer, drain_peer, plain_faust, tuned_kafka_streams
from tests.benchmarks.report import Figures, machine
from tests.benchmarks.watch import Usage

RATE, WARM_S, PACED_S = 2_800, 5.0, 30.0
A_SECOND = "a second"


@click.command()
@click.option("--records", default=300_000, show_default=True, help="Redeems in the backlog.")
@click.option("--runs", default=3, show_default=True, help="How often each is measured.")
@click.option(
    "--peer-records", default=20_000, show_default=True, help="The same for plain Faust; 0: none."
)
@click.option("--streams/--no-streams", default=True, help="Kafka Streams, tuned, beside it.")
@click.option("--only", type=click.Choice(["drain", "latency"]), help="One of the two.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def bench(
    records: int, runs: int, peer_records: int, streams: bool, only: str | None, as_json: bool
) -> None:
    """Backlog drain, bulk issue and latency of one worker, side by side with other engines."""
    said = Console(stderr=True)
    figures = Figures({"records": records, "peer_records": peer_records, **machine()})
    peers = [(tuned_kafka_streams(), records)] if streams and only != "latency" else []
    if peer_records:
        peers.append((plain_faust(), peer_records))
    with ground() as servers:
        for run in range(runs):
            if only != "latency":
                said.log(f"run {run + 1} of {runs}: draining {records:,} issues and redeems")
                ours = _drain(servers, figures, run, records)
                for peer, count in peers:
                    said.log(f"run {run + 1} of {runs}: {peer.name}, {count:,} redeems")
                    theirs = _drain_peer(servers, figures, peer, run, count)
                    figures.add(f"redeems decided, ours by {peer.name}'s", "times", ours / theirs)
            if only != "drain":
                said.log(f"run {run + 1} of {runs}: {RATE:,} redeems a second, {PACED_S:.0f} s")
                _latency(servers, figures, run)
            figures.facts[f"load after run {run + 1}"] = round(os.getloadavg()[0], 1)
    if as_json:
        click.echo(json.dumps(figures.as_json()))
    else:
        figures.print(Console())


def _drain(servers: Ground, figures: Figures, run: int, records: int) -> float:
    found = drain(servers, f"drain-{run}", records, seed=run)
    figures.add("redeems decided", A_SECOND, found.redeem_rate)
    figures.add("coupons issued in bulk", A_SECOND, found.issue_rate)
    _add_usage(figures, "redeems", found.redeem_usage)
    _add_usage(figures, "issues", found.issue_usage)
    return found.redeem_rate


def _drain_peer(servers: Ground, figures: Figures, peer: Peer, run: int, records: int) -> float:
    found = drain_peer(servers, peer, f"peer-{run}", records, seed=run)
    figures.add(f"{peer.name}'s redeems decided", A_SECOND, found.redeem_rate)
    figures.add(f"results of {peer.name}, of {records:,}", "", found.results)
    _add_usage(figures, f"{peer.name}'s redeems", found.usage)
    return found.redeem_rate


def _latency(servers: Ground, figures: Figures, run: int) -> None:
    found = latency(servers, f"latency-{run}", RATE, WARM_S, PACED_S, seed=run)
    figures.add("wait for an outcome, p50", "ms", found.p50_ms)
    figures.add("wait for an outcome, p99", "ms", found.p99_ms)
    figures.add("wait for an outcome, longest", "ms", found.max_ms)
    figures.add("sender late by, at the worst", "ms", found.behind_ms)


def _add_usage(figures: Figures, what: str, usage: Usage) -> None:
    for process, seconds in usage.by_process.items():
        figures.add(f"processor, {what}: {process}", "s a million", seconds)
    figures.add(f"busy with other things, {what}", "cores", usage.others_cores)


def main() -> None:
    began = time.monotonic()
    try:
        bench(prog_name="python -m tests.benchmarks", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(f"stopped after {time.monotonic() - began:.0f} s")
    except NotExact as error:
        sys.exit(f"Error: {error}")


main()
