"""Where several reasons hold for a redemption or its reversal, the first by precedence is given.

Each circumstance makes one reason hold and leaves all else as it would be accepted; every pair of
them is brought about together.
"""

from collections.abc import Callable
from typing import Any

import pytest

from schemas.reasons import Reason
from tests.ledger.asking import export, reverse, revoke
from tests.ledger.circumstances import Circumstance, edited, fields_of, pairs
from tests.ledger.desk import Desk, reason
from tests.world import create, issue, redeem

LOOSE = {"uses_per_coupon": "unlimited"}
EVENING_BEFORE = "2026-11-21T23:59:59+05:30"
DAY_AFTER = "2026-11-23T10:00:00+05:30"
SALE = {"sku": "S", "amount": "10.00", "on_sale": True}


# Redeem and validate ------------------------------------------------------------------------------


def redeems(desk: Desk, customer_id: str, code: str | None = None) -> None:
    """The customer redeems the day after the one that is asked about."""
    if code is None:
        [issued] = desk.ask(issue(customer_id))
        code = issued["code"]
    bought = redeem(code, customer_id, occurred_at=DAY_AFTER)
    assert desk.reasons(bought) == ["accepted"]


def refused_before(desk: Desk, code: str, _: str) -> None:
    stranger = redeem(code, "c-9", request_id="taken", occurred_at=DAY_AFTER)
    assert desk.reasons(stranger) == ["not_recipient"]


#: What the bill, the till and the moment are refused for, whatever happened before.
STATELESS = [
    Circumstance(
        Reason.CUSTOMER_EXCLUDED,
        sections={"products": {"exclude": {"customer_tags": ["staff"]}}},
        asked={"customer_tags": ["new", "staff"]},
    ),
    Circumstance(Reason.STORE_NOT_ALLOWED, edited={"org_entities": {"stores": ["s-9"]}}),
    Circumstance(Reason.OUTSIDE_TIME_WINDOW, edited={"when": [{"from": "10:01", "to": "12:00"}]}),
    Circumstance(Reason.BILL_AMOUNT_OUT_OF_RANGE, edited={"bill": {"min": "5000.00"}}),
    Circumstance(
        Reason.NO_ELIGIBLE_ITEMS,
        asked={"bill": {"number": "B", "amount": "10.00", "currency": "INR", "lines": [SALE]}},
    ),
]
REDEEM = [
    Circumstance(Reason.REQUEST_ID_CONFLICT, before=refused_before, asked={"request_id": "taken"}),
    Circumstance(Reason.CODE_NOT_FOUND, asked={"code": "the next code"}),
    Circumstance(
        Reason.COUPON_REVOKED,
        before=lambda desk, *_: desk.ask(revoke("customers", "c-1")),
    ),
    Circumstance(
        Reason.COUPON_REDEEMED,
        before=lambda desk, code, _: redeems(desk, "c-1", code),
        edited={"uses_per_coupon": 1},
    ),
    Circumstance(
        Reason.COUPON_EXPIRED,
        sections={"expiry": {"type": "fixed_date", "at": EVENING_BEFORE}},
    ),
    Circumstance(
        Reason.NOT_STARTED,
        start={"start": {"type": "from_date", "at": "2026-11-22T10:00:01+05:30"}},
    ),
    Circumstance(Reason.NOT_RECIPIENT, asked={"customer_id": "c-2"}),
    *STATELESS,
    Circumstance(
        Reason.CUSTOMER_LIMIT_REACHED,
        before=lambda desk, _, asker: redeems(desk, asker),
        edited={"max_per_customer": 1},
    ),
    Circumstance(
        Reason.GAP_NOT_ELAPSED,
        before=lambda desk, _, asker: redeems(desk, asker),
        edited={"min_gap_days": 2},
    ),
    Circumstance(
        Reason.OFFER_LIMIT_REACHED,
        before=lambda desk, *_: redeems(desk, "c-3"),
        edited={"max_total": 1},
    ),
    Circumstance(
        Reason.BUDGET_EXHAUSTED,
        before=lambda desk, *_: redeems(desk, "c-3"),
        sections={"budget": {"revenue_goal": "0.01"}},
    ),
]


def ask_to_redeem(desk: Desk, circumstances: list[Circumstance], kind: str) -> str:
    starts = {name: rule for one in circumstances for name, rule in one.start.items()}
    assert desk.reasons(create(redeem=LOOSE | starts)) == ["accepted"]
    [issued] = desk.ask(issue("c-1"))
    asked = {"code": issued["code"], "customer_id": "c-1"} | fields_of(circumstances)
    if asked["code"] == "the next code":
        asked["code"] = not_issued_yet(desk)
    for one in sorted(circumstances, key=lambda one: one.reason == Reason.COUPON_REVOKED):
        one.before(desk, issued["code"], asked["customer_id"])
    assert desk.reasons(edited(circumstances, "redeem", LOOSE)) == ["accepted"]
    code, customer_id = asked.pop("code"), asked.pop("customer_id")
    [said] = desk.ask(redeem(code, customer_id, **asked, type_=kind))
    return reason(said)


def not_issued_yet(desk: Desk) -> str:
    """A code that the offer will give after a thousand others."""
    compiled = desk.catalogue.get("o")
    assert compiled is not None
    [code] = desk.catalogue.codes.encode([(compiled.series, 1_000)])
    return code


@pytest.mark.parametrize(("circumstances", "expected"), pairs(REDEEM, "redeem"))
def test_redeem(desk: Desk, circumstances: list[Circumstance], expected: str) -> None:
    assert ask_to_redeem(desk, circumstances, "redeem") == expected


