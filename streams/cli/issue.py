"""`redeemonce issue`: an offer's coupons for all customers of a file."""

import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NoReturn

import click

from streams.bulk.issues import Counts, Note, Run, issue_all
from streams.bulk.tables import Checked, Errors, Table
from streams.bulk.written import RowWriter, row_writer, whole
from streams.cli.common import FILE, SERVICES, fail, offer_fields, out_option
from streams.cli.output import json_option, print_json, progress, refuse_input
from streams.settings import Settings, read_settings
from streams.summary import summary

_COLUMNS = ("customer_id", "outcome", "reason", "coupon_id", "code", "starts_at", "expires_at")


@click.command()
@click.argument("offer_id")
@click.option(
    "--customers", "file", type=FILE, required=True,
    help="CSV, or Parquet by its suffix, with a column customer_id.",
)  # fmt: skip
@click.option("--service", type=SERVICES, help="By default whoever claimed the offer.")
@click.option("--holder", help="The service's campaign or program; goes with --service.")
@click.option(
    "--run", "name",
    help="Names another run, on purpose, of a file that was issued before: its customers get one "
    "coupon more. Without it the same file is the same run.",
)  # fmt: skip
@out_option("--out", help="Write the outcomes to this CSV or, by its suffix, Parquet file.")
@json_option
def issue(
    offer_id: str, file: Path, service: str | None, holder: str | None, name: str | None,
    out: Path | None, as_json: bool,
) -> NoReturn:  # fmt: skip
    """Issue one coupon of an offer to each customer of a file.

    After a kill start the same again, within the days that request ids are remembered: it goes on,
    and nobody gets a second coupon. Exit 1 where a customer was refused.
    """
    if (service is None) != (holder is None):
        raise click.UsageError("--service and --holder go together")
    settings = read_settings()
    checked = Checked(Table(file, ("customer_id",)))
    deque(checked.rows(), maxlen=0)
    if errors := checked.errors():
        refuse_input(errors)
    fields, digest = offer_fields(settings, offer_id), checked.table.digest()
    if service is None or holder is None:
        service, holder = _claimed_by(fields)
    run = Run(offer_id, service, holder, name or digest)
    note = Note.of(settings, run, digest, int(fields[b"created_at"]))
    # The file of outcomes has all customers: then all are asked, and what is answered replays.
    counts = Counts() if out else note.read()
    skipped, began = counts.customers, time.monotonic()
    _issue(settings, run, checked, note, counts, out, as_json)
    _report(run, counts, skipped, time.monotonic() - began, as_json)
    sys.exit(1 if counts.rejected else 0)


def _claimed_by(fields: dict[bytes, bytes]) -> tuple[str, str]:
    one = summary(fields)
    claim = one["offer"]["claim"]
    if not claim:
        fail(f"nobody has claimed {one['offer_id']}: `redeemonce offers claim` it first")
    return claim["service"], claim["holder"]


def _issue(
    settings: Settings, run: Run, checked: Checked, note: Note, counts: Counts,
    out: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Issue to all customers after those that are counted, and count them."""
    table = checked.table
    customers = (cells[0] for _, cells in table.rows(Errors(table.path)))
    rest = islice(customers, counts.customers, None)
    with _outcomes(out) as writer, progress(as_json) as bar:
        task = bar.add_task("customers", total=checked.count, completed=counts.customers)
        for customer_id, said in issue_all(settings, run, rest):
            counts.count(said)
            note.keep(counts, said)
            if writer is not None:
                writer.write((customer_id, *map(said.get, _COLUMNS[1:])))
            if counts.customers % 1_000 == 0:
                bar.update(task, completed=counts.customers)
        bar.update(task, completed=counts.customers)
    note.keep(counts, None)


@contextmanager
def _outcomes(out: Path | None) -> Iterator[RowWriter | None]:
    if out is None:
        yield None
        return
    with whole(out) as part, row_writer(out, part, _COLUMNS) as writer:
        yield writer


def _report(run: Run, counts: Counts, skipped: int, seconds: float, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "offer_id": run.offer_id, "run": run.name, "customers": counts.customers,
                "issued": counts.issued, "rejected": counts.rejected,
                "replayed": counts.replayed, "skipped": skipped, "seconds": round(seconds, 3),
            }
        )  # fmt: skip
        return
    rate = (counts.customers - skipped) / max(seconds, 1e-9)
    click.echo(f"{run.offer_id}: {counts.issued:,} issued, {rate:,.0f} a second")
    for reason, count in counts.rejected.items():
        click.echo(f"{run.offer_id}: {count:,} refused, {reason}", err=True)
    if skipped or counts.replayed:
        click.echo(f"{skipped + counts.replayed:,} of them were answered by a run before")
        if counts.rejected:
            click.echo("A refusal stands for its run: with another --run all are asked anew.")
