"""`figures.json`: every value that was measured, by section, row, column and run.

A section is one measurement: what a command said about several engines, or sizes, in some runs.
Minimum, median, maximum and ratios are made from it and are written nowhere else.
"""

import json
import re
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

#: A value for each run; None where one had nothing to say.
Runs = list[float | None]


class Spread(NamedTuple):
    minimum: float
    median: float
    maximum: float

    @classmethod
    def of(cls, runs: Iterable[float | None]) -> "Spread | None":
        """None where no run has a value."""
        some = sorted(value for value in runs if value is not None)
        return cls(some[0], statistics.median(some), some[-1]) if some else None


def ratios(these: Runs, to: Runs) -> Runs:
    """Of each run, one to the other."""
    return [
        one / other if one is not None and other else None
        for one, other in zip(these, to, strict=False)
    ]


def written(value: float) -> str:
    """With three digits or more, as far as they mean something to a reader."""
    if value == int(value) and value < 1000:
        return f"{value:.0f}"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


@dataclass
class Section:
    """``facts``: when, on what, by which command. ``values``: row -> column -> runs."""

    facts: dict[str, Any] = field(default_factory=dict)
    values: dict[str, dict[str, Runs]] = field(default_factory=dict)

    def add(self, run: int, row: str, values: Mapping[str, float | None]) -> None:
        """Those of one run, by column, to six digits: more are not measured. Runs are counted
        from 0."""
        columns = self.values.setdefault(row, {})
        for column, value in values.items():
            runs = columns.setdefault(column, [])
            runs += [None] * (run - len(runs))
            runs.append(None if value is None else float(f"{value:.6g}"))

    @property
    def runs(self) -> int:
        """Of the row that was measured most often."""
        return max((len(runs) for row in self.values.values() for runs in row.values()), default=0)


class Figures:
    """All sections, by key; those of an earlier command stay until they are measured again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.sections: dict[str, Section] = {}
        if path.exists():
            read = json.loads(path.read_text("utf-8"))
            self.sections = {key: Section(**fields) for key, fields in read.items()}

    def save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        said = {key: asdict(section) for key, section in self.sections.items()}
        text = json.dumps(said, indent=1)
        self._path.write_text(_RUNS.sub(_on_one_line, text) + "\n", "utf-8")


#: A list of numbers, as `json` breaks it into lines.
_RUNS = re.compile(r"\[[^\[\]{}]*\]")


def _on_one_line(found: re.Match[str]) -> str:
    return json.dumps(json.loads(found[0]))
