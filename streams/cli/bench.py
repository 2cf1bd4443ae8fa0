"""`redeemonce bench`: the benchmarks, which come with the source and not with the package."""

import subprocess
import sys
from pathlib import Path

import click

from streams.cli.common import fail
from streams.cli.output import json_option

_SOURCE = Path(__file__).parents[2]


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("what", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--docs", type=click.Path(file_okay=False, path_type=Path), default=_SOURCE / "docs",
    help="The folder where BENCHMARKS.md is written; by default the project's docs.",
)  # fmt: skip
@json_option
def bench(what: tuple[str, ...], docs: Path, as_json: bool) -> None:
    """The benchmarks of the README, side by side in one run.

    WHAT: a part of them with its options, such as `compare --only drain --engines ours`; all of
    what `make bench` measures where it is absent.
    """
    if not (_SOURCE / "tests" / "benchmarks").is_dir():
        fail("the benchmarks come with the project's source, which this installation hasn't")
    command = [sys.executable, "-m", "tests.benchmarks", "--docs", str(docs.absolute())]
    done = subprocess.run(
        [*command, *(what or ["everything"])],
        cwd=_SOURCE,
        stdout=sys.stderr if as_json else None,
    )
    if done.returncode == 0 and as_json:
        click.echo((docs / "benchmarks" / "figures.json").read_text("utf-8"), nl=False)
    sys.exit(done.returncode)
