"""However large or deep a record is, it is answered or turned away; the next one is decided."""

import json
from collections.abc import Iterator
from random import Random
from string import ascii_letters, digits
from typing import Any, NamedTuple

import pytest
from confluent_kafka import KafkaError, Message

from schemas.requests import MAX_LINES
from schemas.topics import (
    DEAD_LETTERS,
    LANES,
    MAX_RECORD_BYTES,
    MAX_REQUEST_BYTES,
    OFFERS,
    ORG_ENTITIES,
    REDEEM,
    REVOKE,
    Lane,
    Topic,
)
from streams.broker import producer
from streams.client import Place, new_request
from tests.security.stand import SecureWorld, Stand
from tests.world import Found, Listener, create, issue, offer, redeem, wait_for

MB = 1_000_000


class Shop(NamedTuple):
    """The running workers, a coupon without end, and what they say."""

    world: SecureWorld
    listener: Listener
    code: str


@pytest.fixture(scope="module")
def open_shop(shop: SecureWorld) -> Iterator[Shop]:
    shop.ask(create("limits", redeem={"uses_per_coupon": "unlimited"}))
    [issued] = shop.ask(issue("c", "limits"))
    listener = Listener(shop.settings, *(lane.outcomes for lane in LANES), DEAD_LETTERS)
    yield Shop(shop, listener, issued["code"])
    listener.close()


class Case(NamedTuple):
    """A record, and what is said: ``detail`` of a dead letter, else the reason or 'accepted'."""

    name: str
    value: bytes
    outcome: str | None = "invalid_request"
    detail: str | None = None
    lane: Lane = REDEEM


def redeeming(**changes: Any) -> bytes:
    bill = {"number": "B-1", "amount": "1499.00", "currency": "INR"} | changes.pop("bill", {})
    return compact(redeem("CODE", "c", bill=bill) | changes)


def compact(request: Any) -> bytes:
    return json.dumps(request, separators=(",", ":")).encode()


def with_(field: bytes) -> bytes:
    """A redeem with an unknown field whose content is written by hand."""
    return redeeming(x="HERE").replace(b'"HERE"', field)


def lines(count: int) -> dict[str, Any]:
    return {"lines": [{"sku": "S", "amount": "1"}] * count}


def filled(size: int) -> bytes:
    """A request that is in order, of exactly so many bytes; they can't be packed to fewer."""
    short = redeeming(code="NO-SUCH-CODE", note="")
    note = "".join(Random(size).choices(ascii_letters + digits, k=size - len(short)))
    return redeeming(code="NO-SUCH-CODE", note=note)


