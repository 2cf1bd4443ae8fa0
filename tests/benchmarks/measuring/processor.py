"""Processor time of processes and of the machine, read from outside."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

#: Process ids of each part of an engine: its program, Redis, Kafka.
Parts = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Used:
    """Of a stretch of time: its length, processor seconds of each part, and how many cores were
    busy with anything else meanwhile, what measures included."""

    seconds: float
    by_part: dict[str, float]
    others_cores: float

    def each(self, decisions: int) -> dict[str, float]:
        """Microseconds of processor for one of so many decisions, by part."""
        return {part: 1e6 * seconds / decisions for part, seconds in self.by_part.items()}


@dataclass(frozen=True)
class Spent:
    """Processor seconds until a moment: of each part with all its threads, and of all."""

    at: float
    by_part: dict[str, float]
    whole_machine: float

    @classmethod
    def now(cls, parts: Parts) -> "Spent":
        by_part = {part: sum(map(_spent_by, pids)) for part, pids in parts.items()}
        machine = psutil.cpu_times()
        busy = sum(machine) - machine.idle - getattr(machine, "iowait", 0.0)
        return cls(time.monotonic(), by_part, float(busy))

    def since(self, before: "Spent") -> Used:
        """A part that wasn't there yet had used nothing."""
        used = {part: now - before.by_part.get(part, 0.0) for part, now in self.by_part.items()}
        seconds = max(self.at - before.at, 1e-3)
        others = self.whole_machine - before.whole_machine - sum(used.values())
        return Used(seconds, used, max(others, 0.0) / seconds)


def _spent_by(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
