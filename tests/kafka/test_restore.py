"""What a restore does with what it finds in Redis, and how far back it looks in the topics."""

from collections.abc import Iterator
from typing import Any

import msgpack
import orjson
import pytest

from schemas.topics import ISSUE
from state.ledger import Fenced, Ledger
from streams.broker import ensure_topics, producer
from streams.recovery import Restored, restore
from streams.recovery.places import announce_epoch, newest_epoch
from streams.recovery.reading import bounds_from, outcomes_from, source_of
from streams.settings import Settings
from tests.ledger.copies import copy_of, put_back
from tests.ledger.held import content
from tests.servers import Servers
from tests.world import World, create, issue, organisation, redeem

TOKEN = "the restorer of the tests"


class Found:
    """An organisation whose worker has done some work, and is stopped."""

    def __init__(self, world: World) -> None:
        self.world, self.settings = world, world.settings
        self.ledger = Ledger(self.settings.redis_url, self.settings.topic_prefix)
        self.work(create("o", issue={"max_total": 1_000}))
        self.codes = [one["code"] for one in self.work(*(issue(f"c-{n}") for n in range(9)))]
        self.redeem(8)

    def work(self, *requests: dict[str, Any]) -> list[dict[str, Any]]:
        self.world.start()
        said = self.world.ask(*requests)
        self.world.stop()
        return said

    def redeem(self, *numbers: int) -> None:
        asked = (redeem(self.codes[n], f"c-{n}", request_id=f"r-{n}") for n in numbers)
        assert {one["reason"] for one in self.work(*asked)} == {None}

    def restore(self, **more: Any) -> Restored:
        assert self.ledger.lock_for_restore(TOKEN, 60)
        try:
            return restore(self.settings, self.ledger, TOKEN, **more)
        finally:
            self.ledger.unlock(TOKEN)


@pytest.fixture(scope="module")
def made(running_servers: Servers) -> Iterator[Found]:
    world = World(organisation(running_servers, "restore"))
    try:
        yield Found(world)
    finally:
        world.close()


def test_a_ledger_that_lacks_nothing_is_opened_as_it_is(made: Found) -> None:
    epoch = made.ledger.epoch()
    restored = made.restore()
    assert (restored.source, restored.outcomes) == ("whole", 0)
    assert made.ledger.epoch() == newest_epoch(made.settings) == epoch + 1
    assert made.ledger.is_open()


def test_after_a_loss_only_what_was_lost_is_merged(made: Found) -> None:
    # given
    copy = copy_of(made.ledger)
    made.redeem(0, 1)
    whole = content(made.ledger)

    # when
    put_back(made.ledger, copy)
    restored = made.restore()

    # expect
    assert (restored.source, restored.outcomes) == ("kept", 2)
    assert content(made.ledger) == whole


def test_without_anything_all_is_merged(made: Found) -> None:
    # given
    whole = content(made.ledger)
    count = sum(offset for _, offset in chains(made.ledger))

    # when
    made.ledger.wipe()
    restored = made.restore()

    # expect
    assert (restored.source, restored.outcomes) == ("nothing", count)
    assert content(made.ledger) == whole


def test_a_ledger_that_lost_how_far_a_partition_is_decided_is_made_anew(made: Found) -> None:
    """Nothing would say what of its outcomes is there."""
    # given
    whole = content(made.ledger)
    lost, _ = next(one for one in chains(made.ledger) if one[1] > 0)

    # when
    made.ledger.client.delete(lost)
    restored = made.restore()

    # expect
    assert restored.source == "nothing"
    assert content(made.ledger) == whole


def test_an_old_copy_is_kept_where_its_decisions_are_the_committed_ones(made: Found) -> None:
    # given
    copy = copy_of(made.ledger)
    made.restore()
    made.redeem(2)
    made.restore()
    whole = content(made.ledger)

    # when
    put_back(made.ledger, copy)
    restored = made.restore()

    # expect
    assert (restored.source, restored.outcomes) == ("kept", 1)
    assert content(made.ledger) == whole


@pytest.mark.parametrize(
    ("field", "other"), [(0, "gap_not_elapsed"), (1, 77), (3, 1_795_262_400_000)]
)
def test_an_old_copy_whose_requests_were_decided_another_way_since_is_not_kept(
    made: Found, field: int, other: Any
) -> None:
    # given
    made.redeem(3 + {0: 0, 1: 1, 3: 2}[field])
    name, decided = stored(made.ledger)
    decided[field] = other
    rewrite(made.ledger, name, decided)
    copy = copy_of(made.ledger)
    made.restore()
    whole = content(made.ledger)

    # when
    put_back(made.ledger, copy)
    restored = made.restore()

    # expect
    assert restored.source == "nothing"
    assert content(made.ledger) == whole


def test_an_old_copy_with_decisions_nobody_committed_is_not_kept(made: Found) -> None:
    # given
    made.redeem(6)
    name, decided = stored(made.ledger)
    rewrite(made.ledger, name, decided, later=5)
    copy = copy_of(made.ledger)
    made.restore()

    # when
    put_back(made.ledger, copy)

    # expect
    assert made.restore().source == "nothing"


