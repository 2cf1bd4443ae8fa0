"""`/offers`: found by name, by what they are tagged with, by where they were made; counted live."""

from typing import Any

import pytest

from schemas.times import milliseconds_of
from streams.pages.directory import BadQuery, Directory, Query
from tests.ledger.asking import claim, edit, stores
from tests.ledger.desk import Desk
from tests.world import create, issue, redeem

_NOON = milliseconds_of("2026-11-21T12:00:00+05:30")


@pytest.fixture
def directory(desk: Desk) -> Directory:
    return Directory(desk.ledger, lambda: _NOON)


def found(directory: Directory, **query: str) -> list[str]:
    return [one["offer_id"] for one in directory.find(Query.of(query)).offers]


def tagged(offer_id: str, **places: list[str]) -> dict[str, Any]:
    return create(offer_id, redeem={"org_entities": places})


def test_by_exactly_what_an_offer_is_tagged_with(desk: Desk, directory: Directory) -> None:
    # given
    desk.ask(tagged("a", stores=["1", "2"]), tagged("b", stores=["3"], zones=["1"]),
             tagged("c", zones=["north"]), create("everywhere"))  # fmt: skip

    # expect
    for type_, ids, due in (
        ("store", "1,2", ["a"]), ("store", " 3 , 2", ["b", "a"]), ("store", "11", []),
        ("zone", "1", ["b"]), ("zone", "north,south", ["c"]), ("store", "north", []),
        ("till", "1", []), ("concept", "", []), ("store", "no-such-store", []),
    ):  # fmt: skip
        assert found(directory, org_entity_type=type_, org_entity_ids=ids) == due, (type_, ids)


def test_uploaded_stores_are_tags_too(desk: Desk, directory: Directory) -> None:
    desk.ask(create("o"))
    desk.ask(stores("s-7", "s-8"))
    assert found(directory, org_entity_type="store", org_entity_ids="s-8") == ["o"]


def test_by_name_and_whether_it_has_ended(desk: Desk, directory: Directory) -> None:
    ended = {"expiry": {"type": "fixed_date", "at": "2026-11-21T11:59:59+05:30"}}
    ends_now = {"expiry": {"type": "fixed_date", "at": "2026-11-21T12:00:00+05:30"}}
    desk.ask(create("a", name="Straße im Süden"), create("b", name="Strand", **ended),
             create("c", **ends_now))  # fmt: skip
    assert found(directory, search="STRASSE") == ["a"]
    assert found(directory, search="str") == ["b", "a"]
    assert found(directory, active="true") == ["c", "a"]
    assert found(directory, search="str", active="1") == ["a"]


def test_a_campaigns_end_is_its_offers(desk: Desk, directory: Directory) -> None:
    desk.ask(create("a", expiry={"type": "with_campaign"}, claim=None))
    assert found(directory, active="true") == ["a"]
    desk.ask(claim("outbound", "k", "a", ends_at="2026-11-20T00:00:00+05:30"))
    assert found(directory, active="true") == []


def test_the_newest_first_and_a_page_at_a_time(desk: Desk, directory: Directory) -> None:
    for offer_id in "abc":
        desk.now += 1_000
        desk.ask(create(offer_id))
    desk.now += 1_000
    desk.ask(edit("a", name="Changed"))
    assert found(directory) == ["c", "b", "a"]
    assert found(directory, sort="modified") == ["a", "c", "b"]
    page = directory.find(Query.of({"limit": "1", "offset": "1"}))
    assert (page.total, [one["offer_id"] for one in page.offers]) == (3, ["b"])


def test_made_inside_a_service_it_is_in_that_services_list_only(
    desk: Desk, directory: Directory
) -> None:
    desk.ask(create("a"), create("b", created_in="dvs"))
    assert found(directory) == ["a"]
    assert found(directory, created_in="dvs") == ["b"]
    assert found(directory, created_in="loyalty") == []


def test_counts_are_those_of_this_moment(desk: Desk, directory: Directory) -> None:
    desk.ask(create())
    assert directory.find(Query()).offers[0]["redemption_rate"] is None
    first, _ = desk.ask(issue("a"), issue("b"))
    desk.ask(redeem(first["code"], "a"))
    [one] = directory.find(Query()).offers
    assert (one["issued"], one["redeemed"], one["redemption_rate"]) == (2, 1, 0.5)
    assert one["last_redeemed_at"] is not None


def test_a_restored_ledger_is_read_anew(desk: Desk, directory: Directory) -> None:
    desk.ask(create("a"), create("b"))
    assert found(directory) == ["b", "a"]
    desk.restore()
    desk.ask(edit("a", name="After"))
    assert found(directory, search="after") == ["a"]
    assert len(found(directory)) == 2


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"sort": "rate"}, "sort: 'rate' is none of created, modified"),
        ({"active": "maybe"}, "active: 'maybe'"),
        ({"org_entity_type": "store"}, "org_entity_ids: is missing"),
        ({"org_entity_ids": "1"}, "org_entity_type: is missing"),
        ({"org_entity_type": "shop", "org_entity_ids": "1"}, "org_entity_type: 'shop' is none of"),
        ({"limit": "-1"}, "limit: '-1' is no number"),
        ({"offset": "2e3"}, "offset: '2e3' is no number"),
        ({"created_in": "shop"}, "created_in: 'shop' is none of"),
        ({"serach": "x"}, "serach: is none of"),
    ],
)
def test_what_is_wrong_is_named(query: dict[str, str], named: str) -> None:
    with pytest.raises(BadQuery) as wrong:
        Query.of(query)
    assert named in str(wrong.value)
