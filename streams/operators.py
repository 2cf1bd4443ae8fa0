"""Who may do what on the pages: people with a token and roles."""

import hmac
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple


class Role(Enum):
    """``LOOK``: see offers. ``MANAGE``: create, edit, claim, revoke, upload, try the till.
    ``APPROVE``: let what somebody else proposed take effect."""

    LOOK = "look"
    MANAGE = "manage"
    APPROVE = "approve"


class Operator(NamedTuple):
    name: str
    roles: frozenset[Role]
    token: str

    def may(self, role: Role) -> bool:
        return role in self.roles or role is Role.LOOK


#: Whom a token alone stands for: `REDEEMONCE_OPERATOR_TOKEN`.
_OPERATOR = "operator"


class Operators:
    """``token``: of somebody who may do everything, empty for nobody; ``listed``: as
    `read_operators` takes it."""

    def __init__(self, token: str = "", listed: str = "") -> None:
        found = list(read_operators(listed))
        if token:
            found.append(Operator(_OPERATOR, frozenset(Role), token))
        self._known = tuple(found)

    def __bool__(self) -> bool:
        return bool(self._known)

    def who(self, authorization: str) -> Operator | None:
        """Of a header's value; None where nobody has such a token."""
        scheme, _, said = authorization.partition(" ")
        given = said.strip().encode(errors="surrogateescape")
        found = None
        for one in self._known:  # all of them: how long it takes says nothing
            if hmac.compare_digest(given, one.token.encode()) and scheme.lower() == "bearer":
                found = one
        return found


def read_operators(listed: str) -> Iterator[Operator]:
    """``anna:manage:TOKEN, bob:manage+approve:TOKEN``. ValueError names the one that is wrong."""
    names: set[str] = set()
    tokens: set[str] = set()
    for number, entry in enumerate(filter(None, map(str.strip, listed.split(","))), 1):
        name, roles, token = (*entry.split(":", 2), "", "")[:3]
        known = {role.value: role for role in Role}
        if not name or not token:
            raise ValueError(f"operator {number}: NAME:ROLES:TOKEN is expected")
        if unknown := set(roles.split("+")) - known.keys():
            given = ", ".join(sorted(unknown)) or "nothing"
            raise ValueError(f"operator {name}: {given} is none of {', '.join(known)}")
        if len(token) < TOKEN_LENGTH:
            raise ValueError(f"operator {name}: a token has {TOKEN_LENGTH} characters at least")
        if name in names or token in tokens:
            raise ValueError(f"operator {name}: the name or the token is another's, too")
        names.add(name)
        tokens.add(token)
        yield Operator(name, frozenset(known[role] for role in roles.split("+")), token)


#: At the least: it can't be guessed then, however fast the pages answer.
TOKEN_LENGTH = 16
