"""Codes that aren't generated with a prefix: randomised, common, uploaded, exported."""

from typing import Any

import pytest

from state.ledger import Ledger
from streams.settings import Settings
from tests.ledger.desk import (
    Desk,
    audience,
    edit,
    export,
    resend,
    reverse,
    revoke,
    upload,
)
from tests.world import create, issue, redeem

UPLOADED: dict[str, Any] = {"coupons": {"codes": {"type": "uploaded"}}}
COMMON: dict[str, Any] = {"coupons": {"codes": {"type": "common", "code": "Festive-50"}}}
EXPORTED: dict[str, Any] = {
    "coupons": {
        "delivery": "third_party",
        "codes": {"type": "unique", "charset": "alphanumeric", "length": 10},
    }
}


@pytest.fixture
def desk(settings: Settings, ledger: Ledger) -> Desk:
    return Desk(settings, ledger)


def code_at(desk: Desk, serial: int, offer_id: str = "o") -> str:
    desk.refresh()
    compiled = desk.catalogue.get(offer_id)
    assert compiled is not None
    return desk.catalogue.code_of(compiled, serial)


# Randomised --------------------------------------------------------------------------------------


def test_a_randomised_code_begins_with_the_first_half_of_the_sample(desk: Desk) -> None:
    desk.ask(create(coupons={"codes": {"type": "randomised", "sample": "dv8-2026"[:3] + "2026x"}}))
    issued = desk.ask(*(issue(f"c-{n}") for n in range(50)))

    codes = {said["code"] for said in issued if said["code"]}
    assert len(codes) == 50


