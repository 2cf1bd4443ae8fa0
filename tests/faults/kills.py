"""Workers killed at random moments under a mixed load, then judged from the topics.

`python -m tests.faults.kills --requests 50000 --kills 20` runs as long as that takes.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from random import Random, randrange

from schemas.topics import DEAD_LETTERS, ISSUE, REDEEM
from state.ledger import Ledger
from streams.broker import producer
from streams.client import Place
from tests.faults.load import Load
from tests.faults.verifier import Verdict, Verifier
from tests.servers import servers
from tests.world import Addresses, Listener, World, organisation

#: A kill comes this long after outcomes are heard again, drawn evenly, and then between a decision
#: and its commit. Or, for this share of them, this long after the last: a worker may only start.
BUSY_S, COMMIT_S, STARTING, STARTING_S = 1.0, 0.012, 0.3, (0.2, 4.0)
#: Seconds that each kill takes, about.
CYCLE_S = 3.0
SILENCE_S = 30.0
PLACES = ("w0", "w1")


@dataclass(frozen=True)
class Plan:
    """So many SIGKILLs while so many requests come in, by chance of a ``seed``. In the second half
    workers run in two places, and each kill hits either."""

    requests: int
    kills: int
    seed: int

    @property
    def seconds(self) -> float:
        return (self.kills + 1) * CYCLE_S


@dataclass
class Report:
    plan: Plan
    verdict: Verdict
    kills: int
    seconds: float
    #: Longest time without an outcome, by how many kills fell into it.
    pauses_s: dict[int, float]

    def __str__(self) -> str:
        plan, verdict = self.plan, self.verdict
        found = [f"  {problem}" for problem in verdict.problems[:5]]
        return "\n".join(
            [
                f"seed {plan.seed}: {plan.requests:,} requests, {self.kills} kills, "
                f"{self.seconds:.0f} s",
                "longest pause without outcomes: " + self._pauses(),
                *(f"  {count:7,} {what}" for what, count in sorted(verdict.counts.items())),
                f"verdict: {len(verdict.problems)} violations",
                *found,
            ]
        )

    def _pauses(self) -> str:
        return ", ".join(
            f"{seconds:.1f} s with {kills} kills in it"
            for kills, seconds in sorted(self.pauses_s.items())
        )


class Run:
    """One plan, carried out on one organisation."""

    def __init__(self, plan: Plan, world: World) -> None:
        self._plan, self._world, self._chance = plan, world, Random(plan.seed)
        settings = world.settings
        self._ledger = Ledger(settings.redis_url, settings.topic_prefix)
        self._partitions = settings.partitions
        self._places: list[str] = []
        self._cycle_began = 0.0  # with the last kill
        self._next_kill: float | None = None  # None: once outcomes are heard again
        self._answered: set[Place] = set()
        self._seen = 0
        self._killed_at: list[float] = []
        self._pauses_s: dict[int, float] = {}

    def carry_out(self) -> Report:
        began = time.monotonic()
        self._start("w0")
        self._world.wait_until_ready()
        load = Load(self._plan.requests, self._chance, self._partitions)
        offers = self._world.ask(*load.offers())
        assert [said["outcome"] for said in offers] == ["accepted"] * 3
        self._feed(load)
        verdict = Verifier(
            self._world.settings.kafka_bootstrap_servers, self._world.settings.topic_prefix
        ).verify()
        unanswered = self._plan.requests - len(self._answered)
        verdict.expect(not unanswered, f"{unanswered} requests unanswered for {SILENCE_S:g} s")
        seconds = time.monotonic() - began
        return Report(self._plan, verdict, len(self._killed_at), seconds, self._pauses_s)

    def _feed(self, load: Load) -> None:
        """Until all kills are done, all requests sent and answered, or nothing comes any more."""
        settings = self._world.settings
        listener = Listener(settings, ISSUE.outcomes, REDEEM.outcomes, DEAD_LETTERS)
        till, records = producer(settings), load.records()
        sent, heard = 0, time.monotonic()
        self._begin_cycle()
        while len(self._answered) < self._plan.requests:
            now = time.monotonic()
            if now - heard > SILENCE_S:
                break
            for _, record in zip(range(self._due(now) - sent), records, strict=False):
                till.produce(
                    settings.topic(record.topic), record.value, record.key, record.partition
                )
                sent += 1
            till.poll(0)
            if self._learn(listener, load):
                self._note_pause(heard, now)
                heard = now
                self._next_kill = self._next_kill or now + self._chance.uniform(0, BUSY_S)
            if self._kills_left() and self._next_kill and now > self._next_kill:
                self._kill()
            self._expect_workers()
        assert till.flush(30) == 0
        listener.close()

    def _learn(self, listener: Listener, load: Load) -> bool:
        """Whether anything new was committed."""
        heard = listener.hear()
        for found in heard[self._seen :]:
            self._answered.add(found.source)
            if found.topic != self._world.settings.topic(DEAD_LETTERS):
                load.learn(found.content)
        news, self._seen = len(heard) > self._seen, len(heard)
        return news

    def _note_pause(self, since: float, until: float) -> None:
        """What was committed just before a kill is heard a little after it."""
        kills = sum(since - 0.5 < at < until for at in self._killed_at)
        self._pauses_s[kills] = max(self._pauses_s.get(kills, 0.0), until - since)

    def _expect_workers(self) -> None:
        for place in self._places:
            died = self._world.workers[place].poll() is not None
            assert not died, f"{place} died by itself:\n{self._world.log(place)[-3000:]}"

    def _kill(self) -> None:
        place = self._chance.choice(self._places)
        self._wait_for_a_decision()
        self._world.kill(place)
        self._killed_at.append(time.monotonic())
        self._start(place)
        if len(self._killed_at) == self._plan.kills // 2 and "w1" not in self._places:
            self._start("w1")
        self._begin_cycle()

    def _wait_for_a_decision(self) -> None:
        """Until Redis has one more, if it comes soon, and some milliseconds of its commit."""
        before, latest = self._decided(), time.monotonic() + BUSY_S
        while self._decided() == before and time.monotonic() < latest:
            pass
        time.sleep(self._chance.uniform(0, COMMIT_S))

    def _decided(self) -> list[int | None]:
        places = ((lane, p) for lane in ("issue", "redeem") for p in range(self._partitions))
        return [self._ledger.applied(lane, partition) for lane, partition in places]

    def _begin_cycle(self) -> None:
        self._cycle_began = now = time.monotonic()
        soon = self._chance.random() < STARTING
        self._next_kill = now + self._chance.uniform(*STARTING_S) if soon else None

    def _due(self, now: float) -> int:
        """How many requests by now: each kill is met by its share of them, the last comes after."""
        plan, part = self._plan, min(1.0, (now - self._cycle_began) / CYCLE_S)
        return int(plan.requests * (len(self._killed_at) + part) / (plan.kills + 1))

    def _kills_left(self) -> int:
        return self._plan.kills - len(self._killed_at)

    def _start(self, place: str) -> None:
        self._world.start(place, PLACES.index(place), ready=False)
        if place not in self._places:
            self._places.append(place)


def run(plan: Plan, addresses: Addresses) -> Report:
    """Raises AssertionError where workers don't come to an end of it."""
    world = World(organisation(addresses, "kills"))
    try:
        return Run(plan, world).carry_out()
    finally:
        world.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--requests", type=int, default=50_000)
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--seed", type=int, default=randrange(1_000_000))
    chosen = options.parse_args()
    plan = Plan(chosen.requests, chosen.kills, chosen.seed)
    print(f"seed {plan.seed}, about {plan.seconds:.0f} s", flush=True)
    with servers() as addresses:
        report = run(plan, addresses)
    print(report)
    sys.exit(1 if report.verdict.problems else 0)


if __name__ == "__main__":
    main()
