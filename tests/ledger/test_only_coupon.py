"""What a customer redeemed is told by their only coupon, and counted in their record once they have
more: limits and gaps are the same, whatever came when."""

from collections.abc import Callable

import pytest

from state.ledger import Ledger
from state.records import Coupon, coupon_of, lists_of
from tests.ledger.asking import Request, export, reverse, upload
from tests.ledger.desk import Desk
from tests.ledger.held import content
from tests.world import create, issue, redeem

TWO = {"max_per_customer": 2, "uses_per_coupon": "unlimited", "anyone_may_redeem": True}
Step = Callable[[Desk], list[str]]


def coupon(ledger: Ledger, serial: int) -> Coupon:
    packed = ledger.client.hget(f"{ledger.base}coupons:1:0", str(serial))
    return coupon_of(packed)[0]


def redeemed(ledger: Ledger, customer_id: str) -> list[int]:
    """What the customer's record says of that: day, count, ..."""
    records = ledger.client.hgetall(f"{ledger.base}customers:0")
    [packed] = [value for key, value in records.items() if key[4:] == f"1:{customer_id}".encode()]
    return lists_of(packed).redeemed


def code_of(desk: Desk, serial: int) -> str:
    desk.refresh()
    offer = desk.catalogue.get("o")
    assert offer is not None
    return desk.catalogue.code_of(offer, serial)


def own(desk: Desk) -> list[str]:
    """Of serial 0."""
    return desk.reasons(redeem(code_of(desk, 0), "a"))


def another_is_issued(desk: Desk) -> list[str]:
    return desk.reasons(issue("a"))


def anothers_coupon(desk: Desk) -> list[str]:
    """Of serial 1, which is b's."""
    return desk.reasons(redeem(code_of(desk, 1), "a"))


def nobodys_coupon(desk: Desk) -> list[str]:
    """Of an exported one."""
    [said] = desk.ask(export(1))
    return desk.reasons(redeem(said["first_code"], "a"))


@pytest.fixture
def two(desk: Desk) -> Desk:
    """A coupon of a's and one of b's, of an offer where each redeems twice."""
    codes = {"type": "unique", "charset": "alphanumeric", "length": 10}
    desk.ask(create(redeem=TWO, coupons={"codes": codes, "delivery": "third_party"}))
    desk.ask(issue("a"), issue("b"))
    return desk


def test_a_redeem_of_the_only_coupon_leaves_its_recipients_record_alone(
    two: Desk, ledger: Ledger
) -> None:
    customers = f"{ledger.base}customers:0"
    before = ledger.client.hgetall(customers)

    said = two.ask(*[redeem(code_of(two, 0), "a", request_id=f"r-{n}") for n in range(3)])

    assert [one["reason"] for one in said] == [None, None, "customer_limit_reached"]
    assert [one["totals"]["customer"] for one in said[:2]] == [1, 2]
    assert two.reasons(reverse(code_of(two, 0), "r-0", "a")) == ["accepted"]
    assert ledger.client.hgetall(customers) == before
    assert two.reasons(redeem(code_of(two, 0), "a")) == ["accepted"]
    assert not coupon(ledger, 0).apart


@pytest.mark.parametrize("first", [anothers_coupon, nobodys_coupon, own])
@pytest.mark.parametrize("second", [anothers_coupon, nobodys_coupon, own])
@pytest.mark.parametrize("between", [another_is_issued, None])
def test_a_limit_counts_the_uses_of_all_coupons(
    two: Desk, ledger: Ledger, first: Step, second: Step, between: Step | None
) -> None:
    # given
    assert first(two) == ["accepted"]
    assert between is None or between(two) == ["accepted"]
    assert second(two) == ["accepted"]
    before = content(ledger)

    # expect
    two.restore(a_call=2)
    assert without_requests(content(ledger)) == without_requests(before)
    refused = [redeem(code_of(two, serial), "a") for serial in (0, 1)]
    assert two.reasons(*refused) == ["customer_limit_reached"] * 2
    assert two.reasons(redeem(code_of(two, 1), "b")) == ["accepted"]


def without_requests(found: dict[str, object]) -> dict[str, object]:
    """And without what counts them."""
    return {
        name: held
        for name, held in found.items()
        if name.partition(":")[0] in ("coupons", "customers", "sizes")
    }


def test_what_a_coupon_told_is_counted_once_another_is_issued(two: Desk, ledger: Ledger) -> None:
    two.ask(redeem(code_of(two, 0), "a", request_id="own"))
    assert redeemed(ledger, "a") == []
    two.ask(issue("a"))
    assert redeemed(ledger, "a")[1:] == [1]
    assert [coupon(ledger, serial).apart for serial in (0, 1, 2)] == [True, False, True]
    assert two.reasons(reverse(code_of(two, 0), "own", "a")) == ["accepted"]
    assert redeemed(ledger, "a") == []
    assert two.reasons(*[redeem(code_of(two, 0), "a") for _ in range(3)]) == [
        "accepted", "accepted", "customer_limit_reached",
    ]  # fmt: skip


