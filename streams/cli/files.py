"""Files that people hand in: offers in YAML or JSON, CSV with a header, NDJSON. Every error is
found in one reading, with its line."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import orjson
import yaml

from schemas.offers import errors_of
from schemas.topics import MAX_RECORD_BYTES, lane_of
from streams.bulk.tables import MOST_SHOWN, Checked, Errors, Table
from streams.client import key_of

#: Levels of a YAML file that are read; an offer has fewer than ten.
_DEEPEST = 100
#: What Kafka writes around a key and a value that are sent alone, at the most.
_AROUND_BYTES = 77


class _Loader(yaml.SafeLoader):
    """Moments stay as they are written. Raises `yaml.YAMLError` with the place of what is wrong."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._open: list[str | None] = []  # the anchors, if any, of the nodes around the next one

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        reader: Any = self  # whose events have no types
        event = reader.peek_event()
        if isinstance(event, yaml.AliasEvent) and event.anchor in self._open:
            raise _wrong(f"*{event.anchor} stands inside of what it repeats", event)
        if len(self._open) == _DEEPEST:
            raise _wrong("nested too deeply", event)
        self._open.append(event.anchor)
        node = super().compose_node(parent, index)
        self._open.pop()
        is_name = isinstance(parent, yaml.MappingNode) and index is None
        if is_name and not isinstance(node, yaml.ScalarNode):
            why = "a name can't be a list or a mapping; text that begins with [ or { needs quotes"
            raise _wrong(why, event)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ArithmeticError, AttributeError, LookupError, ValueError):  # each tag has its own
            tag = node.tag.rpartition(":")[2]
            raise _wrong(f"{node.value[:40]!r} can't be read as {tag}", node) from None


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
        return [], [_sentence(path, error)]
    if len(nodes) == 1 and isinstance(nodes[0], yaml.SequenceNode):
        nodes = nodes[0].value
    if not nodes:
        return [], [f"{path}:1: there is no offer in this file"]
    offers, errors, seen = [], [], set()
    for node in nodes:
        errors += [f"{path}:{line}: {name} stands here twice" for line, name in _doubles(node)]
        try:
            content = _constructed(node)
        except yaml.YAMLError as error:
            errors.append(_sentence(path, error))
            continue
        _, wrong = errors_of(content, currency, pocs)
        errors += [
            f"{path}:{_line(node, place)}: {place or 'offer'}: {why}" for place, why in wrong
        ]
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
    must be a JSON object whose type has a topic, and fit into a record of it."""
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
            why = _why_no_record(request)
            if why is None:
                requests.append(request)
            else:
                errors.append(f"{path}:{line}: {why}")
    return requests, errors[:MOST_SHOWN]


def _why_no_record(request: Any) -> str | None:
    """Why this can't be sent, None where it can."""
    try:
        value = orjson.dumps(request)
    except orjson.JSONEncodeError:  # it reads more levels than it writes
        return "nested too deeply"
    if not isinstance(request, dict):
        return "a JSON object is expected"
    if lane_of(str(request.get("type"))) is None:
        return f"type: {request.get('type')!r} is no type of request"
    size = len(key_of(request)) + len(value)
    most = MAX_RECORD_BYTES - _AROUND_BYTES
    return f"{size:,} bytes are more than the {most:,} of a record" if size > most else None


def _constructed(node: yaml.Node) -> Any:
    loader = _Loader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _wrong(why: str, where: Any) -> yaml.YAMLError:
    return yaml.MarkedYAMLError(problem=why, problem_mark=where.start_mark)


def _sentence(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
    return f"{path}{place}: {getattr(error, 'problem', None) or error}"


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


def _doubles(node: yaml.Node, seen: set[int] | None = None) -> list[tuple[int, str]]:
    """(line, name) of keys that stand twice in one mapping: YAML would keep the last unseen.

    Before it is constructed: what ``<<`` merges is put beside the keys that override it. ``seen``:
    the nodes looked at, because an alias has the node that it repeats.
    """
    seen = set() if seen is None else seen
    if id(node) in seen:
        return []
    seen.add(id(node))
    found = []
    if isinstance(node, yaml.MappingNode):
        names = set()
        for key, value in node.value:
            if key.value in names:
                found.append((key.start_mark.line + 1, str(key.value)))
            names.add(key.value)
            found += _doubles(value, seen)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            found += _doubles(value, seen)
    return found
