"""Every kind of fault there is, while tills go on sending; then judged from topics and Redis.

`python -m tests.faults.driver --seconds 120 --seed 7` prints the seed, the faults as they happen,
and what they did. A seed makes the schedule and the load; what meets what is the machine's choice.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from math import inf
from pathlib import Path
from random import Random, randrange
from tempfile import TemporaryDirectory
from typing import NamedTuple
from zoneinfo import ZoneInfo

from streams.cli.common import ledger_of
from streams.settings import Settings
from tests.faults.kinds import KINDS, Kind, Story
from tests.faults.load import Load, reminders
from tests.faults.report import Evidence, Fault, Missed, Report, lacking
from tests.faults.scene import Scene
from tests.faults.stand import Stand
from tests.faults.topics_seen import Topics
from tests.faults.traffic import Traffic
from tests.faults.verifier import Verdict, Verifier
from tests.world import World, organisation, wait_for

#: Requests a second: what two cores do beside three workers, their servers and who watches.
RATE = 150
#: Seconds. What a story waits for comes within this, or didn't happen.
STORY_S = 40.0
#: No outcome for so long, while some are due, ends a run.
SILENCE_S = 90.0
#: How long what comes after the load may take, and between two looks at that.
_REST_S, _LOOK_S = 120.0, 0.2
#: Of each worker, where a run comes to no end.
_LOG_LINES = 30
#: After a fault's end, until the next one. This share of them meets another one.
CALM_S, TOGETHER = (0.3, 2.0), 0.25
#: Of one that doesn't come about.
_TRIES = 3
#: What every run begins with, however slow the machine is: so it has every way in which a worker is
#: turned away, and records that nobody committed.
FIRST = (
    "worker killed with its outcomes sent", "worker frozen before script",
    "redis lost its progress",
)  # fmt: skip
#: Then these.
ALWAYS = (
    "worker killed after script", "worker killed after offsets", "redis flushed",
    "redis lost its last seconds", "broker killed",
)  # fmt: skip


def schedule(chance: Random) -> Iterator[Kind]:
    """Those of `FIRST` in some order, those of `ALWAYS`, then all others, then any."""
    for names in (FIRST, ALWAYS, sorted(set(KINDS) - {*FIRST, *ALWAYS})):
        yield from (KINDS[name] for name in chance.sample(names, len(names)))
    while True:
        yield KINDS[chance.choice(sorted(KINDS))]


@dataclass
class Going:
    """A story that goes on. It waits for a condition, until ``latest``. ``late_at``: the line where
    that was first in vain."""

    kind: Kind
    story: Story
    began: float
    condition: Callable[[], bool]
    latest: float
    happened: bool = True
    late_at: int = 0


class Faults:
    """Tells the stories, one or two at a time; ``calm`` says whether all is well again."""

    def __init__(self, kinds: Iterator[Kind], scene: Scene, say: Callable[[str], None]) -> None:
        self._kinds, self._scene, self._say = kinds, scene, say
        self._next_kind = next(kinds)
        self._chance = scene.chance
        self._beside: float | None = None  # when a second one comes
        self._over_at: float | None = None
        self.going: list[Going] = []
        self.done: list[Fault] = []
        self.missed: list[Missed] = []
        self.ended = self._next = time.monotonic()

    def go_on(self, calm: bool, over: bool) -> None:
        now = time.monotonic()
        if over and self._over_at is None:
            self._over_at = now
        # Without load some stories wait for what will never come.
        too_late = self._over_at is not None and now > self._over_at + STORY_S / 2
        for one in tuple(self.going):
            late = now > one.latest or too_late
            if late or one.condition():
                if late and one.happened:
                    one.happened, one.late_at = False, one.story.gi_frame.f_lineno
                self._step(one, now)
        if over:
            return
        if self.going and self._beside is not None and now > self._beside:
            self._beside = None
            self._begin(now)
        elif not self.going and calm and now > self._next:
            self._begin(now)
            if self._chance.random() < TOGETHER:
                self._beside = now + self._chance.uniform(0.2, 4.0)

    def _begin(self, now: float) -> None:
        kind = self._next_kind
        if any(kind.needs & other.kind.needs for other in self.going):
            return
        self._next_kind = next(self._kinds)
        self._say(("beside it: " if self.going else "") + kind.name)
        self.going.append(Going(kind, kind.story(self._scene), now, lambda: True, now + STORY_S))

    def _step(self, one: Going, now: float) -> None:
        step = next(one.story, None)
        if step is None:
            self.going.remove(one)
            if one.happened:
                self.done.append(Fault(one.kind.name, one.began, now))
            else:
                self.missed.append(Missed(one.kind.name, one.late_at))
                tries = sum(missed.kind == one.kind.name for missed in self.missed)
                if tries < _TRIES:  # once more, soon
                    self._kinds = chain([one.kind], self._kinds)
            self.ended, self._next = now, now + self._chance.uniform(*CALM_S)
        elif callable(step):
            one.condition, one.latest = step, now + STORY_S
        else:
            one.condition, one.latest = partial(_passed, now + step), now + step + STORY_S


def _passed(moment: float) -> bool:
    return time.monotonic() >= moment


class Plan(NamedTuple):
    """``rate``: requests a second, for so many ``seconds``."""

    seconds: float
    seed: int
    rate: float = RATE

    @property
    def requests(self) -> int:
        return int(self.seconds * self.rate)


class Subject(NamedTuple):
    """What the faults happen to, and who says what harm they did.

    ``begin``: what comes before the load. ``wide``: as `Load` takes it; ``needed``: as `Report`.
    ``patience_s``: how long a fault waits for the outcomes that the one before it delayed.
    """

    world: Callable[[Settings], World]
    begin: Callable[[World, Load], None]
    verify: Callable[[Evidence], Verdict]
    wide: bool = False
    needed: tuple[str, ...] = ()
    schedule: Callable[[Random], Iterator[Kind]] = schedule
    patience_s: float = inf


def make_offers(world: World, load: Load) -> None:
    offers = world.ask(*load.offers())
    assert {said["outcome"] for said in offers} == {"accepted"}, offers


def verify(seen: Evidence) -> Verdict:
    """By topics and Redis; then by the project's own audit, too."""
    settings = seen.settings
    topics = Topics(settings.kafka_bootstrap_servers, settings.topic_prefix)
    # Reminders are asked for after the load, too, and a loss may come when all else is decided.
    ledger = ledger_of(settings)
    wait_for("an open ledger", ledger.is_open, _REST_S, _LOOK_S)
    try:
        wait_for("every request decided", lambda: not topics.undecided(), _REST_S, _LOOK_S)
    except AssertionError as late:
        late.add_note(f"{topics.undecided()}\n{last_words(seen.world)}")
        raise
    verdict = Verifier(
        settings.kafka_bootstrap_servers, settings.topic_prefix, settings.redis_url
    ).verify()
    audit = seen.world.run("audit", "--json")
    if audit.returncode != 0:
        verdict.problems.append(f"audit: {audit.stdout[-1500:]} {audit.stderr[-1500:]}")
    return verdict


