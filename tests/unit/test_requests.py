"""How bytes become requests, and what is said of bytes that don't."""

from pathlib import Path

import orjson
import pytest

from schemas.publish import published
from schemas.reading import Reader, Unreadable
from schemas.requests import REQUESTS, json_schemas
from schemas.topics import LANES, lane_of

REDEEM = {
    "type": "redeem",
    "request_id": "r-1",
    "code": "SAVE-7QX2M9",
    "customer_id": "c-7",
    "till_id": "t-12",
    "bill": {
        "number": "B-991",
        "amount": "1499.00",
        "currency": "INR",
        "lines": [{"sku": "S1", "quantity": 1, "amount": "1499.00", "on_sale": False}],
    },
    "occurred_at": "2026-11-21T18:04:11.5+05:30",
}


@pytest.fixture
def reader() -> Reader:
    return Reader(("redeem", "validate", "reverse"), "INR", 2)


def test_a_request_is_read_with_its_moment_and_amounts(reader: Reader) -> None:
    request = reader.read(orjson.dumps(REDEEM | {"unknown": 1}))
    assert request["second"] == 1795264451
    assert (request["amount_minor"], request["line_minors"]) == (149900, [149900])
    assert "unknown" not in request


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"customer_id": "c" * 65}, "customer_id: "),
        ({"request_id": "ü"}, "request_id: 1 to 64 printable ASCII"),
        ({"request_id": ""}, "request_id: "),
        ({"code": 7}, "code: "),
        ({"till_id": None}, "till_id: "),
        ({"occurred_at": "2026-11-21T18:04:11"}, "occurred_at: a moment with offset"),
        ({"occurred_at": "2026-13-21T18:04:11Z"}, "occurred_at: month"),
        ({"occurred_at": "2026-11-21 18:04:11Z"}, "occurred_at: "),
        ({"occurred_at": "0001-01-01T00:00:00Z"}, "occurred_at: is not between"),
        ({"bill": REDEEM["bill"] | {"amount": "abc"}}, "bill.amount: a decimal string"),
        ({"bill": REDEEM["bill"] | {"amount": 5}}, "bill.amount: "),
        ({"bill": REDEEM["bill"] | {"amount": "-5.00"}}, "bill.amount: "),
        ({"bill": REDEEM["bill"] | {"amount": "5.005"}}, "bill.amount: has more than 2 decimals"),
        ({"bill": REDEEM["bill"] | {"currency": "EUR"}}, "bill.currency: EUR is not"),
        ({"bill": REDEEM["bill"] | {"lines": [{"amount": "1"}]}}, "bill.lines.0.sku: "),
        (
            {
                "bill": REDEEM["bill"]
                | {"lines": [{"sku": "S", "amount": a} for a in ("1", "5.005")]}
            },
            "bill.lines.1.amount: has more than 2 decimals",
        ),
        ({"type": "issue"}, "type: issue is not one of redeem, validate, reverse"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(reader: Reader, change: dict, detail: str) -> None:
    wrong = reader.read(orjson.dumps(REDEEM | change))
    assert isinstance(wrong, Unreadable)
    assert wrong.detail.startswith(detail)
    if "request_id" not in change:
        assert wrong.request_id == "r-1"


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"x", b"[]", b"1", b'"a"', b"[" * 100_000])
def test_bytes_that_are_no_object_have_no_request_id(reader: Reader, value: bytes | None) -> None:
    wrong = reader.read(value)
    assert isinstance(wrong, Unreadable)
    assert wrong.request_id is None


@pytest.mark.parametrize(
    ("text", "field"),
    [(rb'{"type":"redeem","request_id":"a","code":"\ud800"}', "code"),
     (b'{"type":"redeem","request_id":"a","bill":NaN}', "bill")],
)  # fmt: skip
def test_almost_json_is_refused_by_its_request_id(reader: Reader, text: bytes, field: str) -> None:
    wrong = reader.read(text)
    assert isinstance(wrong, Unreadable)
    assert (wrong.request_id, wrong.type) == ("a", "redeem")
    assert wrong.detail.startswith(f"{field}: not JSON")


def test_trailing_zeros_beyond_the_currencys_decimals_are_no_decimals(reader: Reader) -> None:
    bill = {"number": "B", "amount": "5.1000", "currency": "INR"}
    assert reader.read(orjson.dumps(REDEEM | {"bill": bill}))["amount_minor"] == 510


def test_every_type_has_a_lane_and_a_published_schema() -> None:
    assert set(REQUESTS) == {name for lane in LANES for name in lane.types}
    assert all(lane_of(name) is not None for name in REQUESTS)
    assert json_schemas()["redeem"]["properties"]["bill"]


def test_the_published_schemas_are_those_of_the_models() -> None:
    written = Path(__file__).parents[2] / "docs" / "schemas.json"
    assert orjson.loads(written.read_bytes()) == orjson.loads(orjson.dumps(published())), (
        "run: python -m schemas > docs/schemas.json"
    )
