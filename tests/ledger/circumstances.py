"""Circumstances in which one reason holds, and every pair of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import pytest

from schemas.reasons import PRECEDENCE, Reason
from tests.ledger.asking import Request, edit
from tests.ledger.desk import Desk


@dataclass(frozen=True)
class Circumstance:
    """What makes a reason hold: at the offer's creation, before the request, and in it."""

    reason: Reason
    start: dict[str, Any] = field(default_factory=dict)  # the offer's `redeem` at its creation
    before: Callable[[Desk, str, str], Any] = lambda *_: None  # desk, code, who asks
    edited: dict[str, Any] = field(default_factory=dict)  # `issue` or `redeem`, from then on
    sections: dict[str, Any] = field(default_factory=dict)  # other sections, from then on
    asked: dict[str, Any] = field(default_factory=dict)  # fields of the request


def pairs(
    circumstances: list[Circumstance], kind: str, without: frozenset[Reason] | None = None
) -> list[Any]:
    """Each circumstance alone, and each two of them but for the two of ``without``."""
    order = PRECEDENCE[kind]
    cases = [pytest.param([one], one.reason, id=one.reason) for one in circumstances]
    for two in combinations(circumstances, 2):
        first, second = sorted((one.reason for one in two), key=order.index)
        if without == {first, second}:
            continue
        cases.append(pytest.param(list(two), first, id=f"{first}-before-{second}"))
    return cases


def edited(
    circumstances: list[Circumstance], section: str, base: dict[str, Any], **more: Any
) -> Request:
    """The edit that brings the circumstances' rules into force; ``more``: sections that stay."""
    rules, sections = dict(base), dict(more)
    for one in circumstances:
        rules |= one.edited
        sections |= one.sections
    return edit(**{section: rules, **sections})


def fields_of(circumstances: list[Circumstance]) -> dict[str, Any]:
    return {name: content for one in circumstances for name, content in one.asked.items()}
