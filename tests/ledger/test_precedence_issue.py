"""Where several reasons hold for an issue, a resend or a revoke, the first is given."""

import pytest

from schemas.reasons import PRECEDENCE, Reason
from streams.client import new_request
from tests.ledger.asking import Request, audience, resend, revoke
from tests.ledger.circumstances import Circumstance, edited, fields_of, pairs
from tests.ledger.desk import Desk
from tests.ledger.test_precedence_redeem import NEWCOMER, REDEEM, REVERSE
from tests.world import create, issue


def issued_before(desk: Desk, _: str, asker: str) -> None:
    assert desk.reasons(issue(asker)) == ["accepted"]


ISSUE = [
    Circumstance(
        Reason.REQUEST_ID_CONFLICT,
        before=lambda desk, *_: desk.ask(issue("c-8", holder="other", request_id="taken")),
        asked={"request_id": "taken"},
    ),
    Circumstance(
        Reason.OFFER_EXPIRED,
        sections={"expiry": {"type": "fixed_date", "at": "2026-11-21T09:59:59+05:30"}},
    ),
    Circumstance(Reason.NOT_CLAIMED_BY_SERVICE, asked={"holder": "another"}),
    Circumstance(Reason.NOT_IN_AUDIENCE, before=lambda desk, *_: desk.ask(audience("c-8", "c-9"))),
    Circumstance(
        Reason.RECEIVED_EXCLUDED_OFFER,
        before=lambda desk, *_: desk.ask(create("x"), issue("c-1", "x")),
        edited={"unless_received": {"offers": ["x"]}},
    ),
    Circumstance(
        Reason.CUSTOMER_LIMIT_REACHED, before=issued_before, edited={"max_per_customer": 1}
    ),
    Circumstance(Reason.GAP_NOT_ELAPSED, before=issued_before, edited={"min_gap_days": 1}),
    Circumstance(
        Reason.OFFER_LIMIT_REACHED,
        before=lambda desk, *_: issued_before(desk, "", "c-8"),
        edited={"max_total": 1},
    ),
    Circumstance(
        Reason.CODES_EXHAUSTED,
        before=lambda desk, *_: desk.ask(revoke("unissued")),
    ),
]
#: What keeps other circumstances from being brought about, so comes after them.
CLOSING = (Reason.NOT_IN_AUDIENCE, Reason.CODES_EXHAUSTED)


@pytest.mark.parametrize(("circumstances", "expected"), pairs(ISSUE, "issue"))
def test_issue(desk: Desk, circumstances: list[Circumstance], expected: str) -> None:
    desk.ask(create())
    for one in sorted(circumstances, key=lambda one: one.reason in CLOSING):
        one.before(desk, "", "c-1")
    desk.ask(edited(circumstances, "issue", {}))
    assert desk.reasons(issue("c-1", **fields_of(circumstances))) == [expected]


RESEND = [
    *ISSUE[:2],
    Circumstance(Reason.RESEND_NOT_ALLOWED, edited={"resend": None}),
    Circumstance(
        Reason.NO_ACTIVE_COUPON, before=lambda desk, *_: desk.ask(revoke("customers", "c-1"))
    ),
]


@pytest.mark.parametrize(("circumstances", "expected"), pairs(RESEND, "resend"))
def test_resend(desk: Desk, circumstances: list[Circumstance], expected: str) -> None:
    allowed = {"resend": {"content": "{code}"}}
    desk.ask(create(issue=allowed))
    desk.ask(issue("c-1"))
    for one in circumstances:
        one.before(desk, "", "c-1")
    desk.ask(edited(circumstances, "issue", allowed))
    at = {"occurred_at": "2026-11-21T10:00:00+05:30"} | fields_of(circumstances)
    assert desk.reasons(resend("c-1", **at)) == [expected]


@pytest.mark.parametrize(
    "request_", [issue("c-1"), revoke("unredeemed"), new_request("resend", offer_id="o",
    customer_id="c-1")], ids=lambda request_: request_["type"]
)  # fmt: skip
def test_an_offer_that_nobody_created(desk: Desk, request_: Request) -> None:
    # twice: nothing is remembered of an offer that isn't there
    assert desk.reasons(request_, request_) == ["offer_not_found"] * 2
    assert not desk.ask(request_)[0]["replayed"]


def test_revoke_with_the_id_of_another_revoke(desk: Desk) -> None:
    desk.ask(create())
    first, other = (revoke(scope, request_id="k-1") for scope in ("unissued", "unredeemed"))
    assert desk.reasons(first, other) == ["accepted", "request_id_conflict"]


def test_the_tables_have_every_reason_that_can_be_given() -> None:
    """Whoever builds a rule puts its circumstance into one of them."""
    elsewhere = {Reason.INVALID_REQUEST, Reason.OFFER_NOT_FOUND}
    tables = {"redeem": [*REDEEM, *NEWCOMER], "reverse": REVERSE, "issue": [*ISSUE, *RESEND]}
    for kind, circumstances in tables.items():
        named = {one.reason for one in circumstances}
        assert named == set(PRECEDENCE[kind]) - elsewhere, kind
