"""`redeemonce up`, `down` and `worker`: the servers, and the program between them."""

import click

from deploy import local
from schemas.topics import LANES
from streams import logs, tracing
from streams.broker import ensure_topics
from streams.cli.output import json_option, print_json
from streams.settings import read_settings


def _say(text: str) -> None:
    click.echo(text, err=True)


@click.command()
@json_option
def up(as_json: bool) -> None:
    """Start a local Kafka and Redis, make the topics, print the two settings."""
    stack = local.up(report=_say)
    settings = {
        "REDEEMONCE_KAFKA_BOOTSTRAP_SERVERS": stack.kafka_bootstrap_servers,
        "REDEEMONCE_REDIS_URL": stack.redis_url,
    }
    ensure_topics(
        read_settings().model_copy(
            update={"kafka_bootstrap_servers": stack.kafka_bootstrap_servers}
        )
    )
    if as_json:
        print_json(settings)
        return
    for name, value in settings.items():
        click.echo(f"{name}={value}")


@click.command()
@json_option
def down(as_json: bool) -> None:
    """Stop the Kafka and Redis that `up` started. Their data stay."""
    stopped = local.down(report=_say)
    if as_json:
        print_json({"stopped": stopped})
    else:
        click.echo(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


@click.command()
@click.option(
    "--agents",
    default=",".join(lane.name for lane in LANES),
    show_default=True,
    help="Which agents to run, with commas between.",
)
def worker(agents: str) -> None:
    """Run the agents and the web pages until stopped."""
    chosen = [name.strip() for name in agents.split(",") if name.strip()]
    unknown = [name for name in chosen if name not in {lane.name for lane in LANES}]
    if unknown or not chosen:
        known = ", ".join(lane.name for lane in LANES)
        raise click.BadParameter(
            f"{', '.join(unknown) or 'none'}; there are {known}", param_hint="--agents"
        )
    settings = read_settings()
    logs.configure(settings)
    tracing.configure()
    # Faust takes a second to load: only the worker needs it.
    from streams.app import Process, RedemptionWorker

    lanes = [lane for lane in LANES if lane.name in chosen]
    Process(RedemptionWorker(settings, lanes)).execute_from_commandline()