def last_words(world: World) -> str:
    """How the logs of its workers end."""
    logs = ((place, world.log(place).splitlines()[-_LOG_LINES:]) for place in world.workers)
    return "\n".join(line for place, lines in logs for line in (f"{place}:", *lines))


OURS = Subject(
    World,
    make_offers,
    verify,
    wide=True,
    needed=("FENCED", "CLOSED", "BEHIND", "replays", "aborted records"),
)


def run(
    stand: Stand,
    plan: Plan,
    kinds: Iterable[Kind] = (),
    say: Callable[[str], None] = print,
    subject: Subject = OURS,
) -> Report:
    """A plan's faults on an organisation of its own. ``kinds``: these instead of its schedule."""
    direct = organisation(stand.direct, "faults")
    world = subject.world(direct.model_copy(update=stand.proxied._asdict()))
    scene = Scene(stand, world, Random(plan.seed))
    try:
        for place in scene.places:
            scene.start(place)
        scene.wait_until_ready()
        wanted = reminders(datetime.now(ZoneInfo(direct.time_zone)), minutes=15)
        load = Load(
            plan.requests, Random(plan.seed), direct.partitions, subject.wide,
            wanted if subject.wide else None,
        )  # fmt: skip
        subject.begin(world, load)
        traffic = Traffic(direct, load, plan.rate, plan.seconds)
        faults = Faults(iter(kinds) if kinds else subject.schedule(Random(plan.seed)), scene, say)
        began = time.monotonic()
        _carry_out(traffic, faults, scene, subject.patience_s)
        seconds = time.monotonic() - began
        traffic.close()
        scene.wait_until_ready()
        settings = direct.model_copy(update={"redis_url": stand.direct.redis_url})
        seen = Evidence(
            settings, world, plan.seed, seconds, traffic.sent, faults.done, faults.missed,
            traffic.waits, len(traffic.unanswered),
        )  # fmt: skip
        verdict = subject.verify(seen)
        verdict.expect(not seen.unanswered, f"{seen.unanswered} requests without an answer")
        return Report(seen, seen.counted(), verdict, subject.needed)
    finally:
        world.close()


