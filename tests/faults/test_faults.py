"""Exactly once, whatever fails: 80 seconds of faults, judged by a program of its own."""

from pathlib import Path
from random import randrange

import pytest

from tests.faults.driver import Plan, until_shown
from tests.faults.report import lacking
from tests.faults.stand import Stand

#: Of faults, in each of so many rounds at the most.
SECONDS, ROUNDS = 80, 3


@pytest.mark.timeout(900)
def test_no_fault_loses_or_doubles_a_decision(tmp_path: Path) -> None:
    # given
    stand = Stand(tmp_path)

    # when: with its seed and its story printed, where the test fails
    try:
        reports = until_shown(stand, SECONDS, randrange(1_000_000), ROUNDS)
    finally:
        stand.close()

    # expect
    problems = [problem for report in reports for problem in report.verdict.problems]
    assert problems == []
    assert lacking(reports) == []
    requests = Plan(SECONDS, seed=0).requests
    for report in reports:
        verdict, counts = report.verdict, report.verdict.counts
        assert counts["dead letters"] > 0
        assert counts["reverse accepted"] > 0
        assert verdict.issued["capped"] == requests // 16
        assert verdict.standing["capped"] == requests // 32
    assert any(report.verdict.counts["replayed"] > 0 for report in reports)