@pytest.mark.parametrize(
    ("sample", "possible"),
    [("ABC12", 36**3), ("12345", 10**3), ("ABCDEF", 26**3), ("SUMMER2026", 36**5)],
)
def test_the_whole_other_half_of_the_sample_is_usable(
    desk: Desk, sample: str, possible: int
) -> None:
    desk.ask(create(coupons={"codes": {"type": "randomised", "sample": sample}}))
    desk.refresh()

    compiled = desk.catalogue.get("o")

    assert compiled is not None
    assert compiled.series is not None
    assert compiled.lead == sample[: len(sample) // 2]
    assert compiled.series.space == possible


def test_two_samples_of_one_length_must_not_begin_alike(desk: Desk) -> None:
    first, other = ({"codes": {"type": "randomised", "sample": s}} for s in ("AB12X", "AB99Y"))
    assert desk.reasons(create(coupons=first)) == ["accepted"]
    assert desk.reasons(create("p", coupons=other)) == ["code_taken"]


def test_a_randomised_offer_takes_no_uploads(desk: Desk) -> None:
    desk.ask(create(coupons={"codes": {"type": "randomised", "sample": "AB12X"}}))
    assert desk.reasons(upload("A-1"), audience("c-1")) == ["upload_not_allowed"] * 2


# Common ------------------------------------------------------------------------------------------


def test_a_common_code_is_each_customers_own_coupon(desk: Desk) -> None:
    desk.ask(create(**COMMON))
    issued = desk.ask(issue("a"), issue("b"))

    assert {said["code"] for said in issued} == {"FESTIVE50"}
    assert len({said["coupon_id"] for said in issued}) == 2
    assert desk.reasons(
        redeem("festive 50", "a"), redeem("FESTIVE50", "a"), redeem("FESTIVE-50", "b")
    ) == ["accepted", "coupon_redeemed", "accepted"]


def test_a_common_code_needs_a_customer_who_has_it(desk: Desk) -> None:
    desk.ask(create(**COMMON))
    assert desk.reasons(redeem("FESTIVE50", None), redeem("FESTIVE50", "a")) == [
        "customer_required", "not_recipient",
    ]  # fmt: skip


def test_the_oldest_usable_coupon_of_a_common_code_is_taken(desk: Desk) -> None:
    # given
    desk.ask(create(**COMMON))
    first, second, third = desk.ask(issue("a"), issue("a"), issue("a"))
    [used] = desk.ask(redeem("FESTIVE50", "a", request_id="r-1"))
    assert used["coupon_id"] == first["coupon_id"]

    # when
    [next_] = desk.ask(redeem("FESTIVE50", "a"))
    desk.ask(reverse("FESTIVE50", "r-1", "a"))
    again = desk.ask(*(redeem("FESTIVE50", "a") for _ in range(3)))

    # expect
    assert next_["coupon_id"] == second["coupon_id"]
    assert [said["coupon_id"] for said in again[:2]] == [first["coupon_id"], third["coupon_id"]]
    assert again[2]["reason"] == "coupon_redeemed"


def test_with_anyone_a_common_code_gives_a_coupon_at_its_redemption(desk: Desk) -> None:
    # given
    desk.ask(create(**COMMON, redeem={"anyone_may_redeem": True}, issue={"max_total": 2}))
    asked = {"code": "FESTIVE50"}

    # when
    [looked] = desk.ask(redeem("FESTIVE50", "a", type_="validate"))
    said = desk.ask(*(redeem(asked["code"], who) for who in ("a", "a", "b", "c")))
    summary = desk.ledger.offer("o")

    # expect
    assert looked["reason"] is None
    assert [one["reason"] for one in said] == [
        None, "coupon_redeemed", None, "offer_limit_reached",
    ]  # fmt: skip
    assert said[0]["coupon_id"] == "o:0"
    assert said[0]["ledger"]["issued"]["expires"] is None
    assert (summary[b"issued"], summary[b"redeemed"]) == (b"2", b"2")


def test_with_anyone_nothing_is_given_after_the_offers_end(desk: Desk) -> None:
    ends = {"expiry": {"type": "fixed_date", "at": "2026-11-21T23:59:59+05:30"}}
    desk.ask(create(**COMMON, redeem={"anyone_may_redeem": True}))
    desk.ask(issue("a"), edit(**COMMON, **ends, redeem={"anyone_may_redeem": True}))
    assert desk.reasons(redeem("FESTIVE50", "a"), redeem("FESTIVE50", "b")) == [
        "coupon_expired", "offer_expired",
    ]  # fmt: skip


def test_with_anyone_only_the_audience_is_given_one(desk: Desk) -> None:
    desk.ask(create(**COMMON, redeem={"anyone_may_redeem": True}))
    desk.ask(audience("a"))
    assert desk.reasons(redeem("FESTIVE50", "a"), redeem("FESTIVE50", "b")) == [
        "accepted", "not_recipient",
    ]  # fmt: skip


def test_a_common_code_is_nobody_elses(desk: Desk) -> None:
    # given
    desk.ask(create(**COMMON), create("u", **UPLOADED))
    lead = {"codes": {"type": "unique", "charset": "alphanumeric", "length": 9, "prefix": "FEST"}}
    desk.ask(upload("GIFT-1", offer_id="u"))

    # expect
    assert desk.reasons(create("p", coupons=lead)) == ["code_taken"]
    assert desk.reasons(create("q", **COMMON)) == ["code_taken"]
    assert desk.reasons(upload("festive50", offer_id="u")) == ["code_taken"]
    assert desk.reasons(create("r", coupons={"codes": {"type": "common", "code": "gift1"}})) == [
        "code_taken"
    ]


# Uploaded ----------------------------------------------------------------------------------------


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
    assert desk.ledger.offer("o")[b"issued"] == b"2"
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
    assert desk.ledger.offer("o")[b"issued"] == b"2"
    assert desk.reasons(redeem("A1", "a"), redeem("A2", None)) == ["accepted", "customer_required"]


# Exported ----------------------------------------------------------------------------------------


def test_an_export_issues_the_next_codes_without_a_recipient(desk: Desk) -> None:
    # given
    desk.ask(create(**EXPORTED, issue={"max_total": 1_000_003}))
    desk.ask(issue("z"))

    # when
    [said] = desk.ask(export(1_000_000))

    # expect
    assert (said["first"], said["count"]) == (1, 1_000_000)
    assert said["totals"] == {"customer": None, "offer": 1_000_001}
    last, beyond = code_at(desk, 1_000_000), code_at(desk, 1_000_001)
    assert desk.reasons(redeem(last, "a"), redeem(beyond, "a")) == ["accepted", "code_not_found"]
    assert desk.reasons(export(3), export(2)) == ["offer_limit_reached", "accepted"]


def test_who_redeems_an_exported_coupon_first_becomes_its_recipient(desk: Desk) -> None:
    # given
    desk.ask(create(**EXPORTED, redeem={"uses_per_coupon": 3}))
    desk.ask(export(2))
    code = code_at(desk, 0)

    # expect
    assert desk.reasons(
        redeem(code, None), redeem(code, "a", request_id="r-1"), redeem(code, "b"),
        redeem(code, "a", request_id="r-2"),
    ) == ["customer_required", "accepted", "not_recipient", "accepted"]  # fmt: skip

    # when: both are undone, it is nobody's again
    desk.ask(reverse(code, "r-1", "a"), reverse(code, "r-2", "a"))

    # expect
    assert desk.reasons(redeem(code, "b"), redeem(code, "a")) == ["accepted", "not_recipient"]


def test_revoking_a_customers_coupons_ends_the_exported_ones_too(desk: Desk) -> None:
    desk.ask(create(**EXPORTED, redeem={"uses_per_coupon": 3}))
    desk.ask(export(3))
    mine, other = code_at(desk, 0), code_at(desk, 1)
    desk.ask(redeem(mine, "a"), redeem(other, "b"))

    [said] = desk.ask(revoke("customers", "a"))

    assert said["revoked"] == 1
    assert desk.reasons(redeem(mine, "a"), redeem(other, "b")) == ["coupon_revoked", "accepted"]


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({**EXPORTED, "claim": None}, "not_claimed_by_service"),
        ({}, "invalid_offer"),
        ({**UPLOADED}, "invalid_offer"),
        ({**EXPORTED, "expiry": {"type": "fixed_date", "at": "2026-11-21T08:59:59+05:30"}},
         "offer_expired"),
    ],
)  # fmt: skip
def test_what_an_export_is_refused_for(desk: Desk, sections: Any, expected: str) -> None:
    desk.ask(create(**sections))
    assert desk.reasons(export(1)) == [expected]


