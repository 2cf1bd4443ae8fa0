"""The audit's fold on where and when an offer may be redeemed, and on tills that change."""

from typing import Any

import pytest

from schemas.times import milliseconds_of
from tests.unit.audit_story import DECIDED_AT, UNLIMITED, Story, created, issued, redeemed

LONG_BEFORE = milliseconds_of("2026-11-01T00:00:00Z")
SHORTLY_BEFORE = milliseconds_of(DECIDED_AT) - 2_000
AFTER = milliseconds_of(DECIDED_AT) + 60_000
NORTH = {"store_id": "s-1", "zone_ids": ["north", "metro"], "concept_id": "big"}
SOUTH = {"store_id": "s-2", "zone_ids": ["south"], "concept_id": None}
STARTS = "2026-11-01T00:00:00+05:30"
FRIDAY, SATURDAY, SUNDAY = "2026-11-20", "2026-11-21", "2026-11-22"


def story_of(redeem: dict[str, Any], *tills: tuple[int, dict[str, Any] | None]) -> Story:
    """``tills``: versions of the till t."""
    story = Story(tills=[("t", stamp, record) for stamp, record in tills])
    start = {"type": "from_date", "at": STARTS}
    created(story, UNLIMITED, {"redeem": {"start": start}}, {"redeem": redeem})
    issued(story, "i-0", "c-1", 0, 1, starts=STARTS)
    return story


def judged(
    redeem: dict[str, Any],
    tills: list[tuple[int, dict[str, Any] | None]],
    reason: str,
    at: str = "2026-11-21T10:00:00+05:30",
    compacted: bool = False,
) -> tuple[bool, bool]:
    """Whether an acceptance, and a refusal for this reason, pass."""
    passed = []
    for refusal in (None, reason):
        story = story_of(redeem, *tills)
        story.compacted = compacted
        redeemed(story, "r-1", "c-1", 0, None if refusal else (1, 1, 1), at, refusal)
        differences = story.findings().differences
        assert all("r-1" in one and reason in one for one in differences), differences
        passed.append(not differences)
    return passed[0], passed[1]


ONLY_ACCEPTED, ONLY_REFUSED, EITHER = (True, False), (False, True), (True, True)


@pytest.mark.parametrize(
    ("entities", "due"),
    [
        ({"tills": ["t"]}, ONLY_ACCEPTED),
        ({"stores": ["s-1"]}, ONLY_ACCEPTED),
        ({"zones": ["metro"]}, ONLY_ACCEPTED),
        ({"concepts": ["big"]}, ONLY_ACCEPTED),
        ({"zones": ["south"], "concepts": ["big"]}, ONLY_ACCEPTED),
        ({"tills": ["u"], "stores": ["s-2"], "zones": ["south"], "concepts": ["t"]}, ONLY_REFUSED),
        ({"tills": [], "stores": [], "zones": [], "concepts": []}, ONLY_ACCEPTED),
    ],
)
def test_a_till_passes_by_what_it_belongs_to(
    entities: dict[str, list[str]], due: tuple[bool, bool]
) -> None:
    found = judged({"org_entities": entities}, [(LONG_BEFORE, NORTH)], "store_not_allowed")

    assert found == due


def test_an_unknown_till_passes_only_where_every_store_does() -> None:
    assert judged({"org_entities": {"tills": ["t"]}}, [], "store_not_allowed") == ONLY_REFUSED
    assert judged({"org_entities": None}, [], "store_not_allowed") == ONLY_ACCEPTED


@pytest.mark.parametrize(
    ("tills", "due"),
    [
        ([(LONG_BEFORE, SOUTH), (LONG_BEFORE + 1, SOUTH)], ONLY_REFUSED),
        ([(LONG_BEFORE, SOUTH), (AFTER, NORTH)], EITHER),
        ([(LONG_BEFORE, SOUTH), (AFTER, {**SOUTH, "concept_id": "small"})], ONLY_REFUSED),
        ([(SHORTLY_BEFORE, NORTH)], EITHER),
        ([(AFTER, NORTH)], EITHER),
        ([(AFTER, SOUTH)], ONLY_REFUSED),
        ([(LONG_BEFORE, NORTH), (LONG_BEFORE + 1, None)], EITHER),
    ],
)
def test_a_till_that_changed_may_have_been_either(
    tills: list[tuple[int, dict[str, Any] | None]], due: tuple[bool, bool]
) -> None:
    """Its topic has no order against decisions: any version, or none, may have been known."""
    found = judged({"org_entities": {"zones": ["north"]}}, tills, "store_not_allowed")

    assert found == due


