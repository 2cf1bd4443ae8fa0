"""Texts to customers: what stands in braces is checked when written, and filled for each coupon."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.placeholders import PLACEHOLDERS, checked, fill
from tests.unit.written_offers import errors


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Your code {Code}", "{Code}"),
        ("Your code {}", "{}"),
        ("Your code { code }", "{ code }"),
        ("Your code {code.__class__}", "{code.__class__}"),
        ("Your code {code!r}", "{code!r}"),
        ("Your code {0}", "{0}"),
        ("Your code {a:b}", "{a:b}"),
        ("Your code {code", "{ at character 11"),
        ("Your code code}", "} at character 15"),
        ("{{code}}", "{ at character 1"),
        ("{code}}", "} at character 7"),
    ],
)
def test_what_is_no_placeholder_is_named(text: str, named: str) -> None:
    wrong = errors(issue={"resend": {"content": text}})
    assert [path for path, _ in wrong] == ["issue.resend.content"]
    assert named in wrong[0][1]


@pytest.mark.parametrize("text", ["No placeholder.", "{code}{code}", "100% off: {offer_name}"])
def test_texts_with_and_without_placeholders(text: str) -> None:
    assert errors(issue={"resend": {"content": text}}) == []


def test_a_text_is_filled_with_what_its_placeholders_stand_for() -> None:
    values = {"code": "SAVE-1", "expires_at": None, "more": "x"}
    text = checked("{code} ({code}) ends {expires_at}; {offer_name}")
    assert fill(text, values) == "SAVE-1 (SAVE-1) ends ; "


def test_what_a_value_says_is_not_filled_again() -> None:
    values = {"code": "{customer_id}", "offer_name": r"\1 {code", "customer_id": "c-7"}
    assert fill("{code} {offer_name}", values) == r"{customer_id} \1 {code"


@given(st.text(alphabet="{}abcode_.!:0 ", max_size=40))
def test_a_text_is_checked_or_refused_and_never_fails_to_be_filled(text: str) -> None:
    try:
        checked(text)
    except ValueError:
        return
    filled = fill(text, dict.fromkeys(PLACEHOLDERS, "x"))
    assert "{" not in filled
    assert "}" not in filled
