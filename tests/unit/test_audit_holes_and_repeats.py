"""The audit's fold over a history with holes, repeated answers, dead letters or lost requests."""

from copy import deepcopy
from typing import Any

import orjson
import pytest

from schemas.topics import ISSUE, OFFERS, REDEEM, REVOKE
from streams.audit.history import History
from streams.audit.verdict import Findings
from tests.unit.audit_story import DAY_2, DECIDED_AT, SETTINGS, Story, redeemed
from tests.unit.short_story import short_story


@pytest.fixture
def story() -> Story:
    return short_story()


def test_a_hole_in_the_sequence_is_a_note_and_explains_what_went_by_it(story: Story) -> None:
    story.sequence += 2
    story.told[REVOKE][0][1]["ledger"]["sequence"] = 11
    redeemed(story, "r-7", "c-1", 0, None, DAY_2, reason="offer_limit_reached")

    findings = story.findings()

    assert findings.differences == []
    assert len(findings.notes) == 1
    assert "offer o: Redis lost 2 decisions" in findings.notes[0]
    assert "1 others went by them" in findings.notes[0]


def test_a_hole_never_explains_a_limit_exceeded(story: Story) -> None:
    story.sequence += 2
    redeemed(story, "r-7", "c-1", 0, (2, 3, 3), "2026-11-25T10:00:00+05:30")

    assert "coupon_redeemed" in story.findings().differences[0]


def again(story: Story, **more: Any) -> dict[str, Any]:
    """The request r-1 once more, answered as the first time."""
    asked, first = story.told[REDEEM][0]
    said = {name: part for name, part in deepcopy(first).items() if name != "ledger"}
    said["source"]["offset"] = len(story.told[REDEEM])
    said.update(replayed=True, **more)
    story.told[REDEEM].append((asked, said))
    return said


def test_a_repeated_answer_is_the_first_one(story: Story) -> None:
    again(story)
    assert story.findings().differences == []

    again(story, totals={"coupon": 1, "customer": 1, "offer": 2})

    assert "differs from the first answer" in story.findings().differences[0]


def test_a_repeated_answer_needs_a_first_one(story: Story) -> None:
    said = again(story, request_id="r-unknown")
    story.told[REDEEM][-1] = ({**story.told[REDEEM][0][0], "request_id": "r-unknown"}, said)

    assert "there is no first answer" in story.findings().differences[0]


def test_a_request_id_is_decided_once(story: Story) -> None:
    redeemed(story, "r-1", "c-1", 0, None, reason="coupon_redeemed")

    assert "the request id was decided twice" in story.findings().differences[0]


def dead_letter(offset: int, value: bytes) -> tuple[dict[str, str], bytes]:
    return {"topic": "redeem.requests", "partition": "0", "offset": str(offset)}, value


def test_an_unreadable_request_has_a_dead_letter(story: Story) -> None:
    bad = {"type": "redeem", "request_id": "r-7"}
    said = {
        "request_id": "r-7", "type": "redeem", "outcome": "rejected", "reason": "invalid_request",
        "detail": "code: Field required", "replayed": False, "decided_at": DECIDED_AT,
        "source": {"topic": "redeem.requests", "partition": 0, "offset": 7},
    }  # fmt: skip
    story.told[REDEEM] += [(bad, said), ({"nothing": 1}, {})]
    assert story.findings().found == 2

    story.dead_letters = [dead_letter(7, orjson.dumps(bad)), dead_letter(8, b'{"nothing":1}')]
    assert story.findings().differences == []

    story.dead_letters.append(dead_letter(0, b"{}"))
    assert "has a dead letter besides" in story.findings().differences[0]


def test_requests_that_are_no_longer_kept_leave_their_outcomes(story: Story) -> None:
    """Only the outcome is left: what needs the request is taken as it was said."""
    findings = Findings()
    history = History(SETTINGS, findings)
    for lane in (OFFERS, ISSUE, REDEEM, REVOKE):
        answers = [(i, deepcopy(o)) for i, (_, o) in enumerate(story.told[lane])]
        history.match(lane, 0, len(answers), len(answers), [], answers)
    history.finish()

    assert findings.differences == []
    assert findings.compared["decisions"] == 12