def _carry_out(traffic: Traffic, faults: Faults, scene: Scene, patience_s: float) -> None:
    """Until all is sent, done and answered, or nothing comes any more."""
    while not (traffic.is_over and not faults.going and traffic.all_answered):
        traffic.go_on()
        long_ago = time.monotonic() > faults.ended + patience_s
        faults.go_on(long_ago or traffic.answered_until(faults.ended), traffic.is_over)
        if not faults.going:
            scene.expect_workers()
            silent_s = time.monotonic() - max(traffic.heard_at, faults.ended)
            if silent_s > SILENCE_S and not traffic.all_answered:
                return


def until_shown(stand: Stand, seconds: float, seed: int, most: int) -> list[Report]:
    """Rounds one after the other, ``most`` at the most, until together they had all that must come
    about, or one found something: on a slow machine a story may come to nothing."""
    reports: list[Report] = []
    while len(reports) < most:
        reports.append(run(stand, Plan(seconds, seed + len(reports))))
        print(reports[-1])
        if reports[-1].verdict.problems or not lacking(reports):
            break
    return reports


def rounds(
    seconds: float,
    seed: int,
    minutes: float,
    only: Iterable[str],
    rate: float,
    subject: Subject,
) -> list[Report]:
    """One round for each seed from this one on, on one stand, until the minutes are over."""
    until, say = time.monotonic() + minutes * 60, partial(print, flush=True)
    reports: list[Report] = []
    kinds = [KINDS[name] for name in only] * 1_000
    with TemporaryDirectory(prefix="redeemonce-faults-") as folder:
        stand = Stand(Path(folder))
        try:
            while not reports or time.monotonic() < until:
                plan = Plan(seconds, seed + len(reports), rate)
                say(f"seed {plan.seed}")
                reports.append(run(stand, plan, kinds, say, subject))
                say(str(reports[-1]))
        finally:
            stand.close()
    return reports


def options(description: str, kinds: Iterable[str] = KINDS) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--seconds", type=float, default=120, help="of a round")
    made.add_argument("--minutes", type=float, default=0, help="rounds until then; else one")
    made.add_argument("--seed", type=int, default=randrange(1_000_000), help="of the first round")
    made.add_argument("--rate", type=float, default=RATE, help="requests a second")
    made.add_argument("--only", action="append", default=[], choices=sorted(kinds))
    return made


def main() -> None:
    chosen = options(__doc__.partition("\n")[0]).parse_args()
    reports = rounds(**vars(chosen), subject=OURS)
    harmed = [report.evidence.seed for report in reports if not report.is_sound]
    print(f"seeds that found something: {harmed or 'none'}")
    sys.exit(1 if harmed else 0)


if __name__ == "__main__":
    main()
