"""`redeemonce audit` and `rebuild`: check the ledger against the topics, or make it again."""

import sys
import uuid

import click
from rich.progress import TaskID

from state.ledger import Ledger
from streams.audit import audit
from streams.cli.output import json_option, print_json, print_verdict, progress
from streams.recovery import restore
from streams.recovery.lock import taken_lock
from streams.settings import read_settings


@click.command("audit")
@json_option
def audit_(as_json: bool) -> None:
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
