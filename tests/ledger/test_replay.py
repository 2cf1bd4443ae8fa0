"""A decision is taken once: after crashes, in other batches, and for tills that ask again."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from schemas.topics import ISSUE, REDEEM
from state.ledger import Stale
from streams.client import new_request
from tests.ledger.asking import Request, audience, claim, edit, resend, reverse, revoke, stores
from tests.ledger.desk import NOW, Desk, Said
from tests.world import create, issue, redeem

DAY_MS = 86_400_000
UNLIMITED = {"uses_per_coupon": "unlimited"}


def code_of(desk: Desk, customer_id: str = "c-1") -> str:
    [issued] = desk.ask(issue(customer_id))
    return str(issued["code"])


def without_source(said: Said) -> Said:
    return {name: v for name, v in said.items() if name not in ("source", "ledger", "replayed")}


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


# Tills that ask again ----------------------------------------------------------------------------


def retries(request: Request, **more: Any) -> Request:
    return {**request, "occurred_at": "2026-11-23T08:00:00+05:30", **more}


def test_a_retry_in_the_same_batch_gets_the_first_answer(desk: Desk) -> None:
    desk.ask(create())
    request = issue("c-1")
    first, again = desk.ask(request, retries(request))
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert without_source(again) == without_source(first)
    assert "ledger" not in again


def test_a_retry_may_come_by_another_partition(desk: Desk) -> None:
    desk.ask(create(redeem=UNLIMITED))
    request = redeem(code_of(desk), "c-1")
    [first] = desk.ask(request, partition=0)
    [again] = desk.ask(retries(request), partition=3)
    assert again["replayed"]
    assert again["source"]["partition"] == 3
    assert without_source(again) == without_source(first)


def test_a_retry_stays_one_after_a_crash(desk: Desk) -> None:
    desk.ask(create())
    request = issue("c-1")
    at = desk.lay(request, request)
    assert desk.decide(at) == desk.decide(at)
    assert [one["replayed"] for one in desk.decide(at)] == [False, True]


def test_refusals_are_remembered_too(desk: Desk) -> None:
    desk.ask(create(redeem={"max_total": 1, **UNLIMITED}))
    code = code_of(desk)
    late = redeem(code, "c-1")
    desk.ask(redeem(code, "c-1", request_id="r-1"), late, reverse(code, "r-1"))
    # a new request is accepted now, the one that was refused stays refused
    assert desk.reasons(retries(late), redeem(code, "c-1")) == ["offer_limit_reached", "accepted"]


@pytest.mark.parametrize(
    "other",
    [
        {"customer_id": "c-2"},
        {"till_id": "t-2"},
        {"bill": {"number": "B-1", "amount": "1499.01", "currency": "INR"}},
        {"customer_tags": ["staff"]},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_content_under_the_same_id_is_refused(desk: Desk, other: dict[str, Any]) -> None:
    desk.ask(create(redeem=UNLIMITED))
    request = redeem(code_of(desk), "c-1")
    assert desk.reasons(request, request | other, request) == [
        "accepted",
        "request_id_conflict",
        "accepted",
    ]


@pytest.mark.parametrize(
    "same",
    [
        {"unknown": "field"},
        {"customer_tags": None},
        {"bill": {"number": "B-1", "amount": "1499.0", "currency": "INR", "lines": None}},
    ],
    ids=lambda same: next(iter(same)),
)
def test_content_is_the_same_however_it_is_written(desk: Desk, same: dict[str, Any]) -> None:
    desk.ask(create(redeem=UNLIMITED))
    code = code_of(desk)
    request = redeem(code, "c-1")
    written = request | same | {"code": f"{code[:3].lower()} - {code[3:]}"}
    assert [one["replayed"] for one in desk.ask(request, written)] == [False, True]


@pytest.mark.parametrize(
    ("request_", "same"),
    [
        (create("new"), lambda one: {"offer": dict(reversed(one["offer"].items()))}),
        (create("new"), lambda one: {"offer": one["offer"] | {"tags": [], "issue": {}}}),
        (
            claim("dvs", "h", ends_at="2027-01-01T00:00:00Z"),
            lambda _: {"ends_at": "2027-01-01T05:30:00+05:30"},
        ),
        (audience("a", "b"), lambda _: {"customer_ids": ["b", "a", "b"]}),
        (stores("s-1", "s-2"), lambda _: {"store_ids": ["s-2", "s-1", "s-1"]}),
    ],
    ids=["order of fields", "defaults", "time zone of an end", "customers", "stores"],
)  # fmt: skip
def test_an_offers_content_is_the_same_however_it_is_written(
    desk: Desk, request_: Request, same: Callable[[Request], Request]
) -> None:
    desk.ask(create(claim=None))
    written = request_ | same(request_)
    said = desk.ask(request_, written)
    assert [(one["outcome"], one["replayed"]) for one in said] == [
        ("accepted", False), ("accepted", True),
    ]  # fmt: skip


def test_coupons_sent_again_say_the_same_though_the_offer_has_another_name(desk: Desk) -> None:
    texts = {"resend": {"content": "{offer_name}: {code}"}}
    desk.ask(create(issue=texts), issue("c-1"))
    request = resend("c-1")
    [first] = desk.ask(request)
    desk.ask(edit(name="Another", issue=texts))
    [again] = desk.ask(request)
    assert again["replayed"]
    assert (again["content"], again["coupons"]) == (first["content"], first["coupons"])
    [anew] = desk.ask(resend("c-1"))
    assert anew["coupons"][0]["content"].startswith("Another: ")


def test_an_id_belongs_to_one_topic_and_one_offer(desk: Desk) -> None:
    desk.ask(create(redeem=UNLIMITED), create("p"))
    code = code_of(desk)
    one = {"request_id": "one"}
    said = desk.ask(
        issue("c-1", **one), issue("c-1", "p", **one), redeem(code, "c-1", **one),
        revoke("customers", "c-9", **one),
    )  # fmt: skip
    assert [(each["outcome"], each["replayed"]) for each in said] == [("accepted", False)] * 4
    # redeem and reverse share a topic
    assert desk.reasons(reverse(code, "one", **one)) == ["request_id_conflict"]


def test_what_changes_nothing_is_not_remembered(desk: Desk) -> None:
    desk.ask(create(redeem=UNLIMITED))
    code = code_of(desk)
    asked = redeem(code, "c-1", type_="validate", request_id="one")
    unknown = redeem(code[:-1] + ("A" if code[-1] != "A" else "B"), "c-1", request_id="one")
    used = redeem(code, "c-1", request_id="one")
    said = desk.ask(asked, asked, unknown, unknown, used)
    assert [each["replayed"] for each in said] == [False] * 5
    assert [each["reason"] for each in said] == [None, None, *["code_not_found"] * 2, None]


def test_an_id_that_was_refused_for_want_of_an_offer_is_free(desk: Desk) -> None:
    request = issue("c-1")
    assert desk.reasons(request, create(), request) == ["offer_not_found", "accepted", "accepted"]


# How long -----------------------------------------------------------------------------------------

MEMORY_MS = 7 * DAY_MS
GENERATION = NOW // MEMORY_MS * MEMORY_MS


@pytest.mark.parametrize("since", [0, 1, MEMORY_MS // 2, MEMORY_MS - 1])
def test_requests_are_remembered_as_long_as_is_said(desk: Desk, since: int) -> None:
    """Whenever in a generation the first came, and whenever in its last moment the retry does."""
    desk.ask(create())
    request = issue("c-1")
    desk.now = GENERATION + since
    desk.ask(request)
    for later in (0, 1, MEMORY_MS // 2, MEMORY_MS):
        desk.now = GENERATION + since + later
        assert desk.ask(request)[0]["replayed"]


def test_requests_are_forgotten_two_generations_later(desk: Desk) -> None:
    desk.ask(create())
    request = issue("c-1")
    desk.ask(request)
    desk.now = GENERATION + 2 * MEMORY_MS
    [said] = desk.ask(request)
    assert (said["outcome"], said["replayed"]) == ("accepted", False)


def test_a_worker_whose_clock_is_behind_knows_what_was_decided(desk: Desk) -> None:
    """Its clock may still be in the generation before the one of the decision."""
    desk.ask(create())
    request = issue("c-1")
    desk.now = GENERATION + MEMORY_MS
    desk.ask(request)
    desk.now -= 1
    desk.take_over()
    assert desk.ask(request)[0]["replayed"]


def test_resends_are_remembered_apart_from_issues(desk: Desk) -> None:
    desk.ask(create())
    resend = new_request("resend", offer_id="o", customer_id="c-1", request_id="one")
    asked = desk.ask(resend, issue("c-1", request_id="one"))
    assert [one["reason"] for one in asked] == ["resend_not_allowed", "request_id_conflict"]
    assert REDEEM.name not in {lane for lane, _ in desk.outcomes}
