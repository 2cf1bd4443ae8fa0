"""Whatever lies in a request topic is answered as the contract says, and the records around it in
the same partition are decided as if it weren't there."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from schemas.topics import DEAD_LETTERS, ISSUE, LANES, MAX_REQUEST_BYTES, REDEEM, REVOKE, Lane
from schemas.topics import OFFERS as OFFER_LANE
from streams.client import Place, new_request
from tests.servers import Servers
from tests.world import (
    Found,
    Listener,
    World,
    create,
    found,
    issue,
    organisation,
    read_all,
    redeem,
)

#: Moments that look like some.
IMPOSSIBLE = ("9999-12-31T23:59:59Z", "2026-02-30T00:00:00Z", "2026-06-30T23:59:60Z")
KEYS = (b"k", None, b"\xff\x00no text")


class Case(NamedTuple):
    """Bytes, and what the contract says of them. ``outcome``: a reason or 'accepted', None where
    there is no outcome; ``detail``: how it begins, None where there is no dead letter."""

    name: str
    value: bytes | None
    outcome: str | None
    detail: str | None
    lane: Lane = REDEEM


def redeeming(**changes: Any) -> dict[str, Any]:
    """A redeem that is accepted, `CODE` put into place by the test, but for these changes."""
    bill = {"number": "B-1", "amount": "1499.00", "currency": "INR"} | changes.pop("bill", {})
    return redeem("CODE", "c", bill=bill) | changes


def line(**changes: Any) -> dict[str, Any]:
    return {"bill": {"lines": [{"sku": "S", "amount": "1499.00"} | changes]}}


def text(request: Any, old: str = "", new: str = "") -> bytes:
    """As JSON, a piece of it put in by hand where Python would refuse or change it."""
    return json.dumps(request).replace(old, new).encode()


def without(name: str) -> bytes:
    return text({key: value for key, value in redeeming().items() if key != name})


def refused(name: str, field: str, **changes: Any) -> Case:
    """A request that can be named but not read."""
    return Case(name, text(redeeming(**changes)), "invalid_request", field)


def unnamed(name: str, detail: str, value: bytes | None) -> Case:
    """Bytes of which no request id can be read."""
    return Case(name, value, None, detail)


def many_lines() -> bytes:
    lines = [{"sku": f"S{n}", "category": "shoes", "amount": "1.00"} for n in range(18_000)]
    return text(redeeming(bill={"amount": "18000.00", "lines": lines}))


CASES = [
    # no JSON object at all
    unnamed("no JSON", "not JSON", b"hello"),
    unnamed("bytes that are no text", "not JSON", bytes(range(256))),
    unnamed("empty", "not JSON", b""),
    unnamed("no value", "not JSON", None),
    unnamed("array", "not a request", b'[{"type":"redeem"}]'),
    unnamed("string", "not a request", b'"redeem"'),
    unnamed("null", "not a request", b"null"),
    unnamed("cut off", "not JSON", text(redeeming())[:-5]),
    unnamed("1 MB of garbage", "not JSON", b"\x00\xff{[" * 250_000),
    unnamed("invalid UTF-8", "not JSON", text(redeeming(), '"t-1"', '"t"')[:-2] + b"\xe9}"),
    unnamed("deep array", "not JSON", b"[" * 300_000 + b"]" * 300_000),
    unnamed("deep field", "not JSON", text(redeeming(x="D"), '"D"', "[" * 5000 + "]" * 5000)),
    # request ids that are none
    unnamed("id missing", "request_id", without("request_id")),
    unnamed("id of 65 characters", "request_id", text(redeeming(request_id="x" * 65))),
    unnamed("id empty", "request_id", text(redeeming(request_id=""))),
    unnamed("id not ASCII", "request_id", text(redeeming(request_id="bön-1"))),
    unnamed("id with a line end", "request_id", text(redeeming(request_id="b\n"))),
    unnamed("id a number", "request_id", text(redeeming(request_id=7))),
    unnamed("id a lone surrogate", "request_id", text(redeeming(request_id="\ud800"))),
    # types
    refused("unknown type", "type", type="redeeem"),
    refused("another topic's type", "type", type="issue"),
    refused("type a list", "type", type=["redeem"]),
    Case("type missing", without("type"), "invalid_request", "type"),
    # fields
    refused("customer a number", "customer_id", customer_id=7),
    refused("customer of 65 characters", "customer_id", customer_id="c" * 65),
    refused("code of 65 characters", "code", code="c" * 65),
    refused("code empty", "code", code=""),
    Case("bill a string", text(redeem("CODE", "c", bill="1499.00")), "invalid_request", "bill"),
    Case("bill missing", without("bill"), "invalid_request", "bill"),
    Case("till missing", without("till_id"), "invalid_request", "till_id"),
    refused("tags a string", "customer_tags", customer_tags="staff"),
    refused("quantity a string", "bill.lines.0.quantity", **line(quantity="1")),
    refused("on_sale a number", "bill.lines.0.on_sale", **line(on_sale=1)),
    # money
    refused("money a word", "bill.amount", bill={"amount": "much"}),
    refused("money a number", "bill.amount", bill={"amount": 1499.0}),
    refused("money below nothing", "bill.amount", bill={"amount": "-1.00"}),
    refused("money with too many decimals", "bill.amount", bill={"amount": "1.001"}),
    refused("money without end", "bill.amount", bill={"amount": "9" * 400}),
    refused("another currency", "bill.currency", bill={"currency": "USD"}),
    refused("no currency", "bill.currency", bill={"currency": "rupees"}),
    refused("a line's money a word", "bill.lines.0.amount", **line(amount="x")),
    refused("a line's decimals", "bill.lines.0.amount", **line(amount="1.005")),
    # moments
    refused("moment without offset", "occurred_at", occurred_at="2026-11-21T10:00:00"),
    refused("impossible day", "occurred_at", occurred_at="2026-02-30T10:00:00Z"),
    refused("impossible hour", "occurred_at", occurred_at="2026-11-21T25:00:00Z"),
    refused("another age", "occurred_at", occurred_at="9999-12-31T23:59:59-23:59"),
    refused("moment a number", "occurred_at", occurred_at=1795235400),
    refused("moment null", "occurred_at", occurred_at=None),
    # what Python reads and JSON isn't
    refused("lone surrogate", "code", code="\udfff"),
    refused("lone surrogate in an unknown field", "note", note="\ud800"),
    Case("NaN", text(redeeming(**line(quantity="N")), '"N"', "NaN"), "invalid_request", "bill"),
    Case("Infinity", text(redeeming(x="N"), '"N"', "-Infinity"), "invalid_request", "x"),
    Case("a number beyond all", text(redeeming(x="N"), '"N"', "1e400"), "invalid_request", "x"),
    Case("one of 4,000 digits", text(redeeming(x="N"), '"N"', "9" * 4000), "invalid_request", "x"),
    Case("byte order mark", b"\xef\xbb\xbf" + text(redeeming()), "invalid_request", "not JSON"),
    # read, and refused for what it says
    Case("unknown code", text(redeeming(code="NOSUCHCODE")), "code_not_found", None),
    Case("code of signs", text(redeeming(code="-- !?")), "code_not_found", None),
    Case("unknown offer", text(issue("c", "nowhere")), "offer_not_found", None, ISSUE),
    Case(
        "revoke of an unknown offer",
        text(new_request("revoke", offer_id="nowhere", scope="unissued")),
        "offer_not_found", None, REVOKE,
    ),
    Case(
        "redemption that never was",
        text(
            new_request("reverse", code="CODE", customer_id="c", redemption_id="none", till_id="t")
        ),
        "redemption_not_found", None,
    ),
    Case(
        "offer with a wrong rule",
        text(create("wrong", discount={"type": "percentage", "percent": "101"})),
        "invalid_offer", None, OFFER_LANE,
    ),
    # the other topics' own fields
    Case("service nobody has", text(issue("c", service="x")), "invalid_request", "service", ISSUE),
    Case("issue to a number", text(issue("c") | {"customer_id": 1}), "invalid_request",
         "customer_id", ISSUE),
    Case("scope nobody has", text(new_request("revoke", offer_id="o", scope="all")),
         "invalid_request", "scope", REVOKE),
    Case("customers of nobody", text(new_request("revoke", offer_id="o", scope="customers")),
         "invalid_request", "customer_ids", REVOKE),
    Case("offer a string", text(create() | {"offer": "x"}), "invalid_request", "offer", OFFER_LANE),
    *(Case(f"a claim until {end}", text(new_request(
        "claim", offer_id="o", actor="t", service="dvs", holder="h", ends_at=end)),
        "invalid_request", "ends_at", OFFER_LANE) for end in IMPOSSIBLE),
    *(Case(f"an offer nested {deep} deep", text(create("deep", tags="DEEP"), '"DEEP"',
        "[" * deep + "]" * deep), "invalid_request", "offer", OFFER_LANE)
      for deep in (64, 250, 254, 300, 900)),
    Case("an offer nested less deep", text(create("deep", tags="DEEP"), '"DEEP"',
         "[" * 63 + "]" * 63), "invalid_offer", None, OFFER_LANE),
    # odd, and fine
    Case("thousands of lines", many_lines(), "accepted", None),
    Case("unknown fields", text(redeeming(**{f"x{n}": n for n in range(9000)})), "accepted", None),
    Case("customers beyond ASCII", text(redeeming(customer_id="ç-\U0001f600")), "accepted", None),
    Case("customer with a zero byte", text(redeeming(customer_id="c\x00d")), "accepted", None),
    Case("no lines", text(redeeming(bill={"lines": []})), "accepted", None),
    Case("no customer", without("customer_id"), "accepted", None),
    Case("a number of 30 digits", text(redeeming(x=10**30)), "accepted", None),
]  # fmt: skip


class Corner(NamedTuple):
    world: World
    listener: Listener
    code: str
    dead: set[Place]


@pytest.fixture(scope="module")
def corner(running_servers: Servers) -> Iterator[Corner]:
    """A worker, and a coupon that anyone may use without end."""
    world = World(organisation(running_servers, "bad-input"))
    try:
        world.start()
        world.ask(create(redeem={"uses_per_coupon": "unlimited", "anyone_may_redeem": True}))
        [issued] = world.ask(issue("c"))
        topics = [lane.outcomes for lane in LANES]
        yield Corner(world, Listener(world.settings, *topics, DEAD_LETTERS), issued["code"], set())
    finally:
        world.close()


def good(lane: Lane, code: str) -> bytes:
    requests = {
        "redeem": redeem(code, "c"),
        "issue": issue("c"),
        "revoke": new_request("revoke", offer_id="o", scope="customers", customer_ids=["nobody"]),
        "offers": new_request("claim", offer_id="o", actor="t", service="dvs", holder="h"),
    }
    return text(requests[lane.name])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_record_gets_what_the_contract_says(corner: Corner, case: Case) -> None:
    # given
    world, listener, code, dead = corner
    number = CASES.index(case)
    key, partition = KEYS[number % len(KEYS)], number % 4
    value = case.value and case.value.replace(b'"CODE"', f'"{code}"'.encode())
    assert len(value or b"") <= MAX_REQUEST_BYTES

    # when
    around = good(case.lane, code), good(case.lane, code)
    before, place, after = world.lay(
        case.lane.requests, around[0], value, around[1], key=key, partition=partition
    )

    # expect
    neighbours = [answer.content for answer in listener.answers(before, after)]
    assert [said["outcome"] for said in neighbours] == ["accepted", "accepted"]
    if case.lane is REDEEM:
        first, last = (said["totals"]["coupon"] for said in neighbours)
        assert last - first == (2 if case.outcome == "accepted" else 1)
    expect_outcome(case, answers_to(listener, place, dead=False))
    if case.detail is not None:
        dead.add(place)
        listener.answers(place)
        expect_dead_letter(case, answers_to(listener, place, dead=True), key, value)


def answers_to(listener: Listener, place: Place, dead: bool) -> list[Found]:
    """Outcomes, or dead letters, heard so far."""
    return [
        answer
        for answer in listener.heard
        if ("offset" in answer.headers) == dead and answer.source == place
    ]


def expect_outcome(case: Case, outcomes: list[Found]) -> None:
    """The neighbour behind it in its partition was heard, so all outcomes of it were."""
    if case.outcome is None:
        assert outcomes == []
        return
    [said] = [outcome.content for outcome in outcomes]
    assert (said["reason"] or said["outcome"]) == case.outcome
    assert said["replayed"] is False
    if case.outcome == "invalid_request":
        assert said["detail"].startswith(case.detail)
        assert said["request_id"] == json.loads(case.value.decode("utf-8-sig"))["request_id"]


def expect_dead_letter(
    case: Case, letters: list[Found], key: bytes | None, value: bytes | None
) -> None:
    """Headers that say why and where from are checked by `answers_to`; the rest is as it came."""
    [letter] = letters
    assert letter.value == value
    assert letter.key == key
    assert letter.headers["reason"] == "invalid_request"
    assert letter.headers["detail"].startswith(case.detail)
    assert set(letter.headers) == {"reason", "detail", "topic", "partition", "offset"}


def test_nothing_else_became_a_dead_letter(corner: Corner) -> None:
    letters = [found(message).source for message in read_all(corner.world.settings, DEAD_LETTERS)]

    assert sorted(letters) == sorted(corner.dead)


def test_no_record_made_the_worker_start_again(corner: Corner) -> None:
    log = corner.world.log()

    assert "Traceback" not in log
    assert log.count("Starting again") <= 1  # where topics were made
