"""Codes that are generated: from a sample, for an export, and given again."""

from typing import Any

import pytest

from tests.ledger.asking import audience, export, resend, reverse, revoke, upload
from tests.ledger.code_ways import EXPORTED, UPLOADED, code_at
from tests.ledger.desk import Desk
from tests.world import create, issue, redeem

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
