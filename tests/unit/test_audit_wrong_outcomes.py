"""The audit's fold over hand-made histories: a right one passes, each wrong one is named."""

from collections.abc import Callable
from copy import deepcopy

import pytest

from schemas.times import to_second
from schemas.topics import ISSUE, OFFERS, REDEEM, REVOKE
from tests.unit.audit_story import (
    DAY_1,
    DAY_2,
    OFFER,
    SETTINGS,
    Story,
    issued,
    redeemed,
    request,
    reversed_,
)
from tests.unit.short_story import outcome, short_story


@pytest.fixture
def story() -> Story:
    return short_story()


def test_a_right_history_passes(story: Story) -> None:
    findings = story.findings()

    assert findings.differences == []
    assert findings.notes == []
    assert findings.compared["decisions"] == 12
    assert findings.compared["requests"] == findings.compared["outcomes"] == 12
    assert findings.compared["limits held"] > 0


def doubled(story: Story) -> None:
    story.told[REDEEM].append(({}, outcome(story, "r-5")))


def invented(story: Story) -> None:
    story.told[REDEEM].append(({}, outcome(story, "r-5")))
    asked, said = story.told[REDEEM][-1]
    source = {**said["source"], "offset": len(story.told[REDEEM]) - 1}
    story.told[REDEEM][-1] = (asked, {**said, "source": source, "request_id": "r-9"})


def dropped(story: Story) -> None:
    asked, _ = story.told[REDEEM][2]
    story.told[REDEEM][2] = (asked, {})


def over_the_customers_limit(story: Story) -> None:
    issued(story, "i-4", "c-1", 3, 3)


def over_the_offers_limit(story: Story) -> None:
    issued(story, "i-4", "c-3", 3, 1)


def over_the_coupons_uses(story: Story) -> None:
    redeemed(story, "r-7", "c-1", 0, (2, 3, 3), "2026-11-25T10:00:00+05:30")


def refused_for_the_wrong_reason(story: Story) -> None:
    outcome(story, "r-2")["reason"] = "offer_limit_reached"


def refused_though_allowed(story: Story) -> None:
    redeemed(story, "r-7", "c-1", 0, None, DAY_2, reason="coupon_expired")


def said_a_wrong_total(story: Story) -> None:
    outcome(story, "r-3")["totals"]["customer"] = 1


def gave_a_sequence_twice(story: Story) -> None:
    change = outcome(story, "r-3")["ledger"]
    change["sequence"] -= 1


def broke_the_gap_backwards(story: Story) -> None:
    """After the 22nd, a bill of the 21st: c-1 has redeemed on that day."""
    outcome(story, "r-2").update(
        outcome="accepted", reason=None, totals={"coupon": 1, "customer": 2, "offer": 2},
        discount={"amount": "15.00", "currency": "INR", "lines": ["15.00"]},
    )  # fmt: skip
    noted = {"day": SETTINGS.calendar.day(to_second(DAY_1)), "discount_minor": 1500,
             "bill_minor": 14995}  # fmt: skip
    outcome(story, "r-2")["ledger"].update(noted)
    story.told[REDEEM] = story.told[REDEEM][:2]


def gave_another_discount(story: Story) -> None:
    outcome(story, "r-1")["discount"] = {"amount": "14.99", "currency": "INR", "lines": ["14.99"]}


def gave_lines_that_do_not_sum(story: Story) -> None:
    outcome(story, "r-1")["discount"]["lines"] = ["14.99"]


def gave_a_coupon_twice(story: Story) -> None:
    outcome(story, "i-3")["code"] = "S00000"


def redeemed_for_a_stranger(story: Story) -> None:
    asked, said = story.told[REDEEM][0]
    asked["customer_id"] = said["customer_id"] = "c-2"


def answered_another_request(story: Story) -> None:
    story.told[ISSUE][2][0]["customer_id"] = "c-9"


def issued_without_the_claim(story: Story) -> None:
    story.told[ISSUE][2][0]["holder"] = "another"


def left_a_coupon_in_the_revocation(story: Story) -> None:
    outcome(story, "k-2").update(
        revoked=0, ledger={**outcome(story, "k-2")["ledger"], "revoked": []}
    )


def counted_on_another_day(story: Story) -> None:
    outcome(story, "r-3")["ledger"]["day"] += 1


