"""What a fault is: a story, told step after step while the load goes on."""

from collections.abc import Callable, Generator
from typing import NamedTuple

from tests.faults.scene import Scene

#: Seconds to wait, or a condition to wait for.
Step = float | Callable[[], bool]
Story = Generator[Step, None, None]
Teller = Callable[[Scene], Story]


class Kind(NamedTuple):
    """``needs``: what no other fault may touch meanwhile. ``of_ours``: there is no such thing where
    workers have no points to be met at, no places, or no Redis."""

    name: str
    story: Teller
    needs: frozenset[str]
    of_ours: bool = False


KINDS: dict[str, Kind] = {}


def add(name: str, story: Teller, *needs: str, of_ours: bool = False) -> None:
    KINDS[name] = Kind(name, story, frozenset(needs), of_ours or "redis" in needs)


def kind(*needs: str, of_ours: bool = False) -> Callable[[Teller], Teller]:
    """A story whose name says what happens."""

    def note(story: Teller) -> Teller:
        name = story.__name__.replace("_", " ")
        add(name, story, *needs, of_ours=of_ours)
        return story

    return note
