"""Reminders: a trigger for each coupon that ends on the day and can still be used, once."""

from typing import Any

import pytest

from schemas.times import milliseconds_of
from state.ledger import Closed
from tests.ledger import held
from tests.ledger.asking import claim, edit, export, reverse, revoke, upload
from tests.ledger.code_ways import COMMON, EXPORTED, UPLOADED, code_at
from tests.ledger.desk import Desk
from tests.ledger.reminding import DUE_AT, REMINDER, of_customers, remind, reminded
from tests.world import create, issue, redeem

_REMINDED: dict[str, Any] = {"reminders": [REMINDER]}
_CODES = {"type": "unique", "charset": "digits", "length": 12}
#: Issued by `tests.world.issue` on 21 November, they end on the 26th.
_FIVE_DAYS = {"coupons": {"codes": _CODES, "expiry": {"type": "days_after_issue", "days": 5}}}
_THE_DAY_BEFORE = "2026-11-25T11:00:00+05:30"


def test_a_trigger_says_all_that_the_sender_needs(desk: Desk) -> None:
    desk.ask(create(**_REMINDED))
    [issued] = desk.ask(issue("c-7"))

    [trigger] = reminded(desk)

    assert trigger == {
        "reminder_id": "o:0:1d-11:00-sms:2098-12-31",
        "kind": "coupon",
        "offer_id": "o",
        "coupon_id": "o:0",
        "code": issued["code"],
        "customer_id": "c-7",
        "pocs": None,
        "channel": "sms",
        "content": f"{issued['code']} ends 2098-12-31T23:59:59+05:30",
        "due_at": DUE_AT,
        "expires_at": "2098-12-31T23:59:59+05:30",
    }


def test_none_for_what_can_no_longer_be_used(desk: Desk) -> None:
    # given
    desk.ask(create(**_REMINDED))
    codes = {name: desk.ask(issue(name))[0]["code"] for name in ("a", "b", "c", "d")}
    desk.ask(redeem(codes["a"], "a", request_id="r-1"), redeem(codes["b"], "b"))
    desk.ask(revoke("customers", "c"))

    # when
    desk.ask(reverse(codes["a"], "r-1", "a"))

    # expect
    assert of_customers(reminded(desk)) == ["a", "d"]


def test_none_after_a_revocation_of_all(desk: Desk) -> None:
    desk.ask(create(**_REMINDED), issue("a"), revoke("unredeemed"))
    assert reminded(desk) == []


def test_one_with_uses_left_is_active(desk: Desk) -> None:
    desk.ask(create(redeem={"uses_per_coupon": 2}, **_REMINDED))
    [issued] = desk.ask(issue("a"))
    desk.ask(redeem(issued["code"], "a"))
    assert of_customers(reminded(desk)) == ["a"]


def test_the_same_request_again_reminds_nobody(desk: Desk) -> None:
    desk.ask(create(**_REMINDED), issue("a"))
    assert of_customers(reminded(desk)) == ["a"]
    assert reminded(desk) == []


def test_after_a_crash_the_triggers_are_those_decided_before_it(desk: Desk) -> None:
    # given
    desk.ask(create(**_REMINDED))
    [issued] = desk.ask(issue("a"))
    at = desk.lay(remind())
    [before] = desk.decide(at)

    # when the worker dies before its commit, and the coupon is used meanwhile
    desk.take_over()
    desk.ask(redeem(issued["code"], "a"), edit(reminders=[]))
    [after] = desk.decide(at)
    desk.commit(at)

    # expect
    assert after == before
    assert of_customers(desk.reminders) == ["a"]
    assert desk.reminders[0]["content"].startswith(issued["code"])


def test_each_coupon_by_its_own_end(desk: Desk) -> None:
    # given
    desk.ask(create(**_FIVE_DAYS, **_REMINDED))
    desk.ask(issue("a"), issue("b", occurred_at="2026-11-22T00:00:00+05:30"))

    # expect
    [trigger] = reminded(desk, remind("2026-11-26"), _THE_DAY_BEFORE)
    assert (trigger["customer_id"], trigger["expires_at"]) == ("a", "2026-11-26T23:59:59+05:30")
    assert of_customers(
        reminded(desk, remind("2026-11-27"), "2026-11-26T11:00:00+05:30")
    ) == ["b"]  # fmt: skip


