"""`redeemonce tail`: outcomes as they are committed."""

import sys
from collections.abc import Iterator
from itertools import chain
from typing import Any

import click
import orjson
from confluent_kafka import Message, TopicPartition
from rich.text import Text

from schemas.reasons import Reason
from schemas.requests import REQUESTS
from schemas.topics import LANES, REMINDERS, Topic
from streams.broker import consumer, ends_of, is_record, partitions_of, read_all
from streams.cli.output import console, json_option
from streams.settings import Settings, read_settings

_LANES = {lane.name: lane for lane in LANES}
_WAIT_S = 0.2
_GROUP = "redeemonce-tail"


@click.command()
@click.option(
    "--lane", "lanes", type=click.Choice([*_LANES]), multiple=True, help="All where none is named."
)
@click.option(
    "--type", "types", type=click.Choice([*REQUESTS]), metavar="TYPE", multiple=True,
    help="Such as redeem; may be given several times.",
)  # fmt: skip
@click.option("--offer", "offer_id", help="Of this offer.")
@click.option("--customer", "customer_id", help="Of this customer.")
@click.option("--code", help="Of this code, as outcomes write it.")
@click.option(
    "--reason", "reasons", type=click.Choice([each.value for each in Reason]), metavar="REASON",
    multiple=True, help="Refused for it.",
)  # fmt: skip
@click.option("--accepted", "result", flag_value="accepted", help="Only what was accepted.")
@click.option("--rejected", "result", flag_value="rejected", help="Only what was refused.")
@click.option("--reminders", is_flag=True, help="Reminder triggers instead of outcomes.")
@click.option("--since-start", is_flag=True, help="From the first outcome on, then what comes.")
@click.option(
    "--follow/--no-follow", default=True, show_default=True,
    help="Wait for more; or print all there is, and end.",
)  # fmt: skip
@json_option
def tail(
    lanes: tuple[str, ...], reminders: bool, since_start: bool, follow: bool, as_json: bool,
    **wanted: Any,
) -> None:  # fmt: skip
    """Outcomes as they are committed, in colour; plain where nobody looks. Stop it with Ctrl-C."""
    if reminders:
        _refuse_of_outcomes(lanes, wanted)
    settings = read_settings()
    topics = [_LANES[name].outcomes for name in lanes or _LANES]
    try:
        for said in _read(settings, [REMINDERS] if reminders else topics, since_start, follow):
            if _fits(said, wanted):
                _print(said, as_json)
    except KeyboardInterrupt:
        sys.exit(0)


def _read(
    settings: Settings, topics: list[Topic], since_start: bool, follow: bool
) -> Iterator[dict[str, Any]]:
    if follow:
        messages = _coming(settings, topics, since_start)
    else:
        messages = chain.from_iterable(read_all(settings, topic, _GROUP) for topic in topics)
    return (orjson.loads(message.value()) for message in messages)


def _coming(settings: Settings, topics: list[Topic], since_start: bool) -> Iterator[Message]:
    client = consumer(settings, settings.topic_prefix + _GROUP)
    try:
        places = [
            TopicPartition(settings.topic(topic), partition, first if since_start else end)
            for topic in topics
            for partition, (first, end) in enumerate(
                ends_of(client, settings.topic(topic), partitions_of(settings, topic))
            )
        ]
        client.assign(places)
        while True:
            for message in client.consume(1_000, _WAIT_S):
                if is_record(message, message.topic()):
                    yield message
            sys.stdout.flush()
    finally:
        client.close()


def _refuse_of_outcomes(lanes: tuple[str, ...], wanted: dict[str, Any]) -> None:
    """Triggers have neither a lane nor a type, and nothing decided them."""
    result = wanted["result"]
    given = {"--lane": lanes, "--type": wanted["types"], "--reason": wanted["reasons"],
             f"--{result}": result}  # fmt: skip
    wrong = [option for option, content in given.items() if content]
    if wrong:
        raise click.UsageError(f"{', '.join(wrong)}: of outcomes only, not with --reminders")


def _fits(said: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return (
        (not wanted["types"] or said["type"] in wanted["types"])
        and (not wanted["reasons"] or said["reason"] in wanted["reasons"])
        and (wanted["result"] is None or said["outcome"] == wanted["result"])
        and all(
            wanted[name] is None or said.get(name) == wanted[name]
            for name in ("offer_id", "customer_id", "code")
        )
    )


def _print(said: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps(said).decode())
    else:
        console.print(_line(said), soft_wrap=True)


def _line(said: dict[str, Any]) -> Text:
    if "reminder_id" in said:
        whom = said["customer_id"] or ", ".join(said["pocs"] or ())
        return Text.assemble(
            (said["due_at"], "dim"), f"  {said['channel']:<6} {whom}  {said['content']}"
        )
    reason = said["reason"]
    result = (f"{reason}", "red") if reason else ("accepted", "green")
    more = [
        f"{name} {said[field]}"
        for name, field in (
            ("offer", "offer_id"),
            ("coupon", "coupon_id"),
            ("customer", "customer_id"),
            ("till", "till_id"),
        )
        if said.get(field)
    ]
    if said.get("discount"):
        more.append(f"{said['discount']['amount']} {said['discount']['currency']} off")
    if said["replayed"]:
        more.append("told again")
    if said.get("detail"):
        more.append(said["detail"])
    return Text.assemble(
        (said["decided_at"], "dim"), f"  {said['type'] or '?':<8} ", result, f"  {', '.join(more)}",
        f"  {said['request_id']}",
    )  # fmt: skip
