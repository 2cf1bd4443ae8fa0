"""Who may not decide: nothing of a refused call is written, whatever it asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from schemas.topics import ISSUE
from state.ledger import Behind, Closed, Fenced, Ledger, LedgerAway, Stale
from state.restore import Restorer
from streams.settings import Settings
from tests.ledger.asking import claim, edit, revoke
from tests.ledger.desk import TOKEN, Desk, Partition
from tests.world import create, issue, redeem

Content = dict[bytes, bytes]


@pytest.fixture
def desk(settings: Settings, ledger: Ledger) -> Desk:
    """An offer, a coupon, and one request more that is not decided yet."""
    made = Desk(settings, ledger)
    made.ask(create(redeem={"uses_per_coupon": "unlimited"}))
    made.ask(issue("c-1"))
    made.lay(issue("c-2"))
    return made


@pytest.fixture
def at(desk: Desk) -> Partition:
    return desk.at(ISSUE)


def content(ledger: Ledger) -> Content:
    """Every key of the ledger with all it holds."""
    keys = ledger.client.scan_iter(match=ledger.base.replace("[", "\\[") + "*", count=1000)
    return {key: ledger.client.dump(key) for key in keys}


@contextmanager
def nothing_written(ledger: Ledger, but: tuple[str, ...] = ()) -> Iterator[None]:
    """Fails where the block changes any key; it must remove those named ``but``."""
    before = content(ledger)
    assert len(before) > 5
    yield
    after = content(ledger)
    for name in but:
        assert before.pop(f"{ledger.base}{name}".encode())
    assert after == before


# Closed ------------------------------------------------------------------------------------------


def test_a_closed_ledger_decides_nothing(desk: Desk, at: Partition, ledger: Ledger) -> None:
    ledger.close()
    with nothing_written(ledger), pytest.raises(Closed):
        desk.decide(at)
    assert not ledger.is_open()


def test_a_ledger_that_another_server_was_opened_on_is_closed(
    desk: Desk, at: Partition, ledger: Ledger
) -> None:
    """A copy of the data, restored or promoted elsewhere, has the mark of the server it left."""
    ledger.client.set(ledger.base + "open", "0123456789abcdef" * 2 + "01234567")
    with nothing_written(ledger), pytest.raises(Closed):
        desk.decide(at)
    assert not ledger.is_open()


def test_a_ledger_that_was_wiped_is_closed(desk: Desk, at: Partition, ledger: Ledger) -> None:
    ledger.wipe(everything=True)
    with pytest.raises(Closed):
        desk.decide(at)
    assert content(ledger) == {}


def test_what_was_applied_is_not_told_either_while_it_is_closed(
    desk: Desk, at: Partition, ledger: Ledger
) -> None:
    first = desk.decide(at)
    ledger.close()
    with pytest.raises(Closed):
        desk.decide(at)
    desk.open()
    desk.take_over()
    assert desk.decide(at) == first


@pytest.mark.parametrize("token", ["another", ""])
def test_only_who_holds_the_lock_merges_and_opens(desk: Desk, ledger: Ledger, token: str) -> None:
    ledger.close()
    with desk.locked(), nothing_written(ledger):
        with pytest.raises(Fenced):
            ledger.open(token, 9, {"issue:0": 99})
        with pytest.raises(Fenced):
            ledger.merge(token, Restorer(bytes, desk.now, 7, 2, desk.settings.calendar).take())
        with pytest.raises(Fenced):
            ledger.lay_out(token, 100)
        with pytest.raises(Fenced):
            ledger.begin_anew(token, 9)
        assert not ledger.lock_for_restore("another", 30)
    with pytest.raises(Fenced):
        ledger.open(TOKEN, 9, {})
    assert not ledger.is_open()


# Fenced ------------------------------------------------------------------------------------------


def test_an_older_claim_decides_nothing(desk: Desk, at: Partition, ledger: Ledger) -> None:
    # given a worker that froze, and its successor that has decided something
    frozen = at.claim
    desk.take_over()
    desk.decide(at, at.committed)

    # when it wakes
    with nothing_written(ledger), pytest.raises(Fenced):
        desk.decide(at, claim=frozen)

    # then only the successor goes on
    assert desk.decide(at)[0]["coupon_id"] == "o:1"


def test_an_older_claim_is_told_no_stored_decision(desk: Desk, at: Partition) -> None:
    desk.decide(at)
    desk.decide(at, claim=at.claim + 1)
    with pytest.raises(Fenced):
        desk.decide(at)


def test_claims_are_of_one_partition(desk: Desk, at: Partition) -> None:
    other = desk.lay(issue("c-3"), partition=1)
    desk.decide(other, claim=at.claim + 100)
    assert desk.decide(at)[0]["outcome"] == "accepted"


def test_claims_given_after_an_opening_are_above_all_before(desk: Desk, ledger: Ledger) -> None:
    before = ledger.claim()
    desk.open()
    assert ledger.claim() > before
    desk.restore()
    assert ledger.claim() > before


# Several partitions in one call ------------------------------------------------------------------


def test_where_one_partition_is_fenced_none_is_decided(
    desk: Desk, at: Partition, ledger: Ledger
) -> None:
    other = desk.lay(issue("c-3"), partition=1)
    desk.decide(other, claim=other.claim + 100)
    with nothing_written(ledger), pytest.raises(Fenced):
        desk.decide_together([(at, at.end), (other, other.end)])
    other.claim += 100
    told = desk.decide_together([(at, at.end), (other, other.end)])
    assert [[said["coupon_id"] for said in some] for some in told] == [["o:2"], ["o:1"]]


def test_where_redis_lost_one_partition_none_is_decided(
    desk: Desk, at: Partition, ledger: Ledger
) -> None:
    other = desk.lay(issue("c-3"), partition=1)
    desk.decide(other)
    desk.commit(other)
    ledger.client.delete(f"{ledger.base}chain:issue:1")
    with nothing_written(ledger, but=("open", "epoch")), pytest.raises(Behind, match="0"):
        desk.decide_together([(at, at.end), (other, other.end)])
    assert not ledger.is_open()


# A server that can't write -----------------------------------------------------------------------


@contextmanager
def full(ledger: Ledger) -> Iterator[None]:
    ledger.client.config_set("maxmemory", 1 << 20)
    try:
        yield
    finally:
        ledger.client.config_set("maxmemory", 0)


@contextmanager
def replica(ledger: Ledger) -> Iterator[None]:
    """Of a server that nobody will find."""
    ledger.client.replicaof("127.0.0.1", 1)
    try:
        yield
    finally:
        ledger.client.replicaof("NO", "ONE")


@pytest.mark.parametrize(("cannot", "code"), [(full, "OOM"), (replica, "READONLY")])
@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(
    "request_", [issue("c-3"), redeem("X", "c-1"), revoke("unissued"), edit(), create("p")]
)
def test_a_server_that_can_not_write_takes_nothing_and_is_asked_again(
    desk: Desk, ledger: Ledger, cannot: Any, code: str, together: bool, request_: dict[str, Any]
) -> None:
    desk.refresh()
    parts = [desk.lay(request_, partition=number) for number in range(1, 2 + together)]
    calls = [(at, at.end) for at in parts]
    away = pytest.raises(LedgerAway, match=f"can't write: {code} ")
    with nothing_written(ledger), cannot(ledger), away:
        desk.decide_together(calls)
    assert [said[0]["outcome"] for said in desk.decide_together(calls)]


# Behind: Redis lost writes -----------------------------------------------------------------------


@pytest.mark.parametrize("lost", ["committed", "from_"])
def test_a_ledger_behind_kafka_closes_itself(
    desk: Desk, at: Partition, ledger: Ledger, lost: str
) -> None:
    """``applied`` is 1: below what is committed, or where this batch begins."""
    with nothing_written(ledger, but=("open", "epoch")), pytest.raises(Behind, match="1"):
        desk.decide_once(at, **{"committed": 1, "from_": 1, lost: 2})
    assert not ledger.is_open()
    with pytest.raises(Closed):
        desk.decide(at)


def test_a_partition_redis_knows_nothing_of_is_behind(
    desk: Desk, at: Partition, ledger: Ledger
) -> None:
    ledger.client.delete(f"{ledger.base}chain:issue:0")
    with nothing_written(ledger, but=("open", "epoch")), pytest.raises(Behind, match="0"):
        desk.decide(at)


def test_a_stored_decision_that_is_missing_is_behind(
    desk: Desk, at: Partition, ledger: Ledger
) -> None:
    desk.decide(at)
    ledger.client.delete(f"{ledger.base}decisions:issue:0")
    with nothing_written(ledger, but=("open", "epoch")), pytest.raises(Behind, match="2"):
        desk.decide(at)
    assert not ledger.is_open()


@pytest.mark.parametrize("lost", ["rules", "counts"])
def test_half_of_an_offer_that_is_missing_is_behind(
    desk: Desk, at: Partition, ledger: Ledger, lost: str
) -> None:
    """Without its counts an offer's limits would begin anew, without its rules nobody has one."""
    ledger.client.delete(f"{ledger.base}{lost}:o")
    with nothing_written(ledger, but=("open", "epoch")), pytest.raises(Behind, match="offer o"):
        desk.decide(at)
    assert not ledger.is_open()