def test_both_may_come_in_one_call(two: Desk, ledger: Ledger) -> None:
    asked: list[Request] = [
        redeem(code_of(two, serial), who)
        for serial, who in [(0, "a"), (1, "a"), (0, "a"), (1, "b"), (0, "b"), (1, "b")]
    ]
    reasons = ["accepted", "accepted", "customer_limit_reached"] * 2
    assert two.reasons(*asked) == reasons
    assert [redeemed(ledger, who)[1:] for who in "ab"] == [[2], [2]]


def test_who_uses_a_coupon_that_isnt_theirs_counts_for_themselves(
    two: Desk, ledger: Ledger
) -> None:
    two.ask(*[redeem(code_of(two, 0), who) for who in ("c", "a", "c", "c", "d")])
    assert not coupon(ledger, 0).apart
    assert redeemed(ledger, "a") == []
    assert [redeemed(ledger, who)[1] for who in "cd"] == [2, 1]
    [said] = two.ask(redeem(code_of(two, 0), "a"))
    assert said["totals"]["customer"] == 2


@pytest.mark.parametrize("between", [another_is_issued, anothers_coupon])
def test_a_gap_counts_from_the_uses_of_all_coupons(desk: Desk, between: Step) -> None:
    desk.ask(create(redeem={**TWO, "max_per_customer": 9, "min_gap_days": 3}))
    desk.ask(issue("a"), issue("b"))
    days = [f"2026-11-{day}T10:00:00+05:30" for day in (23, 25, 26)]
    asked = [redeem(code_of(desk, 0), "a", occurred_at=day) for day in days]
    assert desk.reasons(*asked[:2]) == ["accepted", "gap_not_elapsed"]
    between(desk)
    assert desk.reasons(*asked[1:]) == ["gap_not_elapsed", "accepted"]


def test_codes_uploaded_for_a_customer_are_more_than_their_only_coupon(desk: Desk) -> None:
    desk.ask(create(coupons={"codes": {"type": "uploaded"}}, redeem=TWO))
    desk.ask(upload("AAAA"), issue("a"))
    desk.refresh()
    assert desk.reasons(redeem("AAAA", "a")) == ["accepted"]
    desk.ask(upload("BBBB", to="a"))
    assert desk.reasons(*[redeem("BBBB", "a"), redeem("BBBB", "a")]) == [
        "accepted", "customer_limit_reached",
    ]  # fmt: skip
    desk.restore()
    desk.refresh()
    assert desk.reasons(redeem("AAAA", "a")) == ["customer_limit_reached"]


def test_a_refused_or_asked_use_of_anothers_coupon_changes_no_count(two: Desk) -> None:
    own(two)
    [asked] = two.ask(redeem(code_of(two, 1), "a", type_="validate"))
    assert asked["totals"]["customer"] == 1
    assert two.reasons(redeem(code_of(two, 1), "a")) == ["accepted"]
    assert two.reasons(redeem(code_of(two, 0), "a")) == ["customer_limit_reached"]


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_restore_finds_who_has_more_than_one(
    desk: Desk, ledger: Ledger, backwards: bool, keeps: bool
) -> None:
    """Also where both coupons come in one merge, or the later one first."""
    desk.ask(create(redeem=TWO))
    for n in range(12):
        desk.ask(issue(f"c-{n % 5}"), partition=n % 3)
    if keeps:
        copy = {key: ledger.client.dump(key) for key in ledger.client.keys(f"{glob(ledger)}*")}
    for n in range(12):
        desk.ask(redeem(code_of(desk, n), f"c-{n % 5}"), partition=n % 2)
    desk.ask(issue("c-3"), issue("c-6"))
    before = without_requests(content(ledger))
    if keeps:
        ledger.client.delete(*ledger.client.keys(f"{glob(ledger)}*"))
        for key, packed in copy.items():
            ledger.client.restore(key, 0, packed)

    desk.restore(backwards, keeps=keeps)

    assert without_requests(content(ledger)) == before
    used = [redeem(code_of(desk, n), f"c-{n % 5}") for n in range(12)]
    twice = {f"c-{n}" for n in (0, 1, 2, 3, 4)}
    refused = [one["customer_id"] in twice for one in used]
    assert [why == "customer_limit_reached" for why in desk.reasons(*used)] == refused


def test_uses_of_a_coupon_whose_issue_was_lost_are_counted(desk: Desk, ledger: Ledger) -> None:
    """It was redeemed, and that committed, before its issue was; so its recipient gets another."""
    desk.ask(create(redeem=TWO))
    issued = desk.lay(issue("a"))
    desk.decide(issued)
    desk.ask(redeem(code_of(desk, 0), "a"))

    desk.restore()

    assert coupon(ledger, 0).apart
    assert redeemed(ledger, "a")[1:] == [1]
    [again] = desk.decide(issued)
    desk.commit(issued)
    assert again["coupon_id"] == "o:1"
    assert desk.reasons(*[redeem(code_of(desk, 1), "a") for _ in range(2)]) == [
        "accepted", "customer_limit_reached",
    ]  # fmt: skip
    before = without_requests(content(ledger))
    desk.restore()
    assert without_requests(content(ledger)) == before


def glob(ledger: Ledger) -> str:
    return ledger.base.replace("[", "\\[")
