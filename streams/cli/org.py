"""`redeemonce org`: which till stands in which store, zone and concept."""

import time
from pathlib import Path
from typing import Any

import click
import orjson
from pydantic import ValidationError

from schemas.org import OrgEntity
from schemas.reading import first_error
from schemas.topics import ORG_ENTITIES
from state.ledger import Ledger
from streams.cli.files import read_rows
from streams.cli.output import json_option, print_json, refuse_input
from streams.client import Till
from streams.settings import Settings, read_settings

_REQUIRED = {"till_id", "store_id", "zone_ids", "concept_id", "time_zone"}
#: Seconds after which a worker that says nothing counts as gone, and that a command waits at most.
_GONE_S, _WAIT_S = 10.0, 30.0


@click.group()
def org() -> None:
    """The organisation: tills, stores, zones, concepts."""


@org.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def apply(file: Path, as_json: bool) -> None:
    """Load tills from a CSV: till_id,store_id,zone_ids,concept_id,time_zone[,store_name]."""
    settings = read_settings()
    rows, errors = read_rows(file, _REQUIRED, _REQUIRED | {"store_name"})
    entities: dict[str, OrgEntity] = {}
    for line, row in rows:
        try:
            entity = OrgEntity.model_validate(_content(row))
        except ValidationError as error:
            errors.append(f"{file}:{line}: {first_error(error)}")
            continue
        if entity.till_id in entities:
            errors.append(f"{file}:{line}: till_id: {entity.till_id} stands here twice")
        entities[entity.till_id] = entity
    if errors:
        refuse_input(errors)
    waited_for = _publish(settings, list(entities.values()))
    if as_json:
        print_json({"tills": len(entities), "workers": waited_for})
    else:
        click.echo(f"{len(entities)} tills; {waited_for} workers go by them")


def _content(row: dict[str, str]) -> dict[str, Any]:
    zones = [zone.strip() for zone in row["zone_ids"].split(";") if zone.strip()]
    optional = {name: row.get(name) or None for name in ("store_name", "concept_id", "time_zone")}
    return {"till_id": row["till_id"], "store_id": row["store_id"], "zone_ids": zones, **optional}


def _publish(settings: Settings, entities: list[OrgEntity]) -> int:
    """Returns how many workers have read them by now; waits for all that are alive."""
    till = Till(settings)
    for number, entity in enumerate(entities):
        value = orjson.dumps(entity.model_dump())
        till.send_bytes(settings.topic(ORG_ENTITIES), entity.till_id.encode(), value, number)
    till.flush()
    ends: dict[int, int] = {}
    for _, partition, offset in till.places.values():
        ends[partition] = max(ends.get(partition, 0), offset + 1)
    return _wait_for_readers(settings, ends)


def _wait_for_readers(settings: Settings, ends: dict[int, int]) -> int:
    ledger = Ledger(settings.redis_url, settings.topic_prefix)
    deadline = time.monotonic() + _WAIT_S
    while True:
        alive = {
            place: positions
            for place, (at, positions) in ledger.readers().items()
            if time.time() - at < _GONE_S
        }
        late = [
            place
            for place, positions in alive.items()
            if any(positions.get(p, 0) < end for p, end in ends.items())
        ]
        if not late:
            return len(alive)
        if time.monotonic() > deadline:
            raise click.ClickException(f"these workers have not read it yet: {', '.join(late)}")
        time.sleep(0.1)
