"""Files that people hand in: offers in YAML or JSON, CSV with a header, NDJSON. Every error is
found in one reading, with its line."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import orjson
import yaml

from schemas.offers import errors_of
from schemas.topics import lane_of
from streams.bulk.tables import MOST_SHOWN, Checked, Errors, Table


class _Loader(yaml.SafeLoader):
    """Moments stay as they are written."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_offers(
    path: Path, currency: str, pocs: Collection[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """The offers of a file (one, a list, or several documents), and every error with its line."""
    try:
        text = path.read_text("utf-8")
        nodes = [node for node in yaml.compose_all(text, _Loader) if node is not None]
    except UnicodeDecodeError as error:
        return [], [f"{path}: not UTF-8 at byte {error.start}"]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        return [], [f"{path}{line}: {getattr(error, 'problem', None) or error}"]
    if len(nodes) == 1 and isinstance(nodes[0], yaml.SequenceNode):
        nodes = nodes[0].value
    if not nodes:
        return [], [f"{path}:1: there is no offer in this file"]
    offers, errors, seen = [], [], set()
    for node in nodes:
        content = _constructed(node)
        _, wrong = errors_of(content, currency, pocs)
        errors += [
            f"{path}:{_line(node, place)}: {place or 'offer'}: {why}" for place, why in wrong
        ]
        errors += [f"{path}:{line}: {name} stands here twice" for line, name in _doubles(node)]
        if not wrong:
            if content["offer_id"] in seen:
                errors.append(f"{path}:{_line(node, 'offer_id')}: offer_id: stands here twice")
            seen.add(content["offer_id"])
            offers.append(content)
    return offers, errors


def read_column(path: Path, column: str) -> tuple[list[str], list[str]]:
    """One column of a CSV, every value 1 to 64 characters and only once."""
    checked = Checked(Table(path, (column,)))
    values = [cells[0] for _, cells in checked.rows()]
    return values, checked.errors()


def read_rows(
    path: Path, required: set[str], known: set[str]
) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    """(line, row by column) of a CSV with a header, and every error with its line."""
    table = Table(path, tuple(required), tuple(known - required))
    errors = Errors(path)
    rows = [
        (line, dict(zip(table.names, cells, strict=True))) for line, cells in table.rows(errors)
    ]
    return rows, errors.sentences()


def read_requests(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The requests of an NDJSON file. Their fields are for the worker to judge; here each line
    must be a JSON object whose type has a topic."""
    requests, errors = [], []
    with path.open("rb") as file:
        for line, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                request = orjson.loads(text)
            except orjson.JSONDecodeError as error:
                errors.append(f"{path}:{line}: not JSON: {error}")
                continue
            if not isinstance(request, dict):
                errors.append(f"{path}:{line}: a JSON object is expected")
            elif lane_of(str(request.get("type"))) is None:
                errors.append(f"{path}:{line}: type: {request.get('type')!r} is no type of request")
            else:
                requests.append(request)
    return requests, errors[:MOST_SHOWN]


def _constructed(node: yaml.Node) -> Any:
    loader = _Loader("")
    try:
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        return f"{error}"
    finally:
        loader.dispose()


def _line(node: yaml.Node, place: str) -> int:
    """The line (from 1) of a path such as ``redeem.when.0``, or of what of it is there."""
    line = node.start_mark.line
    for name in place.split("."):
        child = _child(node, name)
        if child is None:
            break
        line, node = child
    return int(line) + 1


def _child(node: yaml.Node, name: str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == name:
                return key.start_mark.line, value
    if isinstance(node, yaml.SequenceNode) and name.isdigit() and int(name) < len(node.value):
        child = node.value[int(name)]
        return child.start_mark.line, child
    return None


def _doubles(node: yaml.Node) -> list[tuple[int, str]]:
    """(line, name) of keys that stand twice in one mapping: YAML would keep the last unseen."""
    found = []
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                found.append((key.start_mark.line + 1, str(key.value)))
            seen.add(key.value)
            found += _doubles(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            found += _doubles(value)
    return found
