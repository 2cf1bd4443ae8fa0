"""`redeemonce send`: push requests from a file to their topics."""

import sys
from pathlib import Path

import click

from streams.cli.files import read_requests
from streams.cli.output import print_json, refuse_input
from streams.client import Till, ask
from streams.settings import read_settings


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--wait", is_flag=True, help="Wait for the outcomes; print them in the file's order.")
@click.option("--json", "as_json", is_flag=True, help="Print how many were sent as JSON.")
def send(file: Path, wait: bool, as_json: bool) -> None:
    """Send NDJSON requests of any type to their topics. Exit 1 where one was refused."""
    settings = read_settings()
    requests, errors = read_requests(file)
    if errors:
        refuse_input(errors)
    if wait:
        outcomes = ask(settings, requests)
        for said in outcomes:
            print_json(said)
        sys.exit(any(said.get("outcome") != "accepted" for said in outcomes))
    till = Till(settings)
    for number, request in enumerate(requests):
        till.send(request, number)
    till.flush()
    if as_json:
        print_json({"sent": len(requests)})
    else:
        click.echo(f"{len(requests)} requests sent")
