"""`redeemonce audit` and `rebuild`: check the ledger against the topics, or make it again."""

import os
import sys
import time
import uuid
from pathlib import Path

import click
from prometheus_client import CollectorRegistry, write_to_textfile
from rich.progress import TaskID

from state.ledger import Ledger
from streams.audit import audit
from streams.cli.output import json_option, print_json, progress
from streams.cli.verdict import print_verdict
from streams.metrics import audit_registry
from streams.recovery import restore
from streams.recovery.lock import taken_lock
from streams.settings import read_settings


def _textfile(_: click.Context, option: click.Parameter, path: Path | None) -> Path | None:
    """Refuses before the audit what node-exporter wouldn't read or nobody could write."""
    if path is not None and path.suffix != ".prom":
        raise click.BadParameter("node-exporter reads only files named *.prom", param=option)
    if path is not None and not os.access(path.parent, os.W_OK):
        raise click.BadParameter(f"{path.parent} is no folder to write to", param=option)
    return path


def _write(path: Path, registry: CollectorRegistry) -> None:
    """The whole file under another name first: node-exporter may read at any moment."""
    try:
        write_to_textfile(str(path), registry)
    except OSError as error:
        raise click.ClickException(f"{path} can't be written: {error.strerror}") from error


@click.command("audit")
@click.option(
    "--metrics", callback=_textfile, metavar="FILE",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Also write what was found there, for node-exporter's textfile collector; not where "
    "requests were decided all the while.",
)  # fmt: skip
@json_option
def audit_(metrics: Path | None, as_json: bool) -> None:
    """Recompute the ledger from the topics and compare it with Redis and with every limit."""
    settings = read_settings()
    with progress(as_json) as bar:
        tasks: dict[str, TaskID] = {}

        def show(phase: str, done: int, total: int) -> None:
            if phase not in tasks:
                tasks[phase] = bar.add_task(phase, total=total)
            bar.update(tasks[phase], completed=done, total=total)

        verdict = audit(settings, show)
    if as_json:
        print_json(verdict.as_json())
    else:
        print_verdict(verdict)
    if metrics is not None and verdict.at_rest:
        _write(metrics, audit_registry(verdict.ok, verdict.found, time.time()))
    sys.exit(0 if verdict.ok else 1)


@click.command()
@json_option
def rebuild(as_json: bool) -> None:
    """Make Redis again from the topics. Workers wait meanwhile and go on by themselves."""
    settings = read_settings()
    ledger = Ledger(settings.redis_url, settings.topic_prefix, settings.request_memory_days)
    token = uuid.uuid4().hex
    with taken_lock(ledger, token), progress(as_json) as bar:
        task = bar.add_task("outcomes read", total=None)
        restored = restore(
            settings, ledger, token, from_nothing=True,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )  # fmt: skip
    if as_json:
        seconds = round(restored.seconds, 3)
        print_json({"outcomes": restored.outcomes, "seconds": seconds})
    else:
        click.echo(f"the ledger is whole again: {restored}")
