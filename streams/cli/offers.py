"""`redeemonce offers`: apply, list, show, claim, revoke. Each change waits for its outcome."""

from pathlib import Path
from typing import Any

import click
from pydantic import TypeAdapter, ValidationError

from schemas.reading import explain
from schemas.requests import RealMoment
from streams.cli.common import FILE, SERVICES, actor_option, ledger_of, offer_fields
from streams.cli.files import read_column, read_offers
from streams.cli.output import json_option, print_json, print_outcomes, refuse_input
from streams.cli.shown import offer_in_words
from streams.cli.uploads import audience, stores, upload_codes
from streams.cli.watch import list_
from streams.client import ask, new_request
from streams.code_space import code_space
from streams.history import history
from streams.settings import read_settings
from streams.summary import summary

#: Customers of one revoke request: what the ledger ends in one call.
_CUSTOMERS_A_REQUEST = 1_000


@click.group()
def offers() -> None:
    """Create, edit, look at, claim and revoke offers."""


for command in (list_, upload_codes, audience, stores):
    offers.add_command(command)


@offers.command()
@click.argument("file", type=FILE)
@actor_option
@click.option("--approved-by", help="Who approves of it, where offers need that.")
@json_option
def apply(file: Path, actor: str, approved_by: str | None, as_json: bool) -> None:
    """Create the offers of a YAML or JSON file, or edit those that exist."""
    settings = read_settings()
    found, errors = read_offers(file, settings.currency, settings.known_pocs)
    if errors:
        refuse_input(errors)
    ledger = ledger_of(settings)
    requests = [
        new_request(
            "edit" if ledger.offer(offer["offer_id"]) else "create",
            offer_id=offer["offer_id"],
            actor=actor,
            offer=offer,
            **({"approved_by": approved_by} if approved_by else {}),
        )
        for offer in found
    ]
    print_outcomes(ask(settings, requests), as_json, "applied")


@offers.command()
@click.argument("offer_id")
@json_option
def show(offer_id: str, as_json: bool) -> None:
    """One offer in full, with who changed what and when."""
    settings = read_settings()
    fields = offer_fields(settings, offer_id)
    one = summary(fields) | {
        "code_space": code_space(fields),
        "history": history(settings, offer_id),
    }
    if as_json:
        print_json(one)
    else:
        click.echo(offer_in_words(one))


@offers.command()
@click.argument("offer_id")
@click.option("--service", required=True, type=SERVICES)
@click.option("--holder", required=True, help="The service's campaign or program.")
@click.option("--ends-at", help="End of the campaign, such as 2030-12-31T23:59:59+05:30.")
@actor_option
@json_option
def claim(
    offer_id: str, service: str, holder: str, ends_at: str | None, actor: str, as_json: bool
) -> None:
    """Take an offer for one service; nobody else can use it from then on."""
    if ends_at is not None:
        try:
            TypeAdapter(RealMoment).validate_python(ends_at)
        except ValidationError as error:
            why = explain(error.errors()[0])
            raise click.BadParameter(why, param_hint="--ends-at") from None
    request = new_request(
        "claim", offer_id=offer_id, actor=actor, service=service, holder=holder, ends_at=ends_at
    )
    print_outcomes(ask(read_settings(), [request]), as_json, f"claimed by {service} {holder}")


@offers.command()
@click.argument("offer_id")
@click.option("--scope", required=True, type=click.Choice(["unredeemed", "unissued", "customers"]))
@click.option("--customers", type=FILE, help="CSV with a column customer_id.")
@json_option
def revoke(offer_id: str, scope: str, customers: Path | None, as_json: bool) -> None:
    """End coupons of an offer that were not used."""
    if (scope == "customers") != (customers is not None):
        raise click.UsageError("--customers CSV goes with --scope customers, and only with it")
    more: list[dict[str, Any]] = [{}]
    if customers is not None:
        ids, errors = read_column(customers, "customer_id")
        if errors:
            refuse_input(errors)
        more = [
            {"customer_ids": ids[first : first + _CUSTOMERS_A_REQUEST]}
            for first in range(0, len(ids), _CUSTOMERS_A_REQUEST)
        ]
    requests = [new_request("revoke", offer_id=offer_id, scope=scope, **each) for each in more]
    print_outcomes(ask(read_settings(), requests), as_json, f"revoked ({scope})")
