"""Texts to customers: what stands in braces is put in for each coupon."""

import re
from collections.abc import Mapping

PLACEHOLDERS = ("code", "coupon_id", "offer_name", "starts_at", "expires_at", "customer_id")
#: A placeholder, or a brace that belongs to none.
_BRACES = re.compile(r"\{([^{}]*)\}|[{}]")


def checked(text: str) -> str:
    """The text as it is. ValueError names what in braces is no placeholder."""
    for found in _BRACES.finditer(text):
        if found[1] is None:
            raise ValueError(
                f"the brace {found[0]} at character {found.start() + 1} has no counterpart; "
                "braces stand around placeholders only"
            )
        if found[1] not in PLACEHOLDERS:
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            raise ValueError(f"{found[0][:80]} is no placeholder; those there are: {known}")
    return text


def fill(text: str, values: Mapping[str, str | None]) -> str:
    """A checked text with the placeholders' values in it, nothing for one that has none.

    What a value says is never read as a placeholder again.
    """

    def value(found: re.Match[str]) -> str:
        return values.get(found[1]) or "" if found[1] in PLACEHOLDERS else found[0]

    return _BRACES.sub(value, text)
