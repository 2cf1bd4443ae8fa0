"""The audit finds reminders that were not due, not sent, sent twice, or with something else."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas.times import milliseconds_of
from streams.settings import Settings
from tests.ledger.asking import revoke
from tests.ledger.desk import Desk, Said
from tests.ledger.reminding import REMINDER, remind, reminded
from tests.unit.audit_desk import audited
from tests.world import create, issue, redeem


@pytest.fixture
def story(desk: Desk) -> Desk:
    """Three of four coupons are reminded of, and the POCs of their offer."""
    rules: Any = {"poc_reminders": [{"days_before": 1, "pocs": ["p", "q"]}]}
    desk.ask(create(reminders=[REMINDER], **rules))
    first, *_ = desk.ask(*(issue(f"c-{n}") for n in range(4)))
    desk.ask(redeem(first["code"], "c-0"))
    assert len(reminded(desk)) == 3
    pocs = remind(reminder="1d-10:00-email", type_="remind_pocs")
    assert len(reminded(desk, pocs)) == 1
    return desk


def _outcome(desk: Desk, kind: str = "remind") -> Said:
    return next(said for said in desk.outcomes["reminders", 0] if said["type"] == kind)


def _set(name: str, value: Any) -> Callable[[Desk], None]:
    return lambda desk: desk.reminders[0].update({name: value})


def _twice(desk: Desk) -> None:
    desk.reminders.append(desk.reminders[0])


def _invented(desk: Desk) -> None:
    desk.reminders.append({**desk.reminders[0], "reminder_id": "o:0:1d-11:00-sms:2098-12-31"})


def _left_out(desk: Desk) -> None:
    said = _outcome(desk)
    said["ledger"]["reminded"].remove(2)
    said["reminded"] -= 1
    desk.reminders.pop(1)


def _of_a_used_one(desk: Desk) -> None:
    said = _outcome(desk)
    said["ledger"]["reminded"].insert(0, 0)
    said["reminded"] += 1
    _invented(desk)


def _early(desk: Desk) -> None:
    for kind in ("remind", "remind_pocs"):
        _outcome(desk, kind)["decided_at"] = "2098-12-30T04:00:00.000Z"


def _late(desk: Desk) -> None:
    _outcome(desk)["late"] = True


def _miscounted(desk: Desk) -> None:
    _outcome(desk)["reminded"] = 2


def _no_pocs(desk: Desk) -> None:
    _outcome(desk, "remind_pocs")["reminded"] = 0
    desk.reminders.pop()


def test_what_was_due_is_right(story: Desk, settings: Settings) -> None:
    found = audited(story, settings)
    assert found.differences == []
    assert found.compared["reminders"] == 4


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        (lambda desk: desk.reminders.pop(0), "gave no reminder o:1:1d-11:00-sms:2098-12-31"),
        (_twice, "was sent twice"),
        (_invented, "sent and never decided"),
        (_left_out, "reminded of the coupons [1, 3] (2); due [1, 2, 3] (3)"),
        (_of_a_used_one, "reminded of the coupons [0, 1, 2, 3] (4); due [1, 2, 3] (3)"),
        (_set("customer_id", "c-9"), "told c-9 of coupon 1, c-1's"),
        (_set("code", "L123456789"), "told the code L123456789 of coupon 1"),
        (_set("content", "else"), "with other content"),
        (_set("channel", "email"), "with other content"),
        (_set("due_at", "2098-12-30T11:00:01+05:30"), "with other content"),
        (_set("expires_at", None), "with other content"),
        (lambda desk: desk.reminders[-1]["pocs"].pop(), "with other content"),
        (_early, "s before it was due"),
        (_late, "due [] (0)"),
        (_miscounted, "says 2 and names 3"),
        (_no_pocs, "reminded POCs 0 times; due 1"),
    ],
)
def test_what_was_not_is_named(
    story: Desk, settings: Settings, alter: Callable[[Desk], None], words: str
) -> None:
    alter(story)
    found = audited(story, settings).differences
    assert any(words in text for text in found), "\n".join(found or ["nothing was found"])


def test_where_coupons_with_an_end_lie_is_compared(desk: Desk, settings: Settings) -> None:
    # given
    expiry = {"type": "days_after_issue", "days": 5}
    codes = {"type": "unique", "charset": "digits", "length": 12}
    desk.ask(create(coupons={"codes": codes, "expiry": expiry}), issue("a"), revoke("unissued"))
    assert audited(desk, settings).differences == []

    # when
    second = milliseconds_of("2026-11-26T23:59:59+05:30") // 1_000
    desk.ledger.client.sadd(f"{desk.ledger.base}ends:1:{second}", 7)

    # expect
    [found] = audited(desk, settings).differences
    assert "has the runs [0, 7] of coupons; due [0]" in found
