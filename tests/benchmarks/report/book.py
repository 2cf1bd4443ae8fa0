"""Where a command writes what it measures: figures, page and plots, renewed after every run."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import click
from rich.console import Console

from tests.benchmarks.ground import Ground
from tests.benchmarks.report.facts import facts
from tests.benchmarks.report.figures import Figures, Section, written
from tests.benchmarks.report.page import page
from tests.benchmarks.report.plots import plot_all
from tests.benchmarks.report.values import Values


@dataclass
class Book:
    """``docs``: the folder of `BENCHMARKS.md`; the rest lies in `benchmarks` below it."""

    docs: Path
    console: Console = field(default_factory=lambda: Console(stderr=True))

    def __post_init__(self) -> None:
        self.figures = Figures(self.docs / "benchmarks" / "figures.json")

    def begin(self, kind: str, given: str, ground: Ground | None = None) -> "Chapter":
        """A section measured anew; what it was before stays until its first run is over."""
        servers = ground.versions() if ground is not None else {}
        return Chapter(self, f"{kind} {given}", Section(facts(_command(), servers)))

    def say(self, text: str) -> None:
        self.console.log(f"{text} (load {os.getloadavg()[0]:.1f})")

    def render(self) -> None:
        plots = plot_all(self.figures.sections, self.docs / "benchmarks")
        (self.docs / "BENCHMARKS.md").write_text(page(self.figures.sections, plots), "utf-8")


@dataclass
class Chapter:
    """One section while it is measured."""

    book: Book
    key: str
    section: Section

    def add(self, run: int, row: str, values: Values) -> None:
        self.section.add(run, row, {column.name: value for column, value in values.items()})
        known = {column.name: value for column, value in values.items() if value is not None}
        told = ", ".join(f"{name} {written(value)}" for name, value in known.items())
        self.book.say(f"{self.key}, run {run + 1}, {row}: {told}")

    def save(self) -> None:
        self.book.figures.sections[self.key] = self.section
        self.book.figures.save()
        self.book.render()


def _command() -> str:
    """How to have it measured again: the command that runs now, with its options but defaults."""
    context = click.get_current_context()
    said = ["python -m tests.benchmarks", str(context.info_name)]
    for option in context.command.params:
        given = context.params.get(str(option.name))
        text = ",".join(map(str, given)) if isinstance(given, list) else str(given)
        if given is not None and text != str(option.default):
            said += [option.opts[0], text]
    return " ".join(said)
