"""Through the topics: what goes in as a request comes out as an outcome, once, where it belongs."""

import json
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from schemas.topics import CURRENT_OFFERS, ISSUE, REDEEM
from streams.client import new_request
from streams.committed import committed_offsets
from tests.servers import Servers
from tests.world import (
    ISSUED_AT,
    Found,
    Listener,
    World,
    create,
    issue,
    offer,
    one_worker,
    read_all,
    redeem,
    wait_for,
)

PARTITIONS = range(4)


@pytest.fixture(scope="module")
def world(running_servers: Servers) -> Iterator[World]:
    """One worker that all tests here share."""
    with one_worker(running_servers, "end-to-end") as made:
        yield made


@pytest.fixture
def listener(world: World) -> Iterator[Listener]:
    made = Listener(world.settings, ISSUE.outcomes, REDEEM.outcomes)
    yield made
    made.close()


def as_bytes(request: dict) -> bytes:
    return json.dumps(request).encode()


def decided(metrics: str, lane: str) -> float:
    """How many requests of a lane a worker has decided."""
    beginning = f'redeemonce_decisions_total{{lane="{lane}"'
    return sum(float(line.split()[-1]) for line in metrics.splitlines() if beginning in line)


def metrics(world: World, number: int = 0) -> str:
    return world.get("/metrics", number)[1].decode()


def partitions_held(world: World, lane: str, number: int) -> int:
    beginning = f'redeemonce_partitions{{lane="{lane}"}}'
    held = [line for line in metrics(world, number).splitlines() if line.startswith(beginning)]
    return int(float(held[0].split()[-1])) if held else 0


def test_a_coupon_from_its_offer_to_its_revoke(world: World) -> None:
    # given
    assert world.reasons(create("life")) == ["accepted"]

    # when
    [issued] = world.ask(issue("c-1", "life"))
    [redeemed] = world.ask(redeem(issued["code"], "c-1", request_id="r-1"))
    again = redeem(issued["code"], "c-1")
    reverse = new_request(
        "reverse", redemption_id="r-1", code=issued["code"], customer_id="c-1", till_id="t-1"
    )
    used, [reversed_] = world.reasons(again), world.ask(reverse)
    [revoked] = world.ask(
        new_request("revoke", offer_id="life", scope="customers", customer_ids=["c-1"])
    )

    # expect
    assert issued["coupon_id"] == "life:0"
    assert issued["totals"] == {"customer": 1, "offer": 1}
    assert redeemed["discount"] == {"amount": "149.90", "currency": "INR", "lines": ["149.90"]}
    assert redeemed["totals"] == {"coupon": 1, "customer": 1, "offer": 1}
    assert used == ["coupon_redeemed"]
    assert reversed_["outcome"] == "accepted"
    assert reversed_["totals"] == {"coupon": 0, "customer": 0, "offer": 0}
    assert revoked["revoked"] == 1
    assert world.reasons(redeem(issued["code"], "c-1")) == ["coupon_revoked"]


def test_an_outcome_lies_in_its_requests_partition_under_its_requests_key(
    world: World, listener: Listener
) -> None:
    # given
    world.ask(create("place"))

    # when
    places = [
        world.lay(ISSUE.requests, as_bytes(issue("c", "place")), key=key, partition=partition)[0]
        for partition in PARTITIONS
        for key in (b"one", b"other", None)
    ]

    # expect
    outcomes = listener.answers(*places)
    assert [found.partition for found in outcomes] == [partition for _, partition, _ in places]
    assert [found.key for found in outcomes] == [b"one", b"other", None] * len(PARTITIONS)


def test_the_offers_topic_holds_each_offer_as_it_stands_now(world: World) -> None:
    # given
    [created] = world.ask(create("topical"))

    # when
    changed = offer("topical", name="Another name", claim=None)
    world.ask(new_request("edit", offer_id="topical", actor="somebody", offer=changed))

    # expect
    held = [
        json.loads(record.value())
        for record in read_all(world.settings, CURRENT_OFFERS)
        if record.key() == b"topical"
    ]
    assert [each["version"] for each in held] == [1, 2]  # compaction leaves the newest
    assert held[-1]["offer"]["name"] == "Another name"
    assert held[-1]["offer"]["claim"]["holder"] == "h"
    assert held[-1]["modified_by"] == "somebody"
    assert held[0]["offer"] == created["offer"]


def test_a_retry_gets_the_first_outcome_again_from_any_partition(
    world: World, listener: Listener
) -> None:
    # given
    world.ask(create("retry", redeem={"max_total": 1}))
    [issued] = world.ask(issue("c", "retry"))
    request = redeem(issued["code"], "c", request_id="once")
    [first_place] = world.lay(REDEEM.requests, as_bytes(request), partition=0)
    [first] = listener.answers(first_place)

    # when
    later = as_bytes(request | {"occurred_at": ISSUED_AT, "unknown": 1})
    other = as_bytes(request | {"till_id": "t-2"})
    retries = [world.lay(REDEEM.requests, later, partition=p)[0] for p in PARTITIONS]
    conflict = world.lay(REDEEM.requests, other, partition=0)

    # expect
    assert first.content["outcome"] == "accepted"
    for place, retried in zip(retries, listener.answers(*retries), strict=True):
        assert retried.content["replayed"] is True
        assert retried.source == place
        assert decision_of(retried) == decision_of(first)
    [conflicting] = listener.answers(*conflict)
    assert conflicting.content["reason"] == "request_id_conflict"
    assert conflicting.content["replayed"] is False


