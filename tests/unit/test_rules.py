"""Pure rules: money, days, precedence, and the names that Lua is given."""

import re
from collections.abc import Iterator
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.money import decimals_of, from_minor, to_minor
from schemas.reasons import PRECEDENCE, Reason
from schemas.times import Calendar, milliseconds_of, to_second, utc_moment
from state.layout import IssueOp, RedeemOp, bound

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


def test_lua_knows_only_reasons_of_the_registry() -> None:
    names = {str(reason) for reason in Reason}
    used = {
        name
        for file in files("state").joinpath("lua").iterdir()
        for name in re.findall(r"REASON\.(\w+)", file.read_text())
    }
    assert used
    assert used <= names


#: What Lua is given as an operation's verdict, by the file that reads it.
_VERDICTS = {
    "offer_refusals": "invalid_offer",
    "refusals": "customer_excluded store_not_allowed outside_time_window bill_amount_out_of_range "
    "no_eligible_items",
}
_VERDICTS["common_code"] = _VERDICTS["refusals"]
_RUNG = re.compile(r"REASON\.(\w+)|OP\.verdict\b|\b(\w+_refusal|exhausted)\(")


def _ladder(file: str, function: str) -> Iterator[str]:
    """The reasons a function of Lua names or asks others for, as they stand in it."""
    lua = files("state").joinpath("lua")
    text = "".join(lua.joinpath(f"{one}.lua").read_text() for one in (file, "refusals"))
    found = re.search(rf"^local function {function}\(.*?^end", text, re.M | re.S)
    assert found, f"{function} is not in {file}.lua"
    body = found.group().partition("\n")[2]
    for reason, called in _RUNG.findall(body):
        if reason:
            yield reason
        elif called:
            yield from _ladder(file, called)
        else:
            yield from _VERDICTS[file].split()


@pytest.mark.parametrize(
    ("file", "function", "kind"),
    [
        ("issue", "refusal", "issue"),
        ("refusals", "refusal", "redeem"),
        ("common_code", "newcomers_refusal", "redeem"),
        ("reverse", "reverse", "reverse"),
        ("offer_refusals", "refusal", "edit"),
    ],
)
def test_luas_ladders_stand_in_the_order_of_precedence(file: str, function: str, kind: str) -> None:
    order = [PRECEDENCE[kind].index(Reason(name)) for name in _ladder(file, function)]
    assert len(order) > 2
    # offer_exists and offer_not_found never meet: one is for create, the other for the rest.
    assert order == sorted(order)


def test_lua_gets_the_places_of_fields_from_python() -> None:
    said = "op[OP.serial], head[HEAD.from], REASON.gap_not_elapsed"
    serial = RedeemOp._fields.index("serial") + 1
    assert bound(said, RedeemOp) == f"op[{serial}], head[5], 'gap_not_elapsed'"
    for text, operation in (
        ("OP.serial", IssueOp),
        ("REASON.none_such", IssueOp),
        ("OP.kind", None),
    ):
        with pytest.raises(KeyError):
            bound(text, operation)
