"""Exactly once, whatever dies: a separate verifier judges from the topics."""

from random import randrange

from tests.faults.kills import Plan, run
from tests.servers import Servers


def test_no_kill_loses_or_doubles_a_decision(running_servers: Servers) -> None:
    # given
    plan = Plan(requests=6_000, kills=8, seed=randrange(1_000_000))

    # when
    report = run(plan, running_servers)
    print(report)  # with its seed, where the test fails

    # expect
    counts, verdict = report.verdict.counts, report.verdict
    assert verdict.problems == []
    assert report.kills == plan.kills
    assert counts["replayed"] > 0
    assert counts["dead letters"] > 0
    assert counts["reverse accepted"] > 0
    assert counts["issue offer_limit_reached"] > 0
    assert counts["redeem offer_limit_reached"] > 0
    assert verdict.issued["capped"] == plan.requests // 16
    assert verdict.standing["capped"] == plan.requests // 32
