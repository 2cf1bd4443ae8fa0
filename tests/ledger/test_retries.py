"""A till that asks again gets the first answer, for as long as is said."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas.topics import REDEEM
from streams.client import new_request
from tests.ledger.asking import (
    UNLIMITED,
    Request,
    audience,
    claim,
    edit,
    resend,
    reverse,
    revoke,
    stores,
)
from tests.ledger.desk import NOW, Desk, Said, code_of
from tests.world import create, issue, redeem

DAY_MS = 86_400_000


def without_source(said: Said) -> Said:
    return {name: v for name, v in said.items() if name not in ("source", "ledger", "replayed")}


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