def test_an_older_claim_can_not_close_the_ledger(desk: Desk, at: Partition, ledger: Ledger) -> None:
    """A frozen worker may think more committed than a restored ledger has applied."""
    frozen = at.claim
    desk.take_over()
    desk.decide(at)
    with pytest.raises(Fenced):
        desk.decide(at, claim=frozen, committed=99, from_=99)
    assert ledger.is_open()


# Stale -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [edit(), claim("dvs", "h"), create("another")])
def test_an_offer_changed_since_the_batch_was_judged(
    desk: Desk, at: Partition, ledger: Ledger, change: dict[str, object]
) -> None:
    desk.refresh()
    desk.ask(change)
    with nothing_written(ledger), pytest.raises(Stale):
        desk.decide_once(at)
    desk.refresh()
    assert desk.decide_once(at)[0]["outcome"] == "accepted"


def test_a_refused_change_of_an_offer_makes_nothing_stale(desk: Desk, at: Partition) -> None:
    desk.refresh()
    desk.ask(create(), edit("nobody"))
    assert desk.decide_once(at)[0]["outcome"] == "accepted"


def test_what_is_decided_already_is_answered_the_same_once_the_change_is_read(
    desk: Desk, at: Partition, ledger: Ledger
) -> None:
    # given a batch decided and an offer changed before its commit
    first = desk.decide(at)
    desk.ask(edit())

    # then that batch and one with a request more are answered after the change is read
    with nothing_written(ledger), pytest.raises(Stale):
        desk.decide_once(at)
    assert desk.decide(at) == first
    desk.lay(issue("c-3"))
    assert desk.decide_once(at)[:1] == first