def decision_of(found: Found) -> dict:
    own = {"source", "replayed", "ledger"}
    return {name: said for name, said in found.content.items() if name not in own}


def test_limits_hold_whatever_partitioner_a_producer_has(world: World, listener: Listener) -> None:
    # given
    limits = {"anyone_may_redeem": True, "uses_per_coupon": "unlimited", "max_per_customer": 3}
    world.ask(create("scattered", redeem=limits, issue={"max_per_customer": 2}))
    [issued, _, third] = world.ask(*(issue("c", "scattered") for _ in range(3)))
    chance = Random(7)

    # when
    places = [
        world.lay(
            REDEEM.requests, as_bytes(redeem(issued["code"], "c")),
            key=chance.randbytes(4), partition=chance.choice(PARTITIONS),
        )[0]
        for _ in range(30)
    ]  # fmt: skip

    # expect
    said = Counter(
        found.content["reason"] or found.content["outcome"] for found in listener.answers(*places)
    )
    assert third["reason"] == "customer_limit_reached"
    assert said == {"accepted": 3, "customer_limit_reached": 27}


def test_the_pages_show_offers_figures_and_readiness(world: World) -> None:
    # given
    world.ask(create("shown"))
    world.ask(issue("c", "shown"))

    # when
    listed = json.loads(world.get("/offers")[1])
    status, one = world.get("/offers/shown")
    page_status, page = world.get("/")

    # expect
    assert world.health() == (200, b'{"status":"ready"}')
    assert status == 200
    found = json.loads(one)
    assert found.pop("code_space")["possible"] > 0
    assert ["where and when", ["At every till."]] in found.pop("in_words")
    assert [day["issue"] for day in found.pop("decided")["by_day"]] == [1]
    assert found.pop("closed") is False
    assert found == next(each for each in listed if each["offer_id"] == "shown")
    assert (json.loads(one)["issued"], json.loads(one)["redeemed"]) == (1, 0)
    assert page_status == 200
    assert page.startswith(b"<!doctype html>")
    assert world.get("/offers/unknown")[0] == 404
    assert decided(metrics(world), "issue") >= 1
    assert "redeemonce_commit_seconds_bucket" in metrics(world)


def test_a_worker_told_to_runs_the_agents_named_and_leaves_the_rest(
    world: World, listener: Listener
) -> None:
    # given
    world.ask(create("tills-only"))
    [issued] = world.ask(issue("c", "tills-only"))
    world.stop()
    offsets = committed_offsets(world.settings, ISSUE)
    world.start("w0", 0, True, "--agents", "redeem")

    # when
    [waiting] = world.lay(ISSUE.requests, as_bytes(issue("c", "tills-only")))
    [place] = world.lay(REDEEM.requests, as_bytes(redeem(issued["code"], "c")))

    # expect
    assert listener.answers(place)[0].content["outcome"] == "accepted"
    assert "Ready: redeem;" in world.log()
    assert 'lane="issue"' not in metrics(world)
    assert committed_offsets(world.settings, ISSUE) == offsets
    assert waiting not in {found.source for found in listener.hear()}

    # when
    world.stop()
    world.start()

    # expect
    assert listener.answers(waiting)[0].content["outcome"] == "accepted"


def test_two_workers_share_partitions_and_an_offers_total_holds_over_all(
    world: World, listener: Listener
) -> None:
    # given
    world.ask(create("shared", issue={"max_total": 100}))
    world.start("w1", number=1, ready=False)
    unready, answer = wait_for("the second worker's pages", lambda: answered(world))
    world.wait_until_ready("w1", 1)
    for lane in ("issue", "redeem"):
        wait_for(
            f"both have partitions of {lane}",
            lambda lane=lane: [partitions_held(world, lane, n) for n in (0, 1)] == [2, 2],
        )
    before = [decided(metrics(world, number), "issue") for number in (0, 1)]

    # when
    requests = [as_bytes(issue(f"c-{number}", "shared")) for number in range(400)]
    places = [
        place
        for partition in PARTITIONS
        for place in world.lay(ISSUE.requests, *requests[partition::4], partition=partition)
    ]
    outcomes = [found.content for found in listener.answers(*places)]

    # expect
    accepted = [said for said in outcomes if said["outcome"] == "accepted"]
    refused = {said["reason"] for said in outcomes if said["outcome"] == "rejected"}
    assert sorted(said["totals"]["offer"] for said in accepted) == list(range(1, 101))
    assert len({said["code"] for said in accepted}) == 100
    assert refused == {"offer_limit_reached"}
    after = [decided(metrics(world, number), "issue") for number in (0, 1)]
    assert [now - then for now, then in zip(after, before, strict=True)] == [200, 200]
    assert unready == 503
    assert b"waiting for" in answer


def answered(world: World) -> tuple[int, bytes] | None:
    found = world.health(1)
    return found if found[0] else None
