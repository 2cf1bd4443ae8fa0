"""`redeemonce offers list` and `watch`: the offers as the web page has them."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import click
from rich.live import Live
from rich.table import Table

from streams.cli.common import SERVICES, ledger_of
from streams.cli.output import console, json_option, print_json, table
from streams.pages.directory import ENTITIES, SORTS, Directory, Query
from streams.settings import read_settings

Command = TypeVar("Command", bound=Callable[..., None])
#: Rows that `watch` shows at the most.
_ROWS = 40


def filters(command: Command) -> Command:
    """The options of what is shown, as `/offers` has them."""
    for option in (
        click.option("--search", default="", help="Part of the name or id."),
        click.option("--active", is_flag=True, help="Only offers that have not ended."),
        click.option("--sort", type=click.Choice([*SORTS]), default="created", show_default=True,
                     help="The newest first."),
        click.option("--org-entity-type", type=click.Choice([*ENTITIES])),
        click.option("--org-entity-ids", help="Commas between; offers tagged with one of them."),
        click.option("--created-in", type=SERVICES, help="Offers made inside this service."),
    ):  # fmt: skip
        command = option(command)
    return command


def _query(given: dict[str, Any]) -> Query:
    if (given["org_entity_type"] is None) != (given["org_entity_ids"] is None):
        raise click.UsageError("--org-entity-type and --org-entity-ids go together")
    words = {name: value for name, value in given.items() if value}
    return Query.of({name: "true" if value is True else value for name, value in words.items()})


def _directory() -> Directory:
    settings = read_settings()
    return Directory(ledger_of(settings), settings.now_ms)


@click.command("list")
@filters
@json_option
def list_(as_json: bool, **given: Any) -> None:
    """Offers as a table, the newest first; in a pipe, a line each with tabs."""
    found = _directory().find(_query(given)).offers
    if not as_json and sys.stdout.isatty():
        console.print(_shown(found))
        return
    for one in found:
        _print_line(one, as_json)


@click.command()
@filters
@click.option("--every", default=1.0, show_default=True, help="Seconds between two looks.")
@json_option
def watch(every: float, as_json: bool, **given: Any) -> None:
    """Offers as they go, until Ctrl-C. Where nobody looks (a pipe), a line for each change."""
    directory, query = _directory(), _query(given)
    with suppress(KeyboardInterrupt):
        if as_json or not sys.stdout.isatty():
            _print_changes(directory, query, every, as_json)
        else:
            _show(directory, query, every)


def _show(directory: Directory, query: Query, every: float) -> None:
    with Live(console=console, auto_refresh=False, screen=False) as live:
        while True:
            found = directory.find(query)
            live.update(_shown(found.offers[:_ROWS], found.total), refresh=True)
            time.sleep(every)


def _print_changes(directory: Directory, query: Query, every: float, as_json: bool) -> None:
    known: dict[str, dict[str, Any]] = {}
    while True:
        for one in directory.find(query).offers:
            if known.get(one["offer_id"]) != one:
                known[one["offer_id"]] = one
                _print_line(one, as_json)
        sys.stdout.flush()
        time.sleep(every)


def _print_line(one: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(one)
    else:
        click.echo("\t".join(_cells(one)))


def _shown(found: list[dict[str, Any]], total: int | None = None) -> Table:
    title = None if total is None or total == len(found) else f"{len(found)} of {total:,} offers"
    made = table(
        "offer", "name", "codes", "discount", "expiry", "claimed by", "issued>", "redeemed>",
        "rate>", title=title,
    )  # fmt: skip
    for one in found:
        made.add_row(*_cells(one))
    return made


def _cells(one: dict[str, Any]) -> list[str]:
    rate = one["redemption_rate"]
    return [
        one["offer_id"],
        one["name"],
        one["offer"]["coupons"]["codes"]["type"],
        one["discount"],
        one["expiry"],
        one["claimed_by"] or "",
        f"{one['issued']:,}",
        f"{one['redeemed']:,}",
        "" if rate is None else f"{rate:.2%}",
    ]