def test_a_version_that_was_compacted_away_may_have_been_known() -> None:
    rule = {"org_entities": {"zones": ["north"]}}

    assert judged(rule, [(AFTER, SOUTH)], "store_not_allowed", compacted=True) == EITHER
    assert judged(rule, [], "store_not_allowed", compacted=True) == EITHER
    later = judged(rule, [(LONG_BEFORE, SOUTH)], "store_not_allowed", compacted=True)
    assert later == ONLY_REFUSED


@pytest.mark.parametrize(
    ("entry", "at", "inside"),
    [
        ({"days": ["sat", "mon"]}, f"{SATURDAY}T23:59:59+05:30", True),
        ({"days": ["sat", "mon"]}, f"{SUNDAY}T00:00:00+05:30", False),
        ({"from": "10:00", "to": "18:00"}, f"{SATURDAY}T09:59:59+05:30", False),
        ({"from": "10:00", "to": "18:00"}, f"{SATURDAY}T10:00:00+05:30", True),
        ({"from": "10:00", "to": "18:00"}, f"{SATURDAY}T17:59:59+05:30", True),
        ({"from": "10:00", "to": "18:00"}, f"{SATURDAY}T18:00:00+05:30", False),
        ({"from": "10:00", "to": "24:00"}, f"{SATURDAY}T23:59:59+05:30", True),
        ({"days": ["fri"], "from": "22:00", "to": "02:00"}, f"{SATURDAY}T01:59:59+05:30", True),
        ({"days": ["fri"], "from": "22:00", "to": "02:00"}, f"{SATURDAY}T02:00:00+05:30", False),
        ({"days": ["fri"], "from": "22:00", "to": "02:00"}, f"{SATURDAY}T22:30:00+05:30", False),
        ({"days": ["sat"], "from": "22:00", "to": "02:00"}, f"{SATURDAY}T01:30:00+05:30", False),
        ({"days": ["fri"], "from": "10:00", "to": "10:00"}, f"{SATURDAY}T09:59:59+05:30", True),
        ({"dates": {"from": SATURDAY, "to": None}}, f"{FRIDAY}T23:59:59+05:30", False),
        ({"dates": {"from": SATURDAY, "to": SATURDAY}}, f"{SATURDAY}T12:00:00+05:30", True),
        ({"dates": {"from": None, "to": SATURDAY}}, f"{SUNDAY}T00:00:00+05:30", False),
        ({"from": "23:00", "to": "01:00", "dates": {"to": SATURDAY}},
         f"{SUNDAY}T00:59:59+05:30", True),
    ],
)  # fmt: skip
def test_a_window_holds_by_the_wall_clock(entry: dict[str, Any], at: str, inside: bool) -> None:
    found = judged({"when": [entry]}, [], "outside_time_window", at)

    assert found == (ONLY_ACCEPTED if inside else ONLY_REFUSED)


def test_any_window_is_enough() -> None:
    windows = [{"days": ["mon"]}, {"days": ["sat"], "from": "09:00", "to": "11:00"}]

    assert judged({"when": windows}, [], "outside_time_window") == ONLY_ACCEPTED


def test_a_window_goes_by_the_stores_own_zone() -> None:
    """10:00 in India is 04:30 in London, 13:30 in Tokyo."""
    rule = {"when": [{"from": "13:00", "to": "14:00"}]}
    tokyo, london = {**NORTH, "time_zone": "Asia/Tokyo"}, {**NORTH, "time_zone": "Europe/London"}

    def due(*tills: tuple[int, dict[str, Any]]) -> tuple[bool, bool]:
        return judged(rule, list(tills), "outside_time_window")

    assert due((LONG_BEFORE, tokyo)) == ONLY_ACCEPTED
    assert due((LONG_BEFORE, london)) == ONLY_REFUSED
    assert due((LONG_BEFORE, NORTH)) == ONLY_REFUSED
    assert due((LONG_BEFORE, london), (AFTER, tokyo)) == EITHER


@pytest.mark.parametrize(
    ("zone", "due", "later"),
    [
        ("south", "store_not_allowed", "outside_time_window"),
        ("north", "outside_time_window", "bill_amount_out_of_range"),
    ],
)
def test_the_store_comes_before_the_window_and_both_before_the_bill(
    zone: str, due: str, later: str
) -> None:
    rule = {"when": [{"days": ["mon"]}], "org_entities": {"zones": [zone]},
            "bill": {"min": "500.00"}}  # fmt: skip
    story = story_of(rule, (LONG_BEFORE, NORTH))
    said = redeemed(story, "r-1", "c-1", 0, None, reason=due)
    story.passes()

    said["reason"] = later

    story.fails("r-1", f"refused as {later}", f"to be refused as {due}")
