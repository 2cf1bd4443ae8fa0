"""`redeemonce offers upload-codes`, `audience` and `stores`: what comes in files of any size."""

import sys
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from schemas.codes import normalise, why_no_code
from streams.bulk.tables import Checked, Errors, Table
from streams.bulk.uploads import (
    CodeUpload,
    UploadRefused,
    chunks_of,
    parts_of,
    upload_parts,
    why_of,
)
from streams.cli.common import FILE, actor_option
from streams.cli.output import json_option, print_json, progress, refuse_input
from streams.settings import read_settings


@click.command("upload-codes")
@click.argument("offer_id")
@click.argument("file", metavar="CSV", type=FILE)
@actor_option
@json_option
def upload_codes(offer_id: str, file: Path, actor: str, as_json: bool) -> None:
    """Add codes to an offer of uploaded codes: code[,customer_id].

    A code with a customer is issued to that customer. Codes that are taken are named with their
    lines, all others are uploaded. After a kill start the same again: nothing is done twice.
    """
    settings = read_settings()
    checked = Checked(Table(file, ("code",), ("customer_id",)), normalise, why_no_code)
    deque(checked.rows(), maxlen=0)
    if errors := checked.errors():
        refuse_input(errors)
    upload = CodeUpload(settings, offer_id, actor, checked.table.digest())
    fatal = None
    with progress(as_json) as bar:
        task = bar.add_task("codes", total=checked.count)
        try:
            for done in upload.run(chunks_of(checked.table.rows(Errors(file)))):
                bar.update(task, completed=done)
        except UploadRefused as error:
            fatal = error.said
    _report_codes(upload, file, fatal, as_json)
    sys.exit(1 if upload.refused or fatal else 0)


def _report_codes(
    upload: CodeUpload, file: Path, fatal: dict[str, Any] | None, as_json: bool
) -> None:
    """``fatal``: the outcome that made the upload stop."""
    refused = sorted(upload.refused)
    if as_json:
        lines = [{"line": line, "why": why} for line, why in refused]
        counts = {"uploaded": upload.uploaded, "replayed": upload.replayed}
        more = {"refused": upload.not_uploaded, "lines": lines}
        print_json({"offer_id": upload.offer_id, **counts, **more, "stopped_by": fatal})
        return
    for line, why in refused:
        click.echo(f"{file}:{line}: {why}", err=True)
    if fatal is not None:
        click.echo(f"{upload.offer_id}: {why_of(fatal)}", err=True)
    counts_ = f"{upload.uploaded:,} codes uploaded, {upload.not_uploaded:,} refused"
    click.echo(f"{upload.offer_id}: {counts_}")


@click.command()
@click.argument("offer_id")
@click.argument("file", metavar="[CSV]", type=FILE, required=False)
@click.option("--everyone", is_flag=True, help="Instead of a CSV: issue to all customers again.")
@actor_option
@json_option
def audience(offer_id: str, file: Path | None, everyone: bool, actor: str, as_json: bool) -> None:
    """Issue an offer to the customers of a CSV only: customer_id.

    They take the place of those before, all at once when the last is there.
    """
    if (file is None) != everyone:
        raise click.UsageError("name a CSV, or --everyone")
    request = {"type": "set_audience", "offer_id": offer_id, "actor": actor}
    _replace(request, file, "customer_id", "customers", as_json)


@click.command()
@click.argument("offer_id")
@click.argument("file", metavar="[CSV]", type=FILE, required=False)
@click.option("--everywhere", is_flag=True, help="Instead of a CSV: redeem in all stores again.")
@actor_option
@json_option
def stores(offer_id: str, file: Path | None, everywhere: bool, actor: str, as_json: bool) -> None:
    """Redeem an offer in the stores of a CSV only: store_id.

    They take the place of those before.
    """
    if (file is None) != everywhere:
        raise click.UsageError("name a CSV, or --everywhere")
    request = {"type": "set_stores", "offer_id": offer_id, "actor": actor}
    _replace(request, file, "store_id", "stores", as_json)


def _replace(
    request: dict[str, Any], file: Path | None, column: str, noun: str, as_json: bool
) -> None:
    """Put the values of a file in place of those that an offer has; without a file, none."""
    settings, count, parts = read_settings(), 0, 1
    if file is not None:
        checked = Checked(Table(file, (column,)))
        parts = sum(1 for _ in parts_of(cells[0] for _, cells in checked.rows()))
        count = checked.count
        if errors := checked.errors():
            refuse_input(errors)
        table = checked.table

    def all_parts() -> Iterable[list[str]]:
        if file is None:
            return [[]]
        return parts_of(cells[0] for _, cells in table.rows(Errors(file)))

    with progress(as_json) as bar:
        task = bar.add_task(noun, total=count)
        try:
            for said in upload_parts(settings, request, f"{column}s", all_parts, parts):
                bar.update(task, advance=said["items"])
        except UploadRefused as error:
            _refuse(request["offer_id"], error.said, as_json)
    if as_json:
        print_json({"offer_id": request["offer_id"], noun: count, "parts": parts})
    else:
        what = f"{count:,} {noun}" if file else f"no {noun} in particular any more"
        click.echo(f"{request['offer_id']}: {what}")


def _refuse(offer_id: str, said: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(said)
    else:
        click.echo(f"{offer_id}: {why_of(said)}", err=True)
    sys.exit(1)
