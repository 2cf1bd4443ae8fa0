"""What several commands have in common: options, and the offer that they are about."""

import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from state.ledger import Ledger
from streams.settings import Settings

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
SERVICES = click.Choice(["outbound", "dvs", "timeline", "loyalty", "third_party"])
actor_option = click.option(
    "--actor", default=getpass.getuser, help="Who does it; your login by default."
)


def out_option(name: str, **more: Any) -> Callable[[Any], Any]:
    """A file to be written."""
    path = click.Path(dir_okay=False, path_type=Path)
    return click.option(name, type=path, callback=_in_a_folder, metavar="FILE", **more)


def _in_a_folder(_: click.Context, option: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and not os.access(path.absolute().parent, os.W_OK | os.X_OK):
        raise click.BadParameter(f"nothing can be written to the folder {path.parent}")
    return path


def ledger_of(settings: Settings) -> Ledger:
    return Ledger(settings.redis_url, settings.topic_prefix, settings.request_memory_days)


def offer_fields(settings: Settings, offer_id: str) -> dict[bytes, bytes]:
    """The offer's hash as in Redis. Exit 1 where there is none."""
    fields = ledger_of(settings).offer(offer_id)
    if not fields:
        fail(f"there is no offer {offer_id}")
    return fields


def fail(message: str) -> NoReturn:
    """Exit 1: what was asked for can't be done."""
    click.echo(f"Error: {message}", err=True)
    sys.exit(1)
