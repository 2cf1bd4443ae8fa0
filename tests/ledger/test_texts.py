"""What an outcome repeats of its request is what the request said, however that is written."""

import json
from typing import Any

import orjson
import pytest

from schemas.topics import REDEEM
from tests.ledger.asking import UNLIMITED, reverse
from tests.ledger.desk import Desk, code_of
from tests.world import create, redeem

TEXTS = [
    "c-1",
    "é ☕ \U0001f6d2",
    'a "quoted" one',
    "back\\slash",
    "\ttab\x01\x7f",
    "</script>\u2028",
]


def written(request: dict[str, Any], how: str) -> bytes:
    if how == "short":
        return orjson.dumps(request)
    return json.dumps(request, ensure_ascii=True, indent=1).encode()  # nothing but ASCII


@pytest.mark.parametrize("how", ["short", "escaped"])
@pytest.mark.parametrize("text", TEXTS)
def test_outcomes_repeat_texts_as_they_were(desk: Desk, text: str, how: str) -> None:
    # given
    desk.ask(create(redeem=UNLIMITED))
    code = code_of(desk, text)
    bill = {"number": text, "amount": "1499.00", "currency": "INR"}
    more = {"request_id": 'r "1" \\', "till_id": text}
    used = redeem(code, text, bill=bill, **more)
    asked = [
        {**used, "type": "validate"},
        used,
        redeem(code, f"{text}!", bill=bill, **{**more, "request_id": "r-2"}),
        redeem("nobody's", text, bill=bill, till_id=text),
        reverse(code, used["request_id"], text, till_id=text),
    ]

    # when
    at = desk.lay(*(written(one, how) for one in asked), lane=REDEEM)
    said = desk.decide(at)

    # expect
    assert [one["reason"] for one in said] == [None, None, "not_recipient", "code_not_found", None]
    for one, request in zip(said, asked, strict=True):
        for name in ("request_id", "type", "customer_id", "till_id", "bill", "redemption_id"):
            assert one.get(name) == request.get(name)
    assert said[1]["coupon_id"] == said[4]["coupon_id"] == "o:0"


def test_a_code_of_any_signs_and_a_till_that_is_not_named(desk: Desk) -> None:
    code = 'T"E\\N%'
    desk.ask(create(coupons={"codes": {"type": "common", "code": code}}))
    assert code_of(desk) == code
    undo = reverse(code, "r-1")
    del undo["till_id"]
    accepted, reversed_ = desk.ask(redeem(code, "c-1", request_id="r-1"), undo)
    assert (accepted["code"], accepted["reason"]) == (code, None)
    assert (reversed_["code"], reversed_["reason"]) == (code, None)
    assert reversed_["till_id"] is None
