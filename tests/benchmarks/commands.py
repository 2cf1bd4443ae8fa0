"""`python -m tests.benchmarks`: each command measures a part of `docs/BENCHMARKS.md` anew."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tests.benchmarks.codes import measure_codes
from tests.benchmarks.compare import compare_drains, compare_latency
from tests.benchmarks.engines.entrants import ENGINES, for_backlog, for_waits
from tests.benchmarks.ground import ground
from tests.benchmarks.growth import GROWN, LEDGER, grow, grow_ledger
from tests.benchmarks.instructions import count_instructions
from tests.benchmarks.issue import measure_issue
from tests.benchmarks.listing import measure_listing
from tests.benchmarks.measuring.latency import Pace
from tests.benchmarks.reminders import measure_reminders
from tests.benchmarks.replays import measure_audit, measure_rebuild
from tests.benchmarks.report.book import Book
from tests.benchmarks.stages import measure_stages

Command = TypeVar("Command", bound=Callable[..., None])
_DOCS = Path(__file__).parents[2] / "docs"

runs_option = click.option(
    "--runs", default=5, show_default=True, help="How often each is measured."
)


class _Listed(click.ParamType):
    """Several values with commas between."""

    name = "list"

    def __init__(self, of: click.ParamType) -> None:
        self._of = of

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[Any]:
        if isinstance(value, list):
            return value
        return [self._of.convert(one.strip(), param, ctx) for one in value.split(",")]


NUMBERS, NAMES = _Listed(click.IntRange(min=1)), _Listed(click.Choice(ENGINES))


def engines_option(default: str) -> Callable[[Command], Command]:
    return click.option(
        "--engines", type=NAMES, default=default, show_default=True,
        help=f"Of {', '.join(ENGINES)}, with commas between.",
    )  # fmt: skip


def seconds_option(default: float) -> Callable[[Command], Command]:
    return click.option(
        "--seconds", default=default, show_default=True, help="For how long waits are measured."
    )


@click.group()
@click.option(
    "--docs", type=click.Path(file_okay=False, path_type=Path), default=_DOCS,
    help="The folder where BENCHMARKS.md is written; by default the project's docs.",
)  # fmt: skip
@click.pass_context
def benchmarks(context: click.Context, docs: Path) -> None:
    """Measure, beside other engines, and write docs/BENCHMARKS.md with its plots."""
    context.obj = Book(docs)


@benchmarks.command()
@click.option("--records", default=300_000, show_default=True, help="Redeems in the backlog.")
@click.option("--rate", default=2_800, show_default=True, help="Redeems a second for the waits.")
@seconds_option(20.0)
@engines_option(",".join(ENGINES))
@click.option("--only", type=click.Choice(["drain", "latency"]), help="One of the two.")
@runs_option
@click.pass_obj
def compare(
    book: Book, records: int, rate: int, seconds: float, engines: list[str], only: str | None,
    runs: int,
) -> None:  # fmt: skip
    """Redeems from a backlog, and waits at a steady pace."""
    draining = [for_backlog(name, records) for name in engines]
    pacing = [each for name in engines for each in for_waits(name)]
    with ground() as servers:
        if only != "latency":
            compare_drains(servers, book, draining, records, runs)
        if only != "drain":
            paces = [Pace(rate, 10.0, seconds)]
            compare_latency(servers, book, "latency", pacing, paces, runs)


@benchmarks.command()
@click.option("--rates", type=NUMBERS, default="500,2800,10000,20000", show_default=True)
@seconds_option(10.0)
@engines_option("ours,streams")
@runs_option
@click.pass_obj
def curve(book: Book, rates: list[int], seconds: float, engines: list[str], runs: int) -> None:
    """Waits at several paces, one after the other; Kafka Streams only as it is best."""
    paces = [Pace(rate, 5.0, seconds) for rate in rates]
    pacing = [for_waits(name)[-1] for name in engines if for_waits(name)]
    with ground() as servers:
        compare_latency(servers, book, "curve", pacing, paces, runs)


@benchmarks.command()
@click.option("--coupons", default=3_000_000, show_default=True, help="Each to a new customer.")
@runs_option
@click.pass_obj
def issue(book: Book, coupons: int, runs: int) -> None:
    """Coupons issued from a backlog, and what each takes in Redis."""
    with ground() as servers:
        measure_issue(servers, book, coupons, runs)


@benchmarks.command()
@click.option("--offers", default=10_000, show_default=True)
def listing(offers: int) -> None:
    """How long `/offers?limit=50` takes; printed, written nowhere."""
    with ground() as servers:
        for when, milliseconds in measure_listing(servers, offers).items():
            click.echo(f"{when}: {milliseconds:,.1f} ms")


@benchmarks.command()
@click.option("--requests", default=5_000, show_default=True, help="Of each kind.")
@click.option("--offers", default=1, show_default=True, help="One after the other.")
def instructions(requests: int, offers: int) -> None:
    """What a request costs Redis, counted by valgrind; printed, written nowhere."""
    for kind, count in count_instructions(requests, offers).items():
        click.echo(f"{kind}: {count:,.0f} instructions")


@benchmarks.command()
@click.option("--requests", default=20_000, show_default=True, help="Redeems, one a customer.")
def stages(requests: int) -> None:
    """What a redeem costs the program, stage by stage; printed, written nowhere."""
    with ground() as servers:
        found = measure_stages(servers, requests)
    for stage, microseconds in found.items():
        click.echo(f"{stage:<7}{microseconds:6.2f} µs")
    click.echo(f"in all {sum(found.values()):6.2f} µs")


@benchmarks.command()
@click.option("--coupons", default=3_000_000, show_default=True, help="All reminded of at once.")
@click.option("--rate", default=500, show_default=True, help="Redeems a second beside it.")
@seconds_option(20.0)
@runs_option
@click.pass_obj
def reminders(book: Book, coupons: int, rate: int, seconds: float, runs: int) -> None:
    """Reminders due in the same minute, and what tills wait meanwhile."""
    with ground() as servers:
        measure_reminders(servers, book, coupons, Pace(rate, 5.0, seconds), runs)


@benchmarks.command()
@click.option(
    "--what", type=_Listed(click.Choice([*GROWN, LEDGER])), default=",".join([LEDGER, *GROWN]),
    show_default=True, help="What grows.",
)  # fmt: skip
@click.option(
    "--ledgers", type=NUMBERS, default="10000,1000000", show_default=True,
    help="Coupons in the ledger; each run redeems as many as the first has.",
)  # fmt: skip
@click.option("--redeems", default=100_000, show_default=True, help="Of each run, for the others.")
@runs_option
@click.pass_obj
def growth(
    book: Book, what: list[str], ledgers: list[int], redeems: int, runs: int
) -> None:  # fmt: skip
    """What a decision costs as the ledger, offers, partitions and workers grow."""
    with ground() as servers:
        for one in what:
            if one == LEDGER:
                grow_ledger(servers, book, ledgers, runs)
            else:
                grow(servers, book, one, redeems, runs)


outcomes_option = click.option(
    "--outcomes", default=1_000_000, show_default=True, help="Of issues and of their redeems."
)


@benchmarks.command()
@outcomes_option
@runs_option
@click.pass_obj
def rebuild(book: Book, outcomes: int, runs: int) -> None:
    """How fast `redeemonce rebuild` makes the ledger again."""
    with ground() as servers:
        measure_rebuild(servers, book, outcomes, runs)


@benchmarks.command()
@outcomes_option
@runs_option
@click.pass_obj
def audit(book: Book, outcomes: int, runs: int) -> None:
    """How fast `redeemonce audit` goes through what was decided."""
    with ground() as servers:
        measure_audit(servers, book, outcomes, runs)


@benchmarks.command()
@runs_option
@click.pass_obj
def codes(book: Book, runs: int) -> None:
    """How fast all 60 million codes of a series are made; every one is counted."""
    measure_codes(book, runs)


@benchmarks.command()
@engines_option(",".join(ENGINES))
@runs_option
@click.pass_context
def everything(context: click.Context, engines: list[str], runs: int) -> None:
    """What `make bench` does: all comparisons and the small growth; the rest by its own command."""
    fast = [name for name in engines if name in ("ours", "streams", "bare")]
    context.invoke(compare, engines=engines, runs=runs)
    context.invoke(compare, records=1_000_000, engines=fast, only="drain", runs=runs)
    context.invoke(curve, engines=fast, runs=runs)
    context.invoke(growth, runs=runs)
