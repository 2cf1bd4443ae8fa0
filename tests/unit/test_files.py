"""Offers and requests that people hand in: what is wrong in a file is said with its line."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.topics import MAX_RECORD_BYTES
from streams.cli.files import read_offers, read_requests
from tests.unit.commands import refused

OFFER = """\
offer_id: diwali-10
name: Diwali
expiry: {type: fixed_date, at: "2098-12-31T23:59:59+05:30"}
discount: {type: percentage, percent: "10"}
coupons: {codes: {type: unique, charset: alphanumeric, length: 10}}
"""
A_NAME = "a name can't be a list or a mapping; text that begins with [ or { needs quotes"
DEEP = "x: " + "[" * 2_000 + "]" * 2_000
#: Each node repeats the one before, 90 levels below itself.
CHAIN = "x:\n- &a0 1\n" + "".join(f"- &a{n} {'[' * 90}*a{n - 1}{']' * 90}\n" for n in range(1, 20))


def named(name: str) -> str:
    return OFFER.replace("name: Diwali", f"name: {name}")


def written(folder: Path, text: str, name: str) -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def errors_in(path: Path, found: list[str]) -> list[str]:
    return [error.removeprefix(f"{path}:") for error in found]


# Offers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        (named("{{ offer_name }}"), [f"2:8: {A_NAME}"]),
        (named("{[a]: b}"), [f"2:8: {A_NAME}"]),
        (named("!!int abc"), ["2:7: 'abc' can't be read as int"]),
        (named("!!int ''"), ["2:7: '' can't be read as int"]),
        (named("!!bool abc"), ["2:7: 'abc' can't be read as bool"]),
        (named("!!float abc"), ["2:7: 'abc' can't be read as float"]),
        (named("!!timestamp abc"), ["2:7: 'abc' can't be read as timestamp"]),
        (named("9" * 5_000), [f"2:7: '{'9' * 40}' can't be read as int"]),
        (named("!offer x"), ["2:7: could not determine a constructor for the tag '!offer'"]),
        (f"&a\n{OFFER}x: *a\n", ["7:4: *a stands inside of what it repeats"]),
        (f"&a\n{OFFER}<<: *a\n", ["7:5: *a stands inside of what it repeats"]),
        ("- &a\n  - *a\n", ["2:5: *a stands inside of what it repeats"]),
        (OFFER + DEEP, ["6:103: nested too deeply"]),
        (OFFER + CHAIN, ["6: x: Extra inputs are not permitted"]),
        (OFFER + "name: y\n", ["6: name stands here twice"]),
        (named("!!int a") + "---\n" + named("!!int b") + "name: y\n", [
            "2:7: 'a' can't be read as int",
            "12: name stands here twice",
            "8:7: 'b' can't be read as int",
        ]),
    ],
    ids=lambda given: given[0] if isinstance(given, list) else "",
)  # fmt: skip
def test_an_offer_that_yaml_does_not_make_is_named_with_its_line(
    tmp_path: Path, text: str, errors: list[str]
) -> None:
    path = written(tmp_path, text, "offer.yaml")
    assert errors_in(path, read_offers(path, "INR", ())[1]) == errors


def test_an_offer_may_repeat_parts_of_another_and_change_some(tmp_path: Path) -> None:
    # given
    first = OFFER.replace("\n", "\n  ").rstrip()
    both = f"- &first\n  {first}\n- <<: *first\n  offer_id: other\n  tags: &tags [a]\n"

    # when
    offers, errors = read_offers(written(tmp_path, both, "both.yaml"), "INR", ())

    # expect
    assert errors == []
    assert [offer["offer_id"] for offer in offers] == ["diwali-10", "other"]
    assert offers[1]["discount"] == offers[0]["discount"]


@pytest.mark.parametrize("name", ["{{ offer_name }}", "!!int abc", "&a {x: *a}"])
def test_apply_ends_with_2_where_it_can_not_read_the_file(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, named(name), "offer.yaml")
    said = refused("offers", "apply", str(path))
    assert f"Error: {path}:2:" in said
    assert said.endswith("Nothing was sent or changed.\n")


# Requests -----------------------------------------------------------------------------------------


def request(**content: Any) -> bytes:
    return orjson.dumps({"type": "redeem", "code": "C-1", **content})


def nested(levels: int) -> bytes:
    """A request of so many levels."""
    inner = levels - 1
    return request(x="HERE").replace(b'"HERE"', b"[" * inner + b"]" * inner)


def sized(size: int) -> bytes:
    """A request of so many bytes with its key."""
    return request(note="x" * (size - len(request(note="")) - len("C-1")))


LARGEST = MAX_RECORD_BYTES - 77
SPACES = b" " * MAX_RECORD_BYTES


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (nested(254), None),
        (nested(255), "nested too deeply"),
        (nested(1_024), "nested too deeply"),
        (nested(1_024).replace(b'"redeem"', b'"x"'), "nested too deeply"),
        (b"[" * 300 + b"]" * 300, "nested too deeply"),
        (sized(LARGEST), None),
        (sized(LARGEST)[:-1] + SPACES + b"}", None),  # is sent without them
        (sized(LARGEST + 1), "2,097,076 bytes are more than the 2,097,075 of a record"),
        (request(code=7, customer_id={}, bill=[]), None),  # for the worker to refuse
    ],
    ids=lambda given: str(given)[:40],
)  # fmt: skip
def test_a_line_that_is_no_record_is_named_with_its_line(
    tmp_path: Path, line: bytes, why: str | None
) -> None:
    # given
    path = tmp_path / "requests.ndjson"
    path.write_bytes(b"\n".join([request(), line, request()]))

    # when
    requests, errors = read_requests(path)

    # expect
    assert errors_in(path, errors) == ([] if why is None else [f"2: {why}"])
    assert len(requests) == (3 if why is None else 2)


@pytest.mark.parametrize(
    "line",
    [nested(300), sized(LARGEST + 1), sized(3 * MAX_RECORD_BYTES)],
    ids=["too deep", "too large", "far too large"],
)
@pytest.mark.parametrize("wait", [[], ["--wait"]])
def test_send_sends_nothing_where_a_line_is_no_record(
    tmp_path: Path, line: bytes, wait: list[str]
) -> None:
    path = tmp_path / "requests.ndjson"
    path.write_bytes(request() + b"\n" + line)
    assert f"Error: {path}:2:" in refused("send", *wait, str(path))
