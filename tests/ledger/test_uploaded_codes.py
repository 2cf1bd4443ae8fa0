"""Uploaded codes: issued in their order once their upload is whole, and nobody else's."""

import pytest

from tests.ledger.asking import revoke, upload
from tests.ledger.code_ways import UPLOADED, code_at
from tests.ledger.desk import Desk
from tests.world import create, issue, redeem


def test_uploaded_codes_are_issued_in_their_order(desk: Desk) -> None:
    desk.ask(create(**UPLOADED))
    desk.ask(upload("first 1", "second-2"))
    issued = desk.ask(issue("a"), issue("b"), issue("c"))
    assert [said.get("code") for said in issued] == ["FIRST1", "SECOND2", None]
    assert issued[2]["reason"] == "codes_exhausted"
    assert desk.reasons(redeem("Second 2", "b"), redeem("SECOND2", "b")) == [
        "accepted", "coupon_redeemed",
    ]  # fmt: skip


def test_an_uploaded_code_is_found_once_it_is_issued(desk: Desk) -> None:
    desk.ask(create(**UPLOADED))
    assert desk.reasons(redeem("GIFT-1", "a")) == ["code_not_found"]
    desk.ask(upload("GIFT-1"))
    assert desk.reasons(redeem("GIFT-1", "a")) == ["code_not_found"]
    desk.ask(issue("a"))
    assert desk.reasons(redeem("GIFT-1", "a")) == ["accepted"]


def test_a_code_with_a_customer_is_issued_by_its_upload(desk: Desk) -> None:
    # given
    desk.ask(create(**UPLOADED, issue={"max_per_customer": 1, "max_total": 2}))
    desk.ask(upload("A-1", "A-2", to="a"))

    # expect: limits of issuing don't hold it back, but it counts
    assert desk.ledger.counts(["o"])[0].issued == 2
    assert desk.reasons(issue("a"), issue("b")) == ["customer_limit_reached", "offer_limit_reached"]
    assert desk.reasons(redeem("A1", "b"), redeem("A1", "a"), redeem("A2", "a")) == [
        "not_recipient", "accepted", "accepted",
    ]  # fmt: skip


def test_an_upload_takes_effect_with_its_last_part(desk: Desk) -> None:
    # given
    desk.ask(create(**UPLOADED))
    [second] = desk.ask(upload("B-1", "B-2", part=2, parts=2))
    desk.ask(upload("A-1", to="a", part=3, parts=3))
    assert desk.reasons(issue("c"), redeem("A1", "a")) == ["codes_exhausted", "code_not_found"]

    # when: the parts of three began anew, and come in any order
    said = desk.ask(upload("C-1", part=1, parts=3), upload("B-1", part=2, parts=3))

    # expect
    assert (second["complete"], second["items"]) == (False, 2)
    assert [(one["complete"], one.get("total")) for one in said] == [(False, None), (True, 3)]
    assert desk.reasons(redeem("A1", "a")) == ["accepted"]
    assert [one.get("code") for one in desk.ask(*(issue(c) for c in "cde"))] == ["C1", "B1", None]


def test_codes_of_an_upload_that_begins_anew_are_free(desk: Desk) -> None:
    desk.ask(create(**UPLOADED))
    desk.ask(upload("A-1", "A-2", part=1, parts=2))
    assert desk.reasons(upload("A-2", part=2, parts=2)) == ["code_taken"]  # it waits in part 1
    [said] = desk.ask(upload("A-2", "A-3"))
    assert (said["complete"], said["total"]) == (True, 2)
    assert [one.get("code") for one in desk.ask(*map(issue, "abc"))] == ["A2", "A3", None]


def test_a_code_that_is_there_refuses_its_part(desk: Desk) -> None:
    # given
    desk.ask(create(**UPLOADED), create("p", **UPLOADED), create("g"))
    desk.ask(upload("A-1"), issue("z", "g"))
    generated = code_at(desk, 7, "g")

    # when
    said = desk.ask(
        upload("A-1", "A-2"), upload("a1", offer_id="p"), upload("B-1", "b 1"), upload(generated)
    )

    # expect
    assert [one["reason"] for one in said] == ["code_taken"] * 4
    assert [one["taken"] for one in said] == [["A1"], ["A1"], ["B1"], [generated]]
    assert desk.reasons(upload("A-2", "B-1")) == ["accepted"]


def test_no_lead_is_given_that_an_uploaded_code_begins_with(desk: Desk) -> None:
    desk.ask(create(**UPLOADED))
    desk.ask(upload("SUMMER-2026"))
    for n, (prefix, expected) in enumerate(
        [("SUM", "code_taken"), ("SUMM", "code_taken"), ("SUMMER", "code_taken"), ("WIN", None)]
    ):
        codes = {"type": "unique", "charset": "alphanumeric", "length": 10, "prefix": prefix}
        [said] = desk.ask(create(f"p{n}", coupons={"codes": codes}))
        assert said["reason"] == expected, prefix


@pytest.mark.parametrize("scope", ["unissued", "unredeemed"])
def test_issuing_goes_on_with_an_upload_after_a_revoke(desk: Desk, scope: str) -> None:
    # given
    desk.ask(create(**UPLOADED))
    desk.ask(upload("A-1", "A-2"), upload("M-1", to="m"))
    desk.ask(issue("a"), revoke(scope))
    assert desk.reasons(issue("b")) == ["codes_exhausted"]

    # when
    desk.ask(upload("B-1"))

    # expect
    assert [one["code"] for one in desk.ask(issue("b"))] == ["B1"]
    ended = "coupon_revoked" if scope == "unredeemed" else "accepted"
    assert desk.reasons(redeem("A1", "a"), redeem("M1", "m"), redeem("B1", "b")) == [
        ended, ended, "accepted",
    ]  # fmt: skip


def test_codes_uploaded_for_a_third_party_are_issued_to_nobody_yet(desk: Desk) -> None:
    desk.ask(create(coupons={"codes": {"type": "uploaded"}, "delivery": "third_party"}))
    desk.ask(upload("A-1", "A-2"))
    assert desk.ledger.counts(["o"])[0].issued == 2
    assert desk.reasons(redeem("A1", "a"), redeem("A2", None)) == ["accepted", "customer_required"]
