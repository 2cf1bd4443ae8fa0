"""The verifier goes red: a real run's topics and ledger, copied, with one thing altered."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from redis import Redis

from streams.broker import ensure_topics
from tests.faults.altered_ledger import ALTERED_LEDGER, Place, closed
from tests.faults.altered_losses import (
    count_one_more,
    opened_at,
    resting_before,
    with_a_loss,
)
from tests.faults.altered_topics import ALTERED
from tests.faults.copied_run import CopiedRun, Copies, base_of
from tests.faults.decisions import milliseconds_of
from tests.faults.load import Load, reminders
from tests.faults.small_run import ask_for_every_kind, carry_out, remind
from tests.faults.topics_seen import Topics
from tests.faults.verifier import Verdict, Verifier
from tests.servers import Servers
from tests.world import World, organisation

REQUESTS, SEED, PARTITIONS = 400, 7, 2


class Corner(NamedTuple):
    servers: Servers
    run: CopiedRun
    copies: Copies
    sound: str  # prefix of a copy whose topics are as they were

    def verdict(self, prefix: str, with_ledger: bool = True) -> Verdict:
        redis_url = self.servers.redis_url if with_ledger else None
        return Verifier(self.servers.kafka_bootstrap_servers, prefix, redis_url).verify()

    def verdict_on(self, run: CopiedRun, with_ledger: bool = False) -> Verdict:
        with self.copies.laid(run) as prefix:
            return self.verdict(prefix, with_ledger)


@pytest.fixture(scope="module")
def corner(running_servers: Servers) -> Iterator[Corner]:
    settings = organisation(running_servers, "verified").model_copy(
        update={"partitions": PARTITIONS}
    )
    world = World(settings)
    try:
        ensure_topics(settings)
        world.start()
        some_minutes_ago = datetime.now(ZoneInfo(settings.time_zone)) - timedelta(minutes=5)
        load = Load(REQUESTS, Random(SEED), PARTITIONS, True, reminders(some_minutes_ago, 1))
        world.ask(*load.offers())
        ask_for_every_kind(world)
        carry_out(world, load)
        remind(world)
    finally:
        world.close()
    seen = Topics(settings.kafka_bootstrap_servers, settings.topic_prefix).see()
    copies = Copies(settings.kafka_bootstrap_servers, settings.redis_url, settings.topic_prefix)
    run = CopiedRun.of(seen)
    with copies.laid(run) as sound:
        yield Corner(running_servers, run, copies, sound)


def test_a_sound_run_has_no_problem(corner: Corner) -> None:
    # when
    verdict = corner.verdict(corner.sound)

    # expect
    assert verdict.problems == []
    assert verdict.counts["lost"] == verdict.counts["in doubt"] == verdict.counts["undone"] == 0
    assert verdict.issued["capped"] == REQUESTS // 16
    assert verdict.standing["capped"] == REQUESTS // 32
    for kind in ("dead letters", "replayed", "issue gap_not_elapsed", "redeem gap_not_elapsed",
                 "reverse accepted", "revoke accepted", "redeem coupon_revoked", "edit accepted",
                 "redeem not_started", "issue request_id_conflict", "reminders"):  # fmt: skip
        assert verdict.counts[kind] > 0, kind


@pytest.mark.parametrize(("alter", "named"), ALTERED)
def test_one_record_that_is_wrong_is_named(
    corner: Corner, alter: Callable[[CopiedRun], None], named: str
) -> None:
    # given
    run = corner.run.fork()
    alter(run)

    # when
    verdict = corner.verdict_on(run)

    # expect
    assert [problem for problem in verdict.problems if named in problem], verdict


def test_a_transaction_left_open_is_named(corner: Corner) -> None:
    with corner.copies.laid(corner.run) as prefix:
        # given
        abort = corner.copies.open_transaction(f"{prefix}issue.outcomes")

        # when
        verdict = corner.verdict(prefix)
        abort()

    # expect
    assert len(verdict.problems) == 1, verdict
    assert verdict.problems[0].startswith("issue.outcomes: open at")


def test_requests_above_what_is_committed_are_undone_and_no_problem(corner: Corner) -> None:
    # given
    run = corner.run.fork()
    run.rows["issue.requests"].append(run.rows["issue.requests"][0])

    # when
    verdict = corner.verdict_on(run, with_ledger=True)

    # expect
    assert verdict.problems == []
    assert verdict.counts["undone"] == 1


# What Redis lost before it was committed ---------------------------------------------------------


def test_what_was_lost_is_listed_and_what_rests_on_it_is_in_doubt(corner: Corner) -> None:
    # given
    loss = with_a_loss(corner.run)
    opened = milliseconds_of(loss.resting[-3].said["decided_at"])
    opened_at(loss.run, opened)
    doubtful = resting_before(loss, opened)
    for row in doubtful:
        count_one_more(loss.run, row)

    # when
    verdict = corner.verdict_on(loss.run)

    # expect
    assert verdict.problems == []
    assert verdict.lost == [f"offer several: {loss.number} lost"]
    assert verdict.counts["in doubt"] == len(doubtful) > 2


def test_after_the_ledger_was_opened_anew_nothing_rests_on_what_was_lost(corner: Corner) -> None:
    # given
    loss = with_a_loss(corner.run)
    opened_at(loss.run, milliseconds_of(loss.resting[-3].said["decided_at"]))
    count_one_more(loss.run, loss.resting[-1])

    # when
    verdict = corner.verdict_on(loss.run)

    # expect
    assert len(verdict.problems) == 1, verdict
    assert "totals.offer" in verdict.problems[0]


@pytest.mark.parametrize("waiting", [True, False])
def test_what_waits_through_an_opening_may_be_lost_at_the_next(
    corner: Corner, waiting: bool
) -> None:
    # given: two openings, and one that still rests on what was lost between them
    loss = with_a_loss(corner.run)
    moments = sorted({milliseconds_of(row.said["decided_at"]) for row in loss.resting})
    first, second = moments[1], moments[-1]
    opened_at(loss.run, first)
    opened_at(loss.run, second)
    between = [
        row for row in loss.resting
        if first <= milliseconds_of(row.said["decided_at"]) < second
        and row not in resting_before(loss, first) and row in resting_before(loss, second)
    ]  # fmt: skip
    count_one_more(loss.run, between[0])
    stamp_ms = 1 if waiting else second + 60_000
    for row in loss.run.decisions("several"):
        if milliseconds_of(row.said["decided_at"]) >= second:
            loss.run.request_of(row).stamp_ms = stamp_ms

    # when
    verdict = corner.verdict_on(loss.run)

    # expect
    assert verdict.counts["in doubt"] == waiting, verdict
    assert len(verdict.problems) == (not waiting), verdict


def test_no_more_rests_on_what_was_lost_than_was_lost(corner: Corner) -> None:
    # given
    loss = with_a_loss(corner.run)
    opened_at(loss.run, milliseconds_of(loss.resting[-1].said["decided_at"]) + 1)
    count_one_more(loss.run, loss.resting[0])
    count_one_more(loss.run, loss.resting[0])

    # when
    verdict = corner.verdict_on(loss.run)

    # expect
    assert len(verdict.problems) == 1, verdict
    assert "totals.offer" in verdict.problems[0]


# Redis -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("alter", "named"), ALTERED_LEDGER)
def test_one_thing_that_is_wrong_in_redis_is_named(
    corner: Corner, alter: Callable[[Place], None], named: str
) -> None:
    # given
    alter(Place(Redis.from_url(corner.servers.redis_url), base_of(corner.sound)))

    # when
    verdict = corner.verdict(corner.sound)
    corner.copies.lay_ledger(corner.sound)

    # expect
    assert [problem for problem in verdict.problems if named in problem], verdict


# Itself ------------------------------------------------------------------------------------------


def test_it_shares_no_code_with_what_it_judges() -> None:
    # when
    code = "import sys, tests.faults.verifier; print(*{name.split('.')[0] for name in sys.modules})"
    names = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    # expect
    assert "tests" in names
    assert not {"schemas", "state", "streams", "deploy"} & set(names)


def test_as_a_program_it_prints_the_verdict_and_exits_by_it(corner: Corner) -> None:
    # given
    servers = corner.servers
    command = [
        sys.executable, "-m", "tests.faults.verifier", "--kafka", servers.kafka_bootstrap_servers,
        "--redis", servers.redis_url, "--prefix", corner.sound,
    ]  # fmt: skip

    # when
    sound = subprocess.run(command, capture_output=True, text=True)
    closed(Place(Redis.from_url(servers.redis_url), base_of(corner.sound)))
    harmed = subprocess.run(command, capture_output=True, text=True)
    corner.copies.lay_ledger(corner.sound)

    # expect
    assert (sound.returncode, harmed.returncode) == (0, 1), sound.stderr + harmed.stderr
    assert "verdict: 0 violations" in sound.stdout
    assert "the ledger is closed" in harmed.stdout
