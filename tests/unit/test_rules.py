"""Pure rules: money, days, discounts, precedence, and the names that Lua is given."""

import re
from importlib.resources import files
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.money import decimals_of, from_minor, to_minor
from schemas.reasons import PRECEDENCE, Reason
from schemas.times import Calendar, milliseconds_of, to_second, utc_moment
from state.eligibility import DiscountRule, discount_of
from state.layout import RedeemOp, lua_names

amounts = st.integers(0, 10**12)


@given(amounts, st.integers(0, 4))
def test_money_survives_its_text(minor: int, decimals: int) -> None:
    assert to_minor(from_minor(minor, decimals), decimals) == minor


def test_currencies_have_their_own_decimals() -> None:
    assert [decimals_of(c) for c in ("INR", "JPY", "KWD")] == [2, 0, 3]
    with pytest.raises(ValueError, match="ISO 4217"):
        decimals_of("RUPEES")


@given(st.integers(0, 4 * 10**12))
def test_moments_survive_their_text(milliseconds: int) -> None:
    assert milliseconds_of(utc_moment(milliseconds)) == milliseconds


def test_a_local_day_ends_where_the_zone_says() -> None:
    kolkata = Calendar("Asia/Kolkata")
    late, early = to_second("2026-11-21T23:59:59+05:30"), to_second("2026-11-22T00:00:00+05:30")
    assert kolkata.day(early) == kolkata.day(late) + 1
    assert kolkata.first_second(kolkata.day(early)) == early
    assert kolkata.last_second(kolkata.day(late)) == late


@pytest.mark.parametrize(("day", "hours"), [("2026-03-08", 23), ("2026-11-01", 25)])
def test_the_days_clocks_change_are_shorter_and_longer(day: str, hours: int) -> None:
    new_york = Calendar("America/New_York")
    number = new_york.day(to_second(f"{day}T12:00:00-05:00"))
    length = new_york.last_second(number) - new_york.first_second(number) + 1
    assert length == hours * 3600
    assert {new_york.day(new_york.first_second(number) + s) for s in (0, length - 1)} == {number}


def _rule(on_sale_items: bool = False, **discount: str) -> DiscountRule:
    return DiscountRule.of(
        SimpleNamespace(**{"max_amount": None} | discount), on_sale_items, decimals=2
    )


def _bill(*lines: tuple[int, bool], amount: int = 0) -> dict:
    if not lines:
        return {"bill": {}, "amount_minor": amount}
    return {
        "bill": {"lines": [{"on_sale": on_sale} for _, on_sale in lines]},
        "line_minors": [minor for minor, _ in lines],
        "amount_minor": sum(minor for minor, _ in lines),
    }


@pytest.mark.parametrize(
    ("rule", "bill", "expected"),
    [
        (_rule(type="percentage", percent="10"), _bill(amount=149900), [14990]),
        (_rule(type="percentage", percent="10"), _bill(amount=5), [1]),  # 0.5 is rounded up
        (_rule(type="percentage", percent="10"), _bill(amount=4), [0]),
        (_rule(type="percentage", percent="10", max_amount="50.00"), _bill(amount=149900), [5000]),
        (_rule(type="fixed", amount="100.00"), _bill(amount=149900), [10000]),
        (_rule(type="fixed", amount="100.00"), _bill(amount=9999), [9999]),  # never above the bill
        (_rule(type="fixed", amount="1.00"), _bill((100, False), (100, False), (100, False)),
         [34, 33, 33]),
        (_rule(type="percentage", percent="50"), _bill((100, True), (50, False)), [0, 25]),
        (_rule(True, type="percentage", percent="50"), _bill((100, True), (50, False)), [50, 25]),
        (_rule(type="fixed", amount="1.00"), _bill((100, True)), Reason.NO_ELIGIBLE_ITEMS),
        (_rule(type="fixed", amount="1.00"), _bill((0, False), (0, False)), [0, 0]),
    ],
)  # fmt: skip
def test_a_discount_is_on_the_eligible_lines_only(rule, bill, expected) -> None:
    assert discount_of(rule, bill) == expected


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=20), st.integers(0, 10**10))
def test_lines_of_a_discount_sum_to_it_and_stay_below_theirs(lines, fixed) -> None:
    rule = DiscountRule(fixed, None, None, False)
    shares = discount_of(rule, _bill(*[(line, False) for line in lines]))
    assert sum(shares) == min(fixed, sum(lines))
    assert all(0 <= share <= line for share, line in zip(shares, lines, strict=True))


def test_lua_knows_only_reasons_of_the_registry() -> None:
    names = {str(reason) for reason in Reason}
    used = {
        name
        for file in files("state").joinpath("lua").iterdir()
        for name in re.findall(r"REASON\.(\w+)", file.read_text())
    }
    assert used
    assert used <= names


@pytest.mark.parametrize(
    ("file", "function", "kind"),
    [("issue", "refusal", "issue"), ("redeem", "refusal", "redeem"),
     ("redeem", "reverse", "reverse"), ("offers", "refusal", "edit")],
)  # fmt: skip
def test_luas_ladders_stand_in_the_order_of_precedence(file, function, kind) -> None:
    text = files("state").joinpath(f"lua/{file}.lua").read_text()
    body = re.search(rf"^local function {function}\(.*?^end", text, re.M | re.S).group()
    order = [PRECEDENCE[kind].index(Reason(name)) for name in re.findall(r"REASON\.(\w+)", body)]
    # offer_exists and offer_not_found never meet: one is for create, the other for the rest.
    assert order == sorted(order)


def test_lua_gets_the_places_of_fields_from_python() -> None:
    names = lua_names(RedeemOp)
    assert f"serial = {RedeemOp._fields.index('serial') + 1}" in names
    assert "from = 5" in names