def largest_offer() -> dict[str, Any]:
    request = create("large")
    room = MAX_REQUEST_BYTES - len(compact(request)) - 100
    return request | {"offer": offer("large", tags=["t" * 250] * (room // 253))}


def a_list(name: str, items: list[Any]) -> dict[str, Any]:
    return {"offer_id": "limits", "actor": "t", "part": 1, "parts": 1, name: items}


CASES = [
    Case("the largest that is read", filled(MAX_REQUEST_BYTES), "code_not_found"),
    Case("a byte more", filled(MAX_REQUEST_BYTES + 1), detail="request: 1,048,589 bytes"),
    Case("the largest a topic takes", filled(MAX_RECORD_BYTES - 100), detail="request: 2,097,0"),
    Case("100,000 brackets", b"[" * 100_000 + b"]" * 100_000, None, "not JSON"),
    Case("100,000 brackets in a field", with_(b"[" * 100_000 + b"]" * 100_000), None, "not JSON"),
    Case("100,000 open braces", b'{"a":' * 100_000, None, "not JSON"),
    Case("a number of 1 MB", with_(b"9" * MB), None, "not JSON"),
    Case("an exponent of 9 digits", with_(b"1e999999999"), detail="x"),
    Case("a text of 1 MB nobody asked for", with_(b'"' + b"x" * MB + b'"'), "accepted"),
    Case("a name of 1 MB", redeeming(**{"x" * MB: 1}), "accepted"),
    Case("a type of 1 MB", redeeming(type="x" * MB), detail="type"),
    *(Case(f"{name} of 1 MB", redeeming(**{name: "x" * MB}), detail=name)
      for name in ("code", "customer_id", "till_id", "occurred_at")),
    Case("request_id of 1 MB", redeeming(request_id="x" * MB), None, "request_id"),
    Case("a tag of 1 MB", redeeming(customer_tags=["x" * MB]), detail="customer_tags.0"),
    Case("an amount of 1 MB", redeeming(bill={"amount": "9" * MB}), detail="bill.amount"),
    Case("a bill's number of 1 MB", redeeming(bill={"number": "x" * MB}), detail="bill.number"),
    Case("250,000 tags", redeeming(customer_tags=["a"] * 250_000), "accepted"),
    Case("as many lines as fit", redeeming(bill=lines(MAX_LINES - 20)), "accepted"),
    Case("more lines", redeeming(bill=lines(MAX_LINES + 1)), detail="bill.lines: List should have"),
    Case("100,000 empty lines", redeeming(bill={"lines": [{}] * 100_000}), detail="bill.lines.0"),
    Case("100,000 tags that are none", redeeming(customer_tags=[7] * 100_000),
         detail="customer_tags.0"),
    Case("the largest offer", compact(largest_offer()), "accepted", lane=OFFERS),
    Case("an offer's name of 1 MB", compact(create("o-2", name="x" * MB)), "invalid_offer",
         lane=OFFERS),
    Case("an offer's currency of 1 MB", compact(create("o-3", discount={
        "type": "fixed", "amount": "1", "currency": "x" * MB})), "invalid_offer", lane=OFFERS),
    Case("an offer's unknown section of 1 MB", compact(create("o-4", **{"x" * MB: 1})),
         "invalid_offer", lane=OFFERS),
    Case("10,000 customers", compact(new_request("set_audience", **a_list(
        "customer_ids", [f"c{n:063}" for n in range(10_000)]))), "accepted", lane=OFFERS),
    Case("10,001 customers", compact(new_request("set_audience", **a_list(
        "customer_ids", [f"c{n}" for n in range(10_001)]))), detail="customer_ids", lane=OFFERS),
    Case("a revoke of 60,000 customers", compact(new_request(
        "revoke", offer_id="limits", scope="customers",
        customer_ids=[f"none-{n}" for n in range(60_000)])), "accepted", lane=REVOKE),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_record_is_answered_and_so_is_the_next(open_shop: Shop, case: Case) -> None:
    # given
    world, listener, code = open_shop
    neighbours = {
        REDEEM: redeem(code, "c"),
        REVOKE: new_request("revoke", offer_id="limits", scope="customers", customer_ids=["x"]),
        OFFERS: new_request("claim", offer_id="limits", actor="t", service="dvs", holder="h"),
    }
    value = case.value.replace(b'"CODE"', f'"{code}"'.encode())

    def of_this(each: Found) -> bool:
        return each.source == place and "offset" in each.headers

    # when
    topic = case.lane.requests
    place, after = world.lay(topic, value, compact(neighbours[case.lane]), partition=1)

    # expect
    [next_one] = listener.answers(after)
    assert next_one.content["outcome"] == "accepted"
    if case.detail is not None:  # of another topic: it may be heard later
        wait_for("its dead letter", lambda: any(map(of_this, listener.hear())))
    said = [each for each in listener.heard if each.source == place]
    outcomes = [each.content for each in said if "offset" not in each.headers]
    letters = [each for each in said if "offset" in each.headers]
    assert [each["reason"] or each["outcome"] for each in outcomes] == [case.outcome][
        : 0 if case.outcome is None else 1
    ]
    if case.detail is not None:
        [letter] = letters
        assert letter.headers["detail"].startswith(case.detail)
        assert len(letter.headers["detail"]) <= 500
        assert letter.value == value


OF_OTHERS = (*(lane.requests for lane in LANES), ORG_ENTITIES)
PACKED = [*((topic, "gzip") for topic in OF_OTHERS), (REDEEM.requests, "lz4")]


@pytest.mark.parametrize(
    ("topic", "packed"), PACKED, ids=lambda given: getattr(given, "name", given)
)
def test_a_few_bytes_that_unpack_to_many_are_turned_away(
    open_shop: Shop, topic: Topic, packed: str
) -> None:
    """By the broker: a worker that fetched them would have to hold all of it."""
    refused: list[KafkaError] = []

    def note(error: KafkaError, _: Message) -> None:
        refused.append(error)

    settings = open_shop.world.settings
    client = producer(settings, compression_type=packed, message_max_bytes=20 * MB, linger_ms=0)
    client.produce(settings.topic(topic), b"0" * 10 * MB, b"k", on_delivery=note)

    assert client.flush(30) == 0
    assert [error.code() for error in refused] == [KafkaError.MSG_SIZE_TOO_LARGE]


def test_a_key_of_1_mb_is_carried_to_the_answer(open_shop: Shop) -> None:
    world, listener, code = open_shop

    values = b"x" * MB, compact(redeem(code, "c"))
    places: list[Place] = world.lay(REDEEM.requests, *values, key=b"k" * MB)

    letter, outcome = listener.answers(*places)
    assert (letter.value, letter.key) == (b"x" * MB, b"k" * MB)
    assert (outcome.content["outcome"], outcome.key) == ("accepted", b"k" * MB)


@pytest.mark.usefixtures("open_shop")
def test_nothing_of_it_ended_a_worker(stand: Stand) -> None:
    logs = [world.log(place) for world in stand.workers[:2] for place in world.workers]

    assert len(logs) == 2
    for log in logs:
        assert "Starting again" not in log
        assert "Traceback" not in log
