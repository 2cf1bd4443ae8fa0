"""What an audit found, and how it says how far it is."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from streams.broker import BrokerError

#: Gets the phase, how much of it is done, and of how much.
Progress = Callable[[str, int, int], None]
#: How many differences a verdict names; the others are counted.
NAMED = 20


class AuditError(BrokerError):
    """The audit could not be made; the message says what it needs."""


def silent(_phase: str, _done: int, _total: int) -> None:
    """No progress shown."""


@dataclass
class Verdict:
    """``differences`` names the first ones, ``found`` is how many there are in all.

    ``compared`` says how much of what was looked at, ``notes`` what is worth knowing but not wrong.
    Not ``at_rest``: requests were decided all the while, so that nothing is known.
    """

    ok: bool
    compared: dict[str, int]
    differences: list[str]
    notes: list[str]
    found: int
    at_rest: bool = True

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "compared": self.compared,
            "differences_found": self.found,
            "differences": self.differences,
            "notes": self.notes,
        }


@dataclass
class Findings:
    """Collects what a verdict is made of."""

    compared: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    found: int = 0

    def difference(self, text: str) -> None:
        self.found += 1
        if len(self.differences) < NAMED:
            self.differences.append(text)

    def note(self, text: str) -> None:
        if len(self.notes) < NAMED:
            self.notes.append(text)

    def verdict(self) -> Verdict:
        return Verdict(
            not self.found, dict(self.compared), self.differences, self.notes, self.found
        )
