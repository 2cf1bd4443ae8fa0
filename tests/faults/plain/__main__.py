"""What the same load and faults do to plain Faust with `exactly_once`: it prints the figures.

`python -m tests.faults.plain --seconds 120 --seed 7`, beside `python -m tests.faults.driver` with
the same. Faults that need Redis, or a point or a place of our workers, are left out. With `--calm`
there are none at all: what is then beyond a limit comes of how Tables are parted, not of a fault.
"""

from collections.abc import Iterator
from random import Random

from tests.faults.driver import Subject, options, rounds, schedule
from tests.faults.kinds import KINDS, Kind, Story
from tests.faults.load import Load
from tests.faults.plain.judge import judge
from tests.faults.plain.world import PlainWorld
from tests.faults.report import Evidence
from tests.faults.scene import Scene
from tests.faults.verifier import Verdict
from tests.world import World

#: Seconds. What it lost is not waited for, before the next fault.
_PATIENCE_S = 20.0
_ITS_KINDS = sorted(name for name, kind in KINDS.items() if not kind.of_ours)


def _its_schedule(chance: Random) -> Iterator[Kind]:
    """The driver's, without what doesn't exist here."""
    return (kind for kind in schedule(chance) if not kind.of_ours)


def _nothing(_scene: Scene) -> Story:
    yield 1.0


def _calm(_chance: Random) -> Iterator[Kind]:
    while True:
        yield Kind("nothing", _nothing, frozenset(), of_ours=False)


def _make_offers(world: World, load: Load) -> None:
    assert isinstance(world, PlainWorld)
    world.make_offers([request["offer"] for request in load.offers()])


def _verify(seen: Evidence) -> Verdict:
    assert isinstance(seen.world, PlainWorld)
    verdict = judge(seen.settings, seen.world.group, seen.world.offers())
    verdict.counts["workers that ended by themselves"] = seen.world.ended.total()
    verdict.counts["workers not ready at the end"] = len(seen.world.not_ready)
    return verdict


PLAIN = Subject(PlainWorld, _make_offers, _verify, schedule=_its_schedule, patience_s=_PATIENCE_S)


def main() -> None:
    parser = options(__doc__.partition("\n")[0], _ITS_KINDS)
    parser.add_argument("--calm", action="store_true", help="no fault at all")
    chosen = vars(parser.parse_args())
    subject = PLAIN._replace(schedule=_calm) if chosen.pop("calm") else PLAIN
    rounds(**chosen, subject=subject)


if __name__ == "__main__":
    main()
