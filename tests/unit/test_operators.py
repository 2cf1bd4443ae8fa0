"""Who may do what on the pages."""

import pytest

from streams.operators import Operators, Role, read_operators
from streams.settings import Settings

ANNA, BOB = "anna-and-her-own-token", "bob-and-his-own:token"


def test_each_token_is_one_persons() -> None:
    operators = Operators("", f" anna:manage:{ANNA} , bob:approve+manage:{BOB},")
    anna, bob = operators.who(f"Bearer {ANNA}"), operators.who(f"bearer  {BOB} ")
    assert anna is not None
    assert bob is not None
    assert (anna.name, bob.name) == ("anna", "bob")
    assert [one.may(role) for one in (anna, bob) for role in Role] == [
        True, True, False, True, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize("said", ["", ANNA, f"Basic {ANNA}", "Bearer", f"Bearer {ANNA}x"])
def test_whatever_else_is_said_is_nobodys(said: str) -> None:
    assert Operators("", f"anna:manage:{ANNA}").who(said) is None


def test_one_token_alone_may_do_everything() -> None:
    operator = Operators("a-token-that-is-long").who("Bearer a-token-that-is-long")
    assert operator is not None
    assert all(operator.may(role) for role in Role)
    assert not Operators()


@pytest.mark.parametrize(
    ("listed", "named"),
    [
        ("anna", "operator 1: NAME:ROLES:TOKEN"),
        (f"anna:manage:{ANNA},:look:{BOB}", "operator 2: NAME"),
        (f"anna:mange:{ANNA}", "operator anna: mange is none of look, manage, approve"),
        (f"anna::{ANNA}", "operator anna: nothing is none of"),
        ("anna:manage:short", "operator anna: a token has 16 characters"),
        (f"anna:manage:{ANNA},anna:look:{BOB}", "operator anna: the name or the token"),
        (f"anna:manage:{ANNA},bob:look:{ANNA}", "operator bob: the name or the token"),
    ],
)
def test_what_is_wrong_is_named_and_no_token_shown(listed: str, named: str) -> None:
    with pytest.raises(ValueError, match="operator") as wrong:
        list(read_operators(listed))
    assert named in str(wrong.value)
    assert ANNA not in str(wrong.value)
    with pytest.raises(ValueError, match="operator"):
        Settings(_env_file=None, operators=listed)  # type: ignore[call-arg]
