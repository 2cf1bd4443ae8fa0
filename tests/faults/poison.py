"""Records that are no request, as broken tills, wrong topics and attackers lay them down."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

#: Bytes: Kafka takes no bigger record.
_BIGGEST = 1_000_000
#: This share of the poison is as big as a record can be.
_BIG = 0.02
_KEYS = (b"g", b"", None, b"\xff\x00no text", b"c-1")


def poison(chance: Random, number: int) -> tuple[bytes | None, bytes | None]:
    """Key and value of one. ``number``: makes its request id, where it has one."""
    value = _big(chance) if chance.random() < _BIG else chance.choice(_KINDS)(number)
    return chance.choice(_KEYS), value


def _big(chance: Random) -> bytes:
    return chance.choice([b"x", b"[", b'{"a":', b"\xff"]) * 100 + b" " * (_BIGGEST - 500)


def _request(number: int, **changes: Any) -> dict[str, Any]:
    """A redeem that is one, but for these changes; None takes a field away."""
    found = {
        "type": "redeem", "request_id": f"p-{number}", "code": "N1", "customer_id": "c-1",
        "till_id": "t-1", "bill": {"number": "B", "amount": "10.00", "currency": "INR"},
        "occurred_at": "2026-11-22T10:00:00+05:30", **changes,
    }  # fmt: skip
    return {name: content for name, content in found.items() if content is not None}


def _with(**changes: Any) -> Callable[[int], bytes]:
    return lambda number: json.dumps(_request(number, **changes)).encode()


def _bill(**changes: Any) -> Callable[[int], bytes]:
    return _with(bill={"number": "B", "amount": "10.00", "currency": "INR"} | changes)


_KINDS: tuple[Callable[[int], bytes | None], ...] = (
    # not JSON, or no object
    lambda number: b"garbage %d" % number,
    lambda number: json.dumps([_request(number)]).encode(),
    lambda number: json.dumps(_request(number)).encode()[:-7],
    lambda number: json.dumps(_request(number)).encode().replace(b'"N1"', b'"N\xe9\xff"'),
    lambda _: None,
    lambda _: b"",
    lambda _: b"null",
    lambda _: b'"redeem"',
    lambda _: b"\x00" * 300,
    lambda _: b"[" * 100_000,
    lambda _: b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    # a request id can't be read
    _with(request_id=""),
    _with(request_id=7),
    _with(request_id="x" * 65),
    lambda number: json.dumps(_request(number) | {"request_id": None}).encode(),
    # it can, and it's refused
    _with(type="redeeem"),
    _with(type=None),
    _with(type=["redeem"]),
    _with(code=None),
    _with(code=17),
    _with(customer_id={"id": "c-1"}),
    _with(till_id="t" * 65),
    _with(bill=None),
    _with(bill="10.00"),
    _bill(amount=10.0),
    _bill(amount="-1.00"),
    _bill(amount="1.005"),
    _bill(currency="USD"),
    _with(occurred_at="2026-11-22T10:00:00"),
    _with(occurred_at="2026-02-30T10:00:00Z"),
    _with(occurred_at=1795235400),
    lambda number: json.dumps(_request(number, extra=float("nan"))).encode(),
    lambda number: json.dumps(_request(number, note="\ud800")).encode(),
)