@pytest.mark.parametrize("epoch", ["above Kafka's", "none"])
def test_a_ledger_of_another_kafka_is_not_kept(made: Found, epoch: str) -> None:
    whole = content(made.ledger)
    made.ledger.close()
    if epoch == "none":
        made.ledger.client.delete(f"{made.ledger.base}epoch")
    else:
        made.ledger.client.incrby(f"{made.ledger.base}epoch", 7)
    assert made.restore().source == "nothing"
    assert content(made.ledger) == whole


def test_who_dies_after_writing_the_new_epoch_down_leaves_a_ledger_that_is_kept(
    made: Found,
) -> None:
    copy = copy_of(made.ledger)
    announce_epoch(made.settings, made.ledger.epoch() + 1)
    put_back(made.ledger, copy)
    assert made.restore().source == "kept"


@pytest.mark.parametrize("merges", [1, 3, 4])
def test_another_goes_on_where_a_restorer_was_killed(made: Found, merges: int) -> None:
    # given
    whole = content(made.ledger)
    count = sum(offset for _, offset in chains(made.ledger))
    env = made.world.environment()
    armed = {"REDEEMONCE_FAULT_POINTS": f"ledger:on_restore:{merges}:kill"}

    # when
    killed = made.world.run("rebuild", "--json", env=env | armed)
    made.ledger.client.delete(f"{made.ledger.base}restorer")
    restored = made.restore()

    # expect
    assert killed.returncode == -9
    assert restored.source == ("whole" if merges == 4 else "kept")
    assert (restored.outcomes == count) == (merges == 1)
    assert (restored.outcomes == 0) == (merges == 4)
    assert content(made.ledger) == whole


def test_one_killed_while_it_wipes_leaves_nothing_that_is_kept(made: Found) -> None:
    # given: another takes the lock from one that wipes, whose epoch is the newest
    whole, ledger = content(made.ledger), made.ledger
    ledger.close()
    assert ledger.lock_for_restore(TOKEN, 60)
    steps = ledger.wiping(TOKEN, ledger.epoch())
    next(steps)
    assert content(ledger) == whole
    next(steps)
    ledger.unlock(TOKEN)

    # when
    with pytest.raises(Fenced):
        next(steps)

    # expect
    assert made.restore().source == "nothing"
    assert content(ledger) == whole


def test_rebuild_says_what_it_did(made: Found) -> None:
    count = sum(offset for _, offset in chains(made.ledger))
    said = made.world.run("rebuild")
    assert said.returncode == 0
    assert f"{count} outcomes from nothing" in said.stdout
    assert "a second" in said.stdout


def chains(ledger: Ledger) -> list[tuple[str, int]]:
    """Below which offset each partition is decided: no request here had no outcome."""
    keys = ledger.client.scan_iter(match=f"{ledger.base}chain:*")
    return [(key.decode(), int(ledger.client.hget(key, "applied"))) for key in keys]


def stored(ledger: Ledger) -> tuple[str, list[Any]]:
    """Where the newest batch of redemptions has its decisions, and the content of its first."""
    for p in range(4):
        name = f"{ledger.base}decisions:redeem:{p}"
        for packed in ledger.client.hvals(name):
            return name, msgpack.unpackb(msgpack.unpackb(packed, raw=True)[1])
    raise AssertionError("no decision is stored")


def rewrite(ledger: Ledger, name: str, decided: list[Any], later: int = 0) -> None:
    for field, packed in ledger.client.hgetall(name).items():
        batch = msgpack.unpackb(packed, raw=True)
        batch[0] += later
        batch[1] = msgpack.packb(decided, use_bin_type=False)
        ledger.client.hset(name, field, msgpack.packb(batch, use_bin_type=False))


# How far back -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def outcomes(running_servers: Servers) -> Settings:
    """9,000 and 40 outcomes in two partitions, of every third request."""
    settings = organisation(running_servers, "look-back")
    ensure_topics(settings)
    client = producer(settings)
    for p, count in ((0, 9_000), (1, 40)):
        for n in range(count):
            said = orjson.dumps({"source": {"partition": p, "offset": 3 * n}})
            client.produce(settings.topic(ISSUE.outcomes), said, partition=p)
        client.flush(30)
    return settings


@pytest.mark.parametrize(
    ("wanted", "most"),
    [({0: 26_999}, 1_000), ({0: 26_000, 1: 0}, 1_040), ({0: 24_001}, 4_000), ({0: 3}, 9_000)],
)
def test_outcomes_are_read_from_where_the_lost_ones_begin(
    outcomes: Settings, wanted: dict[int, int], most: int
) -> None:
    # when
    bounds = bounds_from(outcomes, ISSUE, wanted)
    read = [
        (message.partition(), source_of(message))
        for messages in outcomes_from(outcomes, ISSUE, bounds)
        for message in messages
    ]

    # expect
    due = {(p, 3 * n) for p, offset in wanted.items() for n in range(9_000 if p == 0 else 40)
           if 3 * n >= offset}  # fmt: skip
    assert due <= set(read)
    assert len(set(read)) == len(read) <= most


def test_nothing_is_read_of_a_partition_without_outcomes(outcomes: Settings) -> None:
    assert bounds_from(outcomes, ISSUE, {2: 0}) == {}
    assert list(outcomes_from(outcomes, ISSUE, {})) == []
