"""What an engine is to the benchmarks: a program that turns requests into results, exactly once."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from streams.client import Till
from streams.settings import Settings
from tests.benchmarks.ground import Ground
from tests.benchmarks.measuring.processor import Parts


@dataclass(frozen=True)
class Course:
    """The way through an engine: its topics and its consumer group, by their names on the broker.

    The topics are there, and have the broker's stamps.
    """

    ground: Ground
    settings: Settings
    requests: str
    results: str
    group: str

    def till(self) -> Till:
        """What sends to it: lz4 for every engine."""
        return Till(self.settings, compression_type="lz4")


@dataclass(frozen=True)
class Program:
    """An engine at work. ``parts``: its processes and those of the servers it uses."""

    parts: Parts
    alive: Callable[[], bool]
    log: Callable[[], str]


class Engine(Protocol):
    """``run`` names one measurement of it: nothing that an earlier one left is used."""

    @property
    def name(self) -> str: ...

    def course(self, ground: Ground, run: str, /) -> AbstractContextManager[Course]: ...

    def running(self, course: Course) -> AbstractContextManager[Program]:
        """Started, maybe not ready yet; stopped at the end."""
        ...