def test_no_more_codes_are_exported_than_are_possible(desk: Desk) -> None:
    codes = {"type": "unique", "charset": "digits", "length": 4, "prefix": "12"}
    desk.ask(create(coupons={"delivery": "third_party", "codes": codes}))
    assert desk.reasons(export(101), export(100), export(1)) == [
        "codes_exhausted", "accepted", "codes_exhausted",
    ]  # fmt: skip


# Resend ------------------------------------------------------------------------------------------


def test_resend_gives_a_customers_active_coupons_again(desk: Desk) -> None:
    # given
    desk.ask(create(issue={"resend": {"content": "{offer_name}: {code}"}}))
    one, two, _ = desk.ask(issue("a"), issue("a"), issue("b"))
    desk.ask(redeem(one["code"], "a"))

    # when
    [said] = desk.ask(resend("a"))

    # expect
    assert said["content"] == "{offer_name}: {code}"
    assert said["coupons"] == [
        {
            **{name: two[name] for name in ("coupon_id", "code", "starts_at", "expires_at")},
            "content": f"Offer o: {two['code']}",
        }
    ]
    assert desk.reasons(resend("nobody")) == ["no_active_coupon"]


def test_resend_where_the_offer_doesnt_allow_it(desk: Desk) -> None:
    desk.ask(create())
    desk.ask(issue("a"))
    assert desk.reasons(resend("a")) == ["resend_not_allowed"]