def ended_the_coupon_too_soon(story: Story) -> None:
    outcome(story, "i-2")["expires_at"] = "2026-12-30T23:59:59+05:30"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (doubled, ["r-5", "doubled", "customer c-1", "redeem.requests 0/5"]),
        (invented, ["r-9", "a request that doesn't exist", "coupon o:1", "customer c-1"]),
        (dropped, ["redeem.requests 0/2 has neither outcome", "r-3", "customer c-1"]),
        (over_the_customers_limit, ["offer o", "customer c-1", "customer_limit_reached"]),
        (over_the_offers_limit, ["offer o", "customer c-3", "offer_limit_reached"]),
        (over_the_coupons_uses, ["offer o", "coupon 0", "customer c-1", "coupon_redeemed"]),
        (refused_for_the_wrong_reason, ["r-2", "customer c-1", "offer_limit_reached",
                                        "gap_not_elapsed"]),
        (refused_though_allowed, ["r-7", "coupon 0", "coupon_expired", "coupon_redeemed"]),
        (said_a_wrong_total, ["offer o", "r-3", "coupon 1", "totals (1, 1, 2)", "(1, 2, 2)"]),
        (gave_a_sequence_twice, ["offer o", "r-3", "customer c-1", "given before"]),
        (broke_the_gap_backwards, ["offer o", "coupon 1", "customer c-1", "gap_not_elapsed"]),
        (gave_another_discount, ["r-1", "customer c-1", "14.99", "due is 15.00"]),
        (gave_lines_that_do_not_sum, ["r-1", "one line with the discount 14.99 of 15.00"]),
        (gave_a_coupon_twice, ["coupon 2", "customer c-2", "the code S00000, which coupon 0"]),
        (redeemed_for_a_stranger, ["coupon 0", "customer c-2", "not_recipient"]),
        (answered_another_request, ["i-3", "customer c-2", "isn't its request's in customer_id"]),
        (issued_without_the_claim, ["i-3", "customer c-2", "not_claimed_by_service"]),
        (left_a_coupon_in_the_revocation, ["k-2", "left [2] that are"]),
        (counted_on_another_day, ["r-3", "was counted on day"]),
        (ended_the_coupon_too_soon, ["i-2", "coupon 1", "expires"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    story: Story, change: Callable[[Story], None], named: list[str]
) -> None:
    change(story)

    findings = story.findings()

    assert findings.found
    assert any(all(word in line for word in named) for line in findings.differences), "\n".join(
        findings.differences
    )


def test_a_gap_holds_towards_later_days_too(story: Story) -> None:
    """c-1 redeemed on the 22nd; a bill of the 21st, decided later, is too near with a gap of 2."""
    definition = outcome(story, "k-1")["offer"] = deepcopy(OFFER)
    definition["redeem"]["min_gap_days"] = 2
    story.told[OFFERS][0][0]["offer"] = definition
    story.told[REDEEM] = []
    story.told[REVOKE] = []
    story.sequence = 4
    redeemed(story, "r-1", "c-1", 0, (1, 1, 1), DAY_2)
    redeemed(story, "r-2", "c-1", 1, None, DAY_1, reason="gap_not_elapsed")
    assert story.findings().differences == []

    story.told[REDEEM].pop()
    story.sequence -= 1
    redeemed(story, "r-2", "c-1", 1, (1, 2, 2), DAY_1)

    assert "gap_not_elapsed" in story.findings().differences[0]


def test_a_code_that_was_issued_is_found(story: Story) -> None:
    """Not found before anything is known of the offer is right; after it was seen it is not."""
    said = redeemed(story, "r-7", "c-1", 0, None, reason="code_not_found")
    del said["ledger"], said["coupon_id"]

    assert "the code S00000 was not found" in story.findings().differences[0]


def test_validate_changes_nothing_and_its_discount_is_checked(story: Story) -> None:
    said = redeemed(story, "r-7", "c-1", 0, (2, 3, 3))
    del said["ledger"]
    said["type"] = story.told[REDEEM][-1][0]["type"] = "validate"
    assert story.findings().differences == []

    said["discount"]["amount"] = "15.01"

    assert "due is 15.00" in story.findings().differences[0]


def test_a_rule_the_audit_does_not_know_is_a_difference(story: Story) -> None:
    offer = deepcopy(OFFER)
    offer["redeem"]["when"] = [{"days": ["mon"], "moon": "full"}]
    outcome(story, "k-1")["offer"] = offer

    story.fails("the rule redeem.when moon, which this audit can't judge")


def test_an_edit_may_not_take_the_offer_from_its_holder(story: Story) -> None:
    offer = {**deepcopy(OFFER), "claim": {"service": "loyalty", "holder": "x", "ends_at": None}}
    asked = request("edit", "k-3", DAY_2, offer_id="o", actor="a", offer=offer)
    said = story.tell(OFFERS, asked, change={"number": 1}, offer=offer, actor="a")
    said["offer_version"] = 2

    assert "took the offer from dvs h for loyalty x" in story.findings().differences[0]


def test_lowered_limits_hold_from_their_version_on(story: Story) -> None:
    offer = deepcopy(OFFER)
    offer["redeem"]["max_per_customer"] = 1
    asked = request("edit", "k-3", DAY_2, offer_id="o", actor="a", offer=offer)
    story.tell(OFFERS, asked, change={"number": 1}, offer=offer, actor="a")["offer_version"] = 2
    reversed_(story, "v-2", "r-1", "c-1", 0, (0, 1, 1))["offer_version"] = 2
    said = redeemed(story, "r-7", "c-1", 0, None, DAY_2, reason="customer_limit_reached")
    said["offer_version"] = 2

    assert story.findings().differences == []
