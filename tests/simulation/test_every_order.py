"""Whatever comes in between, each request has one outcome and every promise of it holds."""

import pytest

from tests.simulation.exploring import Findings, by_chance, every_way
from tests.simulation.plans import SMALL, drawn

SEEDS = 2000
#: What a trace says of each fault, of what comes by itself, and of what is answered to them.
SIGNS = (
    *("is killed", "is frozen", "loses all", "loses 1", "is edited"),
    *("(lost)", "(away)", "(slow)", "(cut)", "(late)", "(refused)", "(refused on and on)"),
    *("goes on", "is started", "started for", "the session of", "the transaction of"),
    *("the lock of", "markers of", "'revoke'", "'lost'", "'fenced'", "merge", "abort"),
    *("CLOSED", "FENCED", "STALE", "SKIPPED", "FATAL", "UNKNOWN_MEMBER_ID", "FENCED_INSTANCE_ID"),
)


@pytest.mark.parametrize("name", SMALL)
def test_every_way_of_a_small_world_keeps_the_promises(name: str) -> None:
    # when
    found = every_way(SMALL[name])

    # expect
    assert found.violation is None, found.told()
    assert found.ways > 50


@pytest.fixture(scope="module")
def by_seed() -> list[Findings]:
    return [by_chance(drawn(seed), seed) for seed in range(SEEDS)]


def test_ways_of_larger_worlds_by_chance_keep_the_promises(by_seed: list[Findings]) -> None:
    for seed, found in enumerate(by_seed):
        again = f"python -m tests.simulation --seeds 1 --seed {seed}"
        assert found.violation is None, f"{again}\n{found.told()}"


def test_a_seed_goes_the_same_way_again(by_seed: list[Findings]) -> None:
    for seed, found in enumerate(by_seed[:50]):
        assert by_chance(drawn(seed), seed).trace == found.trace


@pytest.mark.parametrize("sign", SIGNS)
def test_the_ways_by_chance_come_by(sign: str, by_seed: list[Findings]) -> None:
    """Guards against worlds that are quiet because nothing happens in them."""
    assert any(sign in line for found in by_seed for line in found.trace)
