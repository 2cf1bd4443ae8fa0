"""The engine that this is all about: real workers of one organisation, with everything on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from schemas.topics import REDEEM, Lane
from tests.benchmarks.engines.engine import Course, Program
from tests.benchmarks.ground import Ground
from tests.world import World

NAME = "redeemonce"


@dataclass(frozen=True)
class Ours:
    """Its ledger stays between two runs: coupons that were issued in one are redeemed in another.

    A worker that still runs is stopped before the course is handed out.
    """

    world: World
    lane: Lane = REDEEM
    workers: int = 1
    name: str = NAME

    @contextmanager
    def course(self, ground: Ground, _: str) -> Iterator[Course]:
        self.stop()
        settings = self.world.settings
        requests, results = settings.topic(self.lane.requests), settings.topic(self.lane.outcomes)
        yield Course(ground, settings, requests, results, settings.group(self.lane))

    @contextmanager
    def running(self, course: Course) -> Iterator[Program]:
        places = [f"w{number}" for number in range(self.workers)]
        for number, place in enumerate(places):
            self.world.start(place, number, ready=False)
        processes = [self.world.workers[place] for place in places]
        yield Program(
            {"program": [each.pid for each in processes], **course.ground.servers},
            lambda: all(each.poll() is None for each in processes),
            lambda: "\n".join(map(self.world.log, places)),
        )
        for number, place in enumerate(places):
            self.world.wait_until_ready(place, number)
        self.stop()

    def stop(self) -> None:
        for place, process in self.world.workers.items():
            if process.poll() is None:
                self.world.stop(place)
