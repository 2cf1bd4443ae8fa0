"""Where an outcome isn't what was foreseen."""

from collections.abc import Iterator
from typing import Any

from tests.properties.oracle_offers import wrong_definition
from tests.properties.plain_bills import wrong_lines
from tests.properties.plain_rules import Said


def differences(foreseen: Said, said: Said) -> Iterator[str]:
    """Field by field, of what was foreseen; of a discount's lines, and of what the ledger keeps,
    whether it fits."""
    for name, due in foreseen.items():
        found = said.get(name)
        if name == "ledger":
            yield from _ledger(due, said.get("ledger", {}))
        elif name == "definition":
            wrong = said.get("offer") and wrong_definition(due, said["offer"])
            if wrong:
                yield f"the offer is another: {wrong}"
        elif name == "eligible":
            wrong = said["discount"] and wrong_lines(said["discount"], due)
            if wrong:
                yield wrong
        elif _plain(name, found) != _plain(name, due) and not (
            name == "discount" and found and _plain_discount(found) == due
        ):
            yield f"{name} is {found}, foreseen was {due}"


def _ledger(due: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    for name, content in due.items():
        kept = sorted(found.get(name, [])) if name == "revoked" else found.get(name)
        if kept != content:
            yield f"the ledger keeps as {name} {kept}, foreseen was {content}"


def _plain(name: str, found: Any) -> Any:
    """What has no order to compare. Left out: that `coupons` come oldest first; the ledger tells
    those that were issued to nobody, or by an upload, after those issued by request."""
    if name == "taken" and found:
        return sorted(set(found))
    return sorted(found, key=str) if name == "coupons" and found else found


def _plain_discount(found: dict[str, Any]) -> dict[str, Any]:
    return {name: content for name, content in found.items() if name != "lines"}
