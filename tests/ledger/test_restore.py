"""The ledger made again from the outcomes is the ledger as it was."""

import pytest

from state.ledger import Ledger
from tests.ledger.asking import reverse, revoke
from tests.ledger.desk import Desk
from tests.ledger.everything import live
from tests.ledger.held import content
from tests.world import create, issue, redeem

DAY_MS = 86_400_000


@pytest.mark.parametrize("dies_after", [None, 4, 9], ids=["at once", "died early", "died late"])
@pytest.mark.parametrize("backwards", [False, True], ids=["in order", "last partition first"])
def test_a_restored_ledger_is_the_same(
    desk: Desk, ledger: Ledger, backwards: bool, dies_after: int | None
) -> None:
    # given
    live(desk)
    before = content(ledger)
    kinds = {name.split(":")[0] for name in before}
    assert kinds >= {"offer", "coupons", "customers", "requests", "campaigns", "leads", "sizes"}

    # when
    desk.restore(backwards, dies_after, a_call=20)

    # then
    after = content(ledger)
    assert sorted(after) == sorted(before)
    for name in before:
        assert after[name] == before[name], name
    assert ledger.applied("redeem", 1) == desk.partitions["redeem", 1].committed


def test_a_restored_ledger_goes_on_where_it_was(desk: Desk) -> None:
    desk.ask(create(issue={"max_per_customer": 2}, redeem={"max_total": 2}))
    [first, second] = desk.ask(*[issue("c-1", request_id=f"i-{n}") for n in range(2)])
    desk.ask(redeem(first["code"], "c-1", request_id="r-1"))

    desk.restore()

    assert desk.ask(issue("c-1", request_id="i-1"))[0]["code"] == second["code"]
    assert desk.ask(issue("c-2"))[0]["coupon_id"] == "o:2"
    assert desk.reasons(issue("c-1"), redeem(first["code"], "c-1")) == [
        "customer_limit_reached",
        "coupon_redeemed",
    ]
    assert desk.reasons(create("p")) == ["accepted"]
    assert int(desk.ledger.offer("p")[b"number"]) == 2


def test_old_requests_are_not_remembered_again(desk: Desk, ledger: Ledger) -> None:
    desk.ask(create())
    desk.ask(issue("c-1"))
    desk.now += 14 * DAY_MS
    desk.ask(issue("c-2"))
    desk.restore()
    generation = desk.now // (7 * DAY_MS)
    found = {name for name in content(ledger) if name.startswith("requests")}
    assert found == {f"requests:{generation}"}


def test_remembered_requests_are_forgotten_by_themselves_after_a_restore(
    desk: Desk, ledger: Ledger
) -> None:
    live(desk)
    desk.restore()
    keys = list(ledger.client.scan_iter(match=ledger.base + "requests:*"))
    assert keys
    assert all(0 < ledger.client.ttl(key) <= 15 * 86_400 for key in keys)


# What was decided but lost before its commit -----------------------------------------------------


def test_what_was_not_committed_is_as_never_decided(desk: Desk) -> None:
    desk.ask(create(redeem={"max_total": 1}))
    [issued] = desk.ask(issue("c-1"))
    at = desk.lay(redeem(issued["code"], "c-1"))
    [lost] = desk.decide(at)

    desk.restore()

    [said] = desk.decide(at)
    assert (said["outcome"], said["totals"]) == (lost["outcome"], lost["totals"])


def test_a_revoke_of_a_coupon_whose_issue_was_lost(desk: Desk) -> None:
    """Another lane committed first. The serial is never given again, so the revoke hits nobody."""
    desk.ask(create())
    at = desk.lay(issue("c-1"))
    assert desk.decide(at)[0]["coupon_id"] == "o:0"
    assert desk.ask(revoke("customers", "c-1"))[0]["revoked"] == 1

    desk.restore()
    assert desk.decide(at)[0]["coupon_id"] == "o:1"
    desk.commit(at)
    desk.restore()

    assert desk.reasons(redeem(desk.outcomes["issue", 0][0]["code"], "c-1")) == ["accepted"]


def test_a_reversal_of_a_redemption_that_was_lost(desk: Desk, ledger: Ledger) -> None:
    desk.ask(create())
    [issued] = desk.ask(issue("c-1"))
    at = desk.lay(redeem(issued["code"], "c-1", request_id="r-1"))
    desk.decide(at)
    assert desk.reasons(reverse(issued["code"], "r-1"), partition=1) == ["accepted"]

    desk.restore()

    assert ledger.counts(["o"])[0].redeemed == 0
    assert desk.decide(at)[0]["totals"] == {"coupon": 1, "customer": 1, "offer": 1}


def test_a_redemption_of_a_coupon_whose_issue_was_lost_still_counts(desk: Desk) -> None:
    desk.ask(create(redeem={"max_total": 1}))
    at = desk.lay(issue("c-1"))
    [lost] = desk.decide(at)
    desk.ask(redeem(lost["code"], "c-1"))

    desk.restore(dies_after=3, a_call=1)

    [again] = desk.decide(at)
    assert again["coupon_id"] == "o:1"
    assert desk.reasons(redeem(lost["code"], "c-1"), redeem(again["code"], "c-1")) == [
        "coupon_redeemed",
        "offer_limit_reached",
    ]


def test_more_offers_than_one_command_takes_are_decided_and_restored_at_once(
    desk: Desk, ledger: Ledger
) -> None:
    offer_ids = [f"o-{number}" for number in range(1_100)]
    desk.ask(*map(create, offer_ids))
    issued = desk.ask(*[issue("c-1", offer_id) for offer_id in offer_ids])
    assert {one["coupon_id"] for one in issued} == {f"{offer_id}:0" for offer_id in offer_ids}
    before = content(ledger)

    desk.restore(a_call=2 * len(offer_ids))

    assert content(ledger) == before
    assert [counts.issued for counts in ledger.counts(offer_ids)] == [1] * len(offer_ids)
