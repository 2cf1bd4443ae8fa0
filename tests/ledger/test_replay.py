"""A decision is taken once: after crashes, and in other batches."""

from random import Random

import pytest

from schemas.topics import ISSUE
from state.ledger import Stale
from tests.ledger.asking import UNLIMITED, edit, reverse, revoke
from tests.ledger.desk import Desk, Said, code_of
from tests.world import create, issue, redeem


def test_more_requests_in_one_call_than_lua_takes_at_once(desk: Desk) -> None:
    # given
    desk.ask(create(issue={"max_total": 1_100}))

    # when
    said = desk.ask(*(issue(f"c-{n}") for n in range(1_200)))

    # expect
    assert [one["outcome"] for one in said] == ["accepted"] * 1_100 + ["rejected"] * 100
    assert len({one["coupon_id"] for one in said[:1_100]}) == 1_100
    assert {one["customer_id"] for one in said} == {f"c-{n}" for n in range(1_200)}


# A crash before the commit -----------------------------------------------------------------------


def test_the_same_batch_again_gives_the_same_decisions(desk: Desk) -> None:
    # given a batch that was decided, and a worker that died before its commit
    desk.ask(create(issue={"max_per_customer": 1}))
    at = desk.lay(issue("c-1"), issue("c-1"), issue("c-2"))
    first = desk.decide(at)

    # when another worker takes over, at a later time
    desk.take_over()
    desk.now += 60_000
    again = desk.decide(at)

    # then nothing shows of it
    assert again == first
    assert [one["replayed"] for one in again] == [False] * 3
    assert desk.ledger.counts(["o"])[0].issued == 2


def test_every_lane_replays_its_decisions(desk: Desk) -> None:
    made = desk.lay(create(redeem=UNLIMITED), edit(redeem=UNLIMITED), create())
    assert desk.decide(made) == desk.decide(made)
    desk.commit(made)
    code = code_of(desk)
    line = {"sku": "S", "amount": "10.01", "on_sale": False}
    bill = {"number": "B", "amount": "20.02", "currency": "INR", "lines": [line, line]}
    bought = redeem(code, "c-1", request_id="r-1", bill=bill)
    redeems = [bought, redeem(code, "c-2"), redeem(code, "c-1", type_="validate"), redeem("X", "c")]
    for requests in ([*redeems, reverse(code, "r-1")], [revoke("customers", "c-1"), revoke("o")]):
        at = desk.lay(*[one for one in requests if one.get("scope") != "o"])
        assert desk.decide(at) == desk.decide(at)
        desk.commit(at)


@pytest.mark.parametrize("seed", range(4))
def test_batches_may_be_cut_differently_the_second_time(desk: Desk, seed: int) -> None:
    """Some of a batch replayed, some decided for the first time, whatever was cut before."""
    chance = Random(seed)
    desk.ask(create(issue={"max_per_customer": 3}))
    at = desk.lay(*(issue(f"c-{chance.randrange(4)}") for _ in range(24)))
    said: dict[int, Said] = {}
    while at.committed < at.end:
        to = chance.randint(at.committed, at.end)
        for one in desk.decide(at, to):
            assert said.setdefault(one["source"]["offset"], one) == one
        if chance.random() < 0.4:
            desk.commit(at, chance.randint(at.committed, to))
        elif chance.random() < 0.3:
            desk.take_over()
    assert sorted(said) == list(range(24))
    coupons = [one["coupon_id"] for one in said.values() if one["outcome"] == "accepted"]
    assert sorted(coupons) == sorted(f"o:{n}" for n in range(len(coupons)))


def test_an_offer_edited_between_alters_no_decision(desk: Desk) -> None:
    # given decisions under the offer's first rules, not yet committed
    desk.ask(create(redeem=UNLIMITED))
    code = code_of(desk)
    at = desk.lay(redeem(code, "c-1"), redeem(code, "c-2"))
    first = desk.decide(at)

    # when its discount and limits change
    half = {"type": "percentage", "percent": "50"}
    desk.ask(edit(discount=half, redeem={"max_total": 1, **UNLIMITED}))
    desk.lay(redeem(code, "c-1"))
    again = desk.decide(at)

    # then what was decided stays, and what comes after goes by the new rules
    assert again[:2] == first
    assert again[0]["discount"]["amount"] == "149.90"
    assert again[2]["reason"] == "offer_limit_reached"
    assert [one["offer_version"] for one in again] == [1, 1, 2]


def test_decisions_are_kept_until_they_are_committed_and_no_longer(desk: Desk) -> None:
    desk.ask(create())
    at = desk.lay(*(issue(f"c-{n}") for n in range(3)))
    kept = f"{desk.ledger.base}decisions:issue:0"
    for to in (1, 2, 3):
        desk.decide(at, to)
    assert sorted(desk.ledger.client.hkeys(kept)) == [b"1", b"2", b"3"]

    desk.commit(at, 2)
    desk.lay(issue("c-9"))
    desk.decide(at)

    assert sorted(desk.ledger.client.hkeys(kept)) == [b"3", b"4"]


def test_partitions_that_were_decided_before_one_went_stale_answer_the_same(desk: Desk) -> None:
    # given a worker that has not read the newest offer, with one partition decided already
    desk.ask(create(), issue("c-0"), create("p"))
    old = desk.lay(issue("c-1"), partition=0)
    desk.refresh()
    first = desk.decide(old)
    new = desk.lay(issue("c-2", "p"), partition=1)
    desk.ask(edit())

    # when it asks about both in one round trip
    with pytest.raises(Stale):
        desk.decide_together([(old, old.end), (new, new.end)])
    desk.refresh()
    [again], [fresh] = desk.decide_together([(old, old.end), (new, new.end)])

    assert [again] == first
    assert fresh["coupon_id"] == "p:0"


def test_positions_may_lie_in_holes_and_on_bytes_that_are_no_request(desk: Desk) -> None:
    # given offsets 0, 5 and 9 with requests, 6 with rubbish, and no record between
    desk.ask(create())
    at = desk.at(ISSUE, 2)
    for offset, customer_id in ((0, "c-0"), (5, "c-5"), (9, "c-9")):
        at.end = offset
        desk.lay(issue(customer_id), partition=2)
    at.records[6] = b"\xff not JSON"
    at.records = dict(sorted(at.records.items()))

    # when batches end in holes, behind the rubbish, and where no record is at all
    for to in (3, 4, 7, 8, 12):
        first = desk.decide(at, to)
        assert desk.decide(at, to) == first
        desk.commit(at, to)

    # then every request was decided once
    assert desk.ledger.applied("issue", 2) == 12
    assert [said["source"]["offset"] for said in desk.outcomes["issue", 2]] == [0, 5, 9]
    assert [said["coupon_id"] for said in desk.outcomes["issue", 2]] == ["o:0", "o:1", "o:2"]


def test_a_partition_of_rubbish_only_moves_on(desk: Desk) -> None:
    at = desk.lay(b"", b"[]", lane=ISSUE)
    assert [one["reason"] for one in desk.decide(at)] == ["invalid_request"] * 2
    desk.commit(at)
    assert desk.ledger.applied("issue", 0) == 2