def test_an_end_that_moved_a_second_before_is_the_one_that_counts(desk: Desk) -> None:
    # given
    desk.ask(create(**_FIVE_DAYS, **_REMINDED), issue("a"))

    # when the offer ends before its coupon would
    desk.ask(edit(**_FIVE_DAYS, **_REMINDED,
                  expiry={"type": "fixed_date", "at": "2026-11-25T23:59:59+05:30"}))  # fmt: skip

    # expect
    assert reminded(desk, remind("2026-11-26"), _THE_DAY_BEFORE) == []
    assert of_customers(
        reminded(desk, remind("2026-11-25"), "2026-11-24T11:00:00+05:30")
    ) == ["a"]  # fmt: skip


def test_the_campaigns_end_is_the_coupons(desk: Desk) -> None:
    desk.ask(create(expiry={"type": "with_campaign"}, claim=None, **_REMINDED))
    desk.ask(claim("outbound", "k", ends_at="2026-12-20T18:00:00+05:30"))
    desk.ask(issue("a", service="outbound", holder="k"))
    assert reminded(desk) == []
    assert of_customers(
        reminded(desk, remind("2026-12-20"), "2026-12-19T11:00:00+05:30")
    ) == ["a"]  # fmt: skip


def test_a_coupon_of_loyalty_that_never_ends_is_never_reminded_of(desk: Desk) -> None:
    desk.ask(create(claim={"service": "loyalty", "holder": "h"}, **_REMINDED))
    desk.ask(issue("a", service="loyalty"))
    assert reminded(desk) == []


@pytest.mark.parametrize(
    ("at", "count"), [("2098-12-31T11:00:00+05:30", 1), ("2098-12-31T11:00:01+05:30", 0)]
)
def test_it_is_sent_within_a_grace_of_24_hours_and_not_after(
    desk: Desk, at: str, count: int
) -> None:
    desk.ask(create(**_REMINDED), issue("a"))
    assert len(reminded(desk, at=at)) == count


def test_one_that_the_offer_no_longer_has_reminds_nobody(desk: Desk) -> None:
    desk.ask(create(**_REMINDED), issue("a"), edit())
    assert reminded(desk) == []


def test_the_text_is_the_newest(desk: Desk) -> None:
    desk.ask(create(**_REMINDED), issue("a"))
    desk.ask(edit(reminders=[{**REMINDER, "content": "Last day for {customer_id}"}]))
    [trigger] = reminded(desk)
    assert trigger["content"] == "Last day for a"


def test_common_codes_are_each_customers_own(desk: Desk) -> None:
    desk.ask(create(**COMMON, **_REMINDED), issue("a"), issue("b"))
    triggers = reminded(desk)
    assert of_customers(triggers) == ["a", "b"]
    assert {trigger["code"] for trigger in triggers} == {"FESTIVE50"}


def test_a_coupon_that_came_with_its_redemption_is_reminded_of_while_uses_are_left(
    desk: Desk,
) -> None:
    desk.ask(
        create(**COMMON, **_REMINDED, redeem={"anyone_may_redeem": True, "uses_per_coupon": 2})
    )
    desk.ask(redeem("FESTIVE50", "a"))
    assert of_customers(reminded(desk)) == ["a"]


def test_uploaded_codes_with_a_customer_and_those_issued(desk: Desk) -> None:
    desk.ask(create(**UPLOADED, **_REMINDED))
    desk.ask(upload("UP-1", to="a"), upload("UP-2", "UP-3"), issue("b"))
    triggers = reminded(desk)
    assert {trigger["customer_id"]: trigger["code"] for trigger in triggers} == {
        "a": "UP1", "b": "UP2",
    }  # fmt: skip


def test_an_exported_coupon_has_nobody_to_be_reminded_until_somebody_used_it(desk: Desk) -> None:
    # given
    desk.ask(create(**EXPORTED, **_REMINDED, redeem={"uses_per_coupon": 2}))
    desk.ask(export(3))

    # when
    desk.ask(redeem(code_at(desk, 1), "a"))

    # expect
    [trigger] = reminded(desk)
    assert (trigger["customer_id"], trigger["coupon_id"]) == ("a", "o:1")


