"""Where several reasons hold for a change of an offer, the first by precedence is given."""

from typing import Any

import pytest

from schemas.reasons import Reason
from tests.ledger.asking import Request, claim, edit, upload
from tests.ledger.circumstances import Circumstance, pairs
from tests.ledger.desk import Desk
from tests.world import create


def changes(kind: str, **sections: Any) -> Request:
    request = edit(**sections) if kind == "edit" else create(**sections)
    return request | {"request_id": "again"}


def codes(**more: Any) -> dict[str, Any]:
    return {"codes": {"type": "unique", "charset": "alphanumeric", "length": 10, **more}}


OFFER_CODE_TAKEN = Circumstance(Reason.OFFER_CODE_TAKEN, sections={"offer_code": "OTHERS"})
CAMPAIGN_HAS_OFFER = Circumstance(
    Reason.CAMPAIGN_HAS_OFFER, sections={"claim": {"service": "outbound", "holder": "taken"}}
)
CONFLICT = Circumstance(
    Reason.REQUEST_ID_CONFLICT,
    before=lambda desk, *_: desk.ask(changes("edit", expiry={"type": "with_campaign"})),
)
CREATE = [
    CONFLICT,
    Circumstance(Reason.OFFER_EXISTS),
    OFFER_CODE_TAKEN,
    Circumstance(Reason.CODE_TAKEN, sections={"coupons": codes(prefix="LEADER")}),
    CAMPAIGN_HAS_OFFER,
]
EDIT = [
    CONFLICT,
    OFFER_CODE_TAKEN,
    Circumstance(Reason.FIELD_NOT_EDITABLE, sections={"expiry": {"type": "with_campaign"}}),
    Circumstance(Reason.ALREADY_CLAIMED),
    CAMPAIGN_HAS_OFFER,
]
#: Only an offer that is there can have answered before.
ANSWERED = {Reason.REQUEST_ID_CONFLICT, Reason.OFFER_EXISTS}


@pytest.fixture
def others(desk: Desk) -> Desk:
    """What the other offers of the organisation have taken."""
    lead = {"coupons": codes(prefix="LEAD"), "offer_code": "OTHERS"}
    claimed = {"service": "outbound", "holder": "taken"}
    assert desk.reasons(create("other", **lead, claim=claimed)) == ["accepted"]
    return desk


@pytest.mark.parametrize(("circumstances", "expected"), pairs(CREATE, "create"))
def test_create(others: Desk, circumstances: list[Circumstance], expected: str) -> None:
    if ANSWERED & {one.reason for one in circumstances}:
        others.ask(create(claim=None))
    for one in circumstances:
        one.before(others, "", "")
    sections = {name: rule for one in circumstances for name, rule in one.sections.items()}
    assert others.reasons(changes("create", **sections)) == [expected]


@pytest.mark.parametrize(("circumstances", "expected"), pairs(EDIT, "edit"))
def test_edit(others: Desk, circumstances: list[Circumstance], expected: str) -> None:
    wanted = {"claim": {"service": "dvs", "holder": "late"}}
    claimed = Reason.ALREADY_CLAIMED in {one.reason for one in circumstances}
    others.ask(create(claim={"service": "dvs", "holder": "early"} if claimed else None))
    for one in circumstances:
        one.before(others, "", "")
    sections = {name: rule for one in circumstances for name, rule in one.sections.items()}
    assert others.reasons(changes("edit", **wanted | sections)) == [expected]


@pytest.mark.parametrize(
    "broken", [{"discount": {"type": "free"}}, {"budget": {"discount": "1.001"}}]
)
def test_an_offer_that_is_none(others: Desk, broken: dict[str, Any]) -> None:
    new, known = create("new", **broken), create("other", **broken)
    assert others.reasons(new, known) == ["invalid_offer", "offer_exists"]
    assert others.reasons(edit("nobody", **broken), edit("other", **broken)) == [
        "offer_not_found",
        "invalid_offer",
    ]


def test_an_offer_that_contradicts_itself_is_refused_for_what_others_have_first(
    others: Desk,
) -> None:
    # given
    never = {"redeem": {"min_gap_days": 1, "max_per_customer": 1}}
    taken = {"coupons": {"codes": {"type": "unique", "charset": "digits", "length": 10,
                                   "prefix": "88"}}}  # fmt: skip
    assert others.reasons(create("first", **taken)) == ["accepted"]
    other_way = {"coupons": {"codes": {"type": "uploaded"}}}

    # expect
    assert others.reasons(
        create("second", **never, **taken), edit("first", **never, **other_way),
        edit("first", **never, **taken),
    ) == ["code_taken", "field_not_editable", "invalid_offer"]  # fmt: skip


def test_a_claim_that_comes_second_for_an_offer_of_a_campaign_that_has_one(others: Desk) -> None:
    assert others.reasons(create(claim={"service": "dvs", "holder": "early"})) == ["accepted"]
    assert others.reasons(
        claim("outbound", "taken"),
        claim("outbound", "taken", "nobody"),
        claim("dvs", "early", request_id="mine"),
        claim("outbound", "taken", request_id="mine"),
    ) == ["already_claimed", "offer_not_found", "accepted", "request_id_conflict"]


def test_uploads_where_codes_are_generated(desk: Desk) -> None:
    desk.ask(create() | {"request_id": "taken"})
    asked = upload("A-1"), upload("A-1", request_id="taken"), upload("A-1", offer_id="nobody")
    assert desk.reasons(*asked) == ["upload_not_allowed", "request_id_conflict", "offer_not_found"]
