"""The figures of all runs: minimum, median and maximum, as a table or as JSON."""

import os
import statistics
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass
class Figures:
    """What was measured, by name and unit, a value for each run."""

    facts: dict[str, Any] = field(default_factory=dict)
    _values: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def add(self, name: str, unit: str, value: float) -> None:
        self._values.setdefault((name, unit), []).append(value)

    def as_json(self) -> dict[str, Any]:
        return {
            **self.facts,
            "figures": [
                {"name": name, "unit": unit, **_spread(values), "runs": values}
                for (name, unit), values in self._values.items()
            ],
        }

    def print(self, console: Console) -> None:
        table = Table(caption=", ".join(f"{name}: {fact}" for name, fact in self.facts.items()))
        table.add_column("measured")
        for column in ("minimum", "median", "maximum"):
            table.add_column(column, justify="right")
        table.add_column("")
        for (name, unit), values in self._values.items():
            table.add_row(name, *map(_shown, _spread(values).values()), unit)
        console.print(table)


def machine() -> dict[str, Any]:
    """How many cores, and how busy they are with everything, this included."""
    return {"cores": os.cpu_count(), "load": [round(each, 1) for each in os.getloadavg()]}


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "minimum": min(values),
        "median": statistics.median(values),
        "maximum": max(values),
    }


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.1f}"