def test_runs_are_apart(desk: Desk) -> None:
    desk.ask(create(**_REMINDED))
    at = desk.lay(*(issue(f"c-{n}") for n in range(1_030)))
    desk.decide(at)
    desk.commit(at)
    assert len(reminded(desk)) == 1_024
    assert len(reminded(desk, remind(run=1))) == 6
    assert len({trigger["reminder_id"] for trigger in desk.reminders}) == 1_030


def test_pocs_are_told_once_that_the_offer_ends(desk: Desk) -> None:
    # given
    desk.ask(create(poc_reminders=[{"days_before": 4, "pocs": ["poc@example.com"]}]), issue("a"))
    request = remind(reminder="4d-10:00-email", type_="remind_pocs")

    # when
    [trigger] = reminded(desk, request, "2098-12-27T10:00:00+05:30")

    # expect
    assert trigger == {
        "reminder_id": "o:pocs:4d-10:00-email:2098-12-31",
        "kind": "offer",
        "offer_id": "o",
        "coupon_id": None,
        "code": None,
        "customer_id": None,
        "pocs": ["poc@example.com"],
        "channel": "email",
        "content": "The offer Offer o (o) ends 2098-12-31T23:59:59+05:30",
        "due_at": "2098-12-27T10:00:00+05:30",
        "expires_at": "2098-12-31T23:59:59+05:30",
    }
    assert reminded(desk, request, "2098-12-27T10:00:01+05:30") == []


def test_a_restored_ledger_knows_who_was_reminded(desk: Desk) -> None:
    desk.ask(create(**_REMINDED), issue("a"))
    assert of_customers(reminded(desk)) == ["a"]
    desk.restore()
    assert reminded(desk) == []


def test_where_coupons_of_an_end_lie_is_noted_by_runs(desk: Desk) -> None:
    # given
    month_ends = {"type": "month_ends_after_issue", "months": 1}
    coupons = {**EXPORTED["coupons"], "expiry": month_ends}
    desk.ask(create(**_FIVE_DAYS), create("x", coupons=coupons))
    at = desk.lay(*(issue(f"c-{n}") for n in range(1_030)))
    desk.decide(at)
    desk.commit(at)
    desk.ask(issue("late", occurred_at="2026-11-22T10:00:00+05:30"))
    desk.ask(export(2_500, offer_id="x"))

    def runs() -> list[list[int]]:
        desk.refresh()
        ends = (("o", 1, 26), ("o", 1, 27), ("x", 2, 30))
        calendar = desk.settings.calendar
        first = calendar.day(milliseconds_of("2026-11-01T12:00:00+05:30") // 1000) - 1
        return [
            desk.ledger.runs_ending(offer_id, number, calendar.last_second(first + day))
            for offer_id, number, day in ends
        ]

    # expect
    assert runs() == [[0, 1], [1], [0, 1, 2]]
    desk.restore()
    assert runs() == [[0, 1], [1], [0, 1, 2]]
    assert desk.ledger.coupon_runs("o") == range(2)
    assert not [name for name in held.content(desk.ledger) if name.startswith("ends:2:")]


def test_what_was_looked_for_in_another_opening_is_not_noted(desk: Desk) -> None:
    # given
    epoch, _ = desk.ledger.planned()
    desk.ledger.plan_until(7, epoch)
    assert desk.ledger.planned() == (epoch, 7)

    # when
    desk.restore()

    # expect
    with pytest.raises(Closed):
        desk.ledger.plan_until(8, epoch)
    assert desk.ledger.planned() == (epoch + 1, None)


@pytest.mark.parametrize("lost", ["open", "epoch"])
def test_nothing_is_planned_on_a_ledger_that_is_not_open(desk: Desk, lost: str) -> None:
    # given
    epoch, _ = desk.ledger.planned()
    desk.ledger.client.delete(desk.ledger.base + lost)

    # expect
    for call in (desk.ledger.planned, lambda: desk.ledger.plan_until(8, epoch)):
        with pytest.raises(Closed):
            call()
    assert desk.ledger.client.get(desk.ledger.base + "planned") is None
