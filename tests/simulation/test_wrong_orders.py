"""The simulation has teeth: with a wrong order of steps it finds a broken promise."""

from dataclasses import replace

import pytest

from tests.simulation.exploring import every_way
from tests.simulation.mutants import MUTANTS
from tests.simulation.plans import SMALL


@pytest.mark.parametrize("name", MUTANTS)
def test_it_finds(name: str) -> None:
    # given
    wrong = MUTANTS[name]

    # when
    found = every_way(replace(SMALL[wrong.shown_by], variation=wrong.variation))

    # expect
    assert found.violation is not None, f"{found.ways} ways kept the promises"