@pytest.mark.parametrize(("circumstances", "expected"), pairs(REDEEM[1:], "validate"))
def test_validate(desk: Desk, circumstances: list[Circumstance], expected: str) -> None:
    assert ask_to_redeem(desk, circumstances, "validate") == expected


@pytest.mark.parametrize("kind", ["redeem", "validate"])
def test_where_no_circumstance_refuses_it_is_accepted(desk: Desk, kind: str) -> None:
    assert ask_to_redeem(desk, [], kind) == "accepted"


# A common code, asked for by somebody who was issued none -----------------------------------------

COMMON = {"codes": {"type": "common", "code": "FESTIVE"}}
ANYONE = LOOSE | {"anyone_may_redeem": True}


def another_redeems(desk: Desk, *_: str) -> None:
    assert desk.reasons(redeem("FESTIVE", "c-3", occurred_at=DAY_AFTER)) == ["accepted"]


NEWCOMER = [
    Circumstance(
        Reason.OFFER_EXPIRED, sections={"expiry": {"type": "fixed_date", "at": EVENING_BEFORE}}
    ),
    Circumstance(
        Reason.NOT_STARTED,
        edited={"start": {"type": "from_date", "at": "2026-11-22T10:00:01+05:30"}},
    ),
    Circumstance(Reason.CUSTOMER_REQUIRED, asked={"customer_id": None}),
    Circumstance(Reason.NOT_RECIPIENT, edited={"anyone_may_redeem": False}),
    *STATELESS,
    Circumstance(
        Reason.OFFER_LIMIT_REACHED, before=another_redeems, sections={"issue": {"max_total": 1}}
    ),
    Circumstance(
        Reason.BUDGET_EXHAUSTED,
        before=another_redeems,
        sections={"budget": {"revenue_goal": "0.01"}},
    ),
]
#: An offer that never begins before it ends is refused.
CONTRADICTION = frozenset({Reason.OFFER_EXPIRED, Reason.NOT_STARTED})


@pytest.mark.parametrize("kind", ["redeem", "validate"])
@pytest.mark.parametrize(
    ("circumstances", "expected"), pairs(NEWCOMER, "redeem", without=CONTRADICTION)
)
def test_common_code(
    desk: Desk, circumstances: list[Circumstance], expected: str, kind: str
) -> None:
    desk.ask(create(redeem=ANYONE, coupons=COMMON))
    for one in circumstances:
        one.before(desk, "", "c-1")
    assert desk.reasons(edited(circumstances, "redeem", ANYONE, coupons=COMMON)) == ["accepted"]
    asked = {"customer_id": "c-1"} | fields_of(circumstances)
    customer_id = asked.pop("customer_id")
    assert desk.reasons(redeem("FESTIVE", customer_id, **asked, type_=kind)) == [expected]


# A coupon that has no recipient yet ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("circumstances", "expected"),
    pairs([Circumstance(Reason.CUSTOMER_REQUIRED, asked={"customer_id": None}), *STATELESS],
          "redeem"),
)  # fmt: skip
def test_exported(desk: Desk, circumstances: list[Circumstance], expected: str) -> None:
    codes = {"delivery": "third_party",
             "codes": {"type": "unique", "charset": "digits", "length": 12}}  # fmt: skip
    desk.ask(create(coupons=codes))
    desk.ask(export(3))
    assert desk.reasons(edited(circumstances, "redeem", LOOSE, coupons=codes)) == ["accepted"]
    desk.refresh()
    compiled = desk.catalogue.get("o")
    assert compiled is not None
    asked = {"customer_id": "c-1"} | fields_of(circumstances)
    code, customer_id = desk.catalogue.code_of(compiled, 2), asked.pop("customer_id")
    assert desk.reasons(redeem(code, customer_id, **asked)) == [expected]


# Reverse ------------------------------------------------------------------------------------------


def reversed_before(request_id: str) -> Callable[[Desk, str, str], Any]:
    return lambda desk, code, _: desk.ask(reverse(code, "r-1", request_id=request_id))


REVERSE = [
    Circumstance(
        Reason.REQUEST_ID_CONFLICT,
        before=lambda desk, code, _: desk.ask(reverse(code, "r-9", request_id="taken")),
        asked={"request_id": "taken"},
    ),
    Circumstance(Reason.REDEMPTION_NOT_FOUND, asked={"redemption_id": "r-2"}),
    Circumstance(Reason.ALREADY_REVERSED, before=reversed_before("v-1")),
    Circumstance(
        Reason.COUPON_REVOKED, before=lambda desk, *_: desk.ask(revoke("customers", "c-1"))
    ),
    Circumstance(
        Reason.COUPON_EXPIRED,
        sections={"expiry": {"type": "fixed_date", "at": EVENING_BEFORE}},
    ),
]


@pytest.mark.parametrize(("circumstances", "expected"), pairs(REVERSE, "reverse"))
def test_reverse(desk: Desk, circumstances: list[Circumstance], expected: str) -> None:
    desk.ask(create(redeem=LOOSE))
    [issued] = desk.ask(issue("c-1"))
    desk.ask(redeem(issued["code"], "c-1", request_id="r-1", occurred_at=EVENING_BEFORE))
    for one in circumstances:
        one.before(desk, issued["code"], "c-1")
    desk.ask(edited(circumstances, "redeem", LOOSE))

    asked = {"redemption_id": "r-1", **fields_of(circumstances)}

    assert desk.reasons(reverse(issued["code"], **asked)) == [expected]
