"""Exactly once, whatever fails: 80 seconds of faults, judged by a program of its own."""

from pathlib import Path
from random import randrange

import pytest

from tests.faults.driver import Plan, run
from tests.faults.stand import Stand


@pytest.mark.timeout(600)
def test_no_fault_loses_or_doubles_a_decision(tmp_path: Path) -> None:
    # given
    plan = Plan(seconds=80, seed=randrange(1_000_000))
    stand = Stand(tmp_path)

    # when
    try:
        report = run(stand, plan)
    finally:
        stand.close()
    print(report)  # with its seed, where the test fails

    # expect
    verdict, counts = report.verdict, report.verdict.counts
    assert verdict.problems == []
    assert report.lacks == []
    assert counts["replayed"] > 0
    assert counts["dead letters"] > 0
    assert counts["reverse accepted"] > 0
    assert verdict.issued["capped"] == plan.requests // 16
    assert verdict.standing["capped"] == plan.requests // 32