def test_who_takes_over_what_was_decided_reads_the_offers_it_is_of(desk: Desk) -> None:
    """Even a batch that is only replayed: without its offer an outcome can't be told."""
    [issued] = desk.ask(issue("c-1"), partition=1)
    issuing, redeeming = desk.lay(issue("c-4")), desk.lay(redeem(issued["code"], "c-1"))
    first = [desk.decide(issuing), desk.decide(redeeming)]
    for at, said in zip((issuing, redeeming), first, strict=True):
        desk.take_over()
        assert len(desk.catalogue) == 0
        assert desk.decide(at) == said


def test_a_worker_that_knows_no_offer_yet_is_told_so(desk: Desk) -> None:
    desk.take_over()
    for at in (desk.lay(redeem("X", "c-1")), desk.lay(revoke("unissued"))):
        with pytest.raises(Stale):
            desk.decide_once(at)


def test_a_stamp_of_before_an_opening_is_never_taken_for_a_new_one(
    desk: Desk, at: Partition, ledger: Ledger
) -> None:
    """A change that Redis lost may have been learned: all is read again."""
    desk.refresh()
    desk.open()
    with nothing_written(ledger), pytest.raises(Stale):
        desk.decide_once(at)
    assert desk.decide(at)[0]["outcome"] == "accepted"


def test_a_ledger_of_another_layout_is_neither_open_nor_of_any_epoch(
    desk: Desk, ledger: Ledger
) -> None:
    """So that another version of the program makes it again, and doesn't misread it."""
    assert ledger.is_open()
    assert ledger.epoch() > 0
    ledger.client.set(f"{ledger.base}layout", 1)
    assert not ledger.is_open()
    assert ledger.epoch() == 0
    desk.restore(keeps=False)
    assert ledger.is_open()
