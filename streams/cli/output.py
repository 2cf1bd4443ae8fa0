"""How commands print: tables and sentences for people, JSON for programs."""

import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click
import orjson
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

F = TypeVar("F", bound=Callable[..., Any])
console = Console(soft_wrap=True, highlight=False)


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON (NDJSON for lists).")(
        command
    )


def print_json(content: Any) -> None:
    click.echo(orjson.dumps(content).decode())


def refuse_input(errors: Iterable[str]) -> None:
    """Every error of an input, and exit 2: nothing was done."""
    for error in errors:
        click.echo(f"Error: {error}", err=True)
    click.echo("Nothing was sent or changed.", err=True)
    sys.exit(2)


def print_outcomes(outcomes: list[dict[str, Any]], as_json: bool, done: str) -> None:
    """Each outcome, and exit 1 where one was refused."""
    for said in outcomes:
        if as_json:
            print_json(said)
        elif said.get("outcome") == "accepted":
            click.echo(f"{said['offer_id']}: {done}{_more(said)}")
        else:
            reason = said.get("reason") or "dead letter"
            detail = f": {said['detail']}" if said.get("detail") else ""
            click.echo(f"{said.get('offer_id', '')}: refused, {reason}{detail}", err=True)
    if any(said.get("outcome") != "accepted" for said in outcomes):
        sys.exit(1)


def _more(said: dict[str, Any]) -> str:
    if said["type"] == "revoke":
        count = said["revoked"]
        return "" if count is None else f", {count} issued coupons ended"
    return f" (version {said['offer_version']})" if "offer_version" in said else ""


def table(*columns: str, title: str | None = None) -> Table:
    made = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        name, right, _ = column.partition(">")
        # Where the terminal is narrow a cell takes more lines: an id that is cut is none.
        made.add_column(name, justify="right" if right else "left", overflow="fold")
    return made


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "")


def progress(hidden: bool) -> Progress:
    """Bars of how far each task is, and how fast; where nobody watches, only how it ended."""
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(),
        TimeRemainingColumn(), console=console, disable=hidden,
    )  # fmt: skip
