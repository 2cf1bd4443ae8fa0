"""`redeemonce codes`: export an offer's next codes, for a third party that hands them out."""

import sys
import uuid
from pathlib import Path
from typing import Any

import click

from state.codes import Codes
from streams.bulk.exports import blocks, series_in
from streams.bulk.uploads import why_of
from streams.bulk.written import whole, write_codes
from streams.cli.common import actor_option, fail, offer_fields, out_option
from streams.cli.output import json_option, print_json, progress
from streams.client import ask, new_request
from streams.settings import Settings, read_settings

_MOST = 1_000_000_000


@click.command()
@click.argument("offer_id")
@click.option("--count", required=True, type=click.IntRange(1, _MOST))
@out_option("--out", required=True, help="A CSV or, by its suffix, Parquet file.")
@click.option("--request-id", help="Of an earlier export: write the same codes again.")
@actor_option
@json_option
def codes(
    offer_id: str, count: int, out: Path, request_id: str | None, actor: str, as_json: bool
) -> None:
    """Export the offer's next codes. That issues them, without a recipient.

    An export that was interrupted is fetched again by the request id that it printed.
    """
    if out.exists():
        raise click.BadParameter(f"{out} is there already", param_hint="--out")
    settings = read_settings()
    made = Codes(settings.secret())
    fields = offer_fields(settings, offer_id)
    id_ = request_id or uuid.uuid4().hex
    click.echo(f"Request id of this export: {id_}", err=True)
    with whole(out) as part:
        part.touch()
        said = _asked(settings, offer_id, count, id_, actor, as_json)
        series = series_in(fields)
        if made.encode([(series, said["first"])]) != [said["first_code"]]:
            fail("REDEEMONCE_CODE_SECRET is not the worker's, so these would be no codes of it")
        found = blocks(made, series, said["first"], count)
        with progress(as_json) as bar:
            task = bar.add_task("codes", total=count)
            for done in write_codes(out, part, found):
                bar.update(task, completed=done)
    if as_json:
        names = ("offer_id", "request_id", "first", "count", "starts_at", "expires_at", "replayed")
        print_json({**{name: said[name] for name in names}, "file": str(out)})
    else:
        click.echo(f"{offer_id}: {count:,} codes in {out}")


def _asked(
    settings: Settings, offer_id: str, count: int, request_id: str, actor: str, as_json: bool
) -> dict[str, Any]:
    """The accepted outcome of the export. Exit 1 where it was refused."""
    request = new_request(
        "export", request_id=request_id, offer_id=offer_id, actor=actor, count=count
    )
    (said,) = ask(settings, [request])
    if said["outcome"] != "accepted":
        if as_json:
            print_json(said)
        click.echo(f"{offer_id}: {why_of(said)}", err=True)
        sys.exit(1)
    return said
