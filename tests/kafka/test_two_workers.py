"""Two workers at once: what only one may have, one gets, whichever of them decides."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest

from schemas.topics import ISSUE, OFFERS
from streams.client import new_request
from tests.servers import Servers
from tests.world import Listener, World, create, issue, organisation, wait_for

PARTITIONS = range(4)
SERVICES = ("dvs", "timeline", "loyalty", "outbound")


@pytest.fixture(scope="module")
def world(running_servers: Servers) -> Iterator[World]:
    """Two workers that share the partitions."""
    made = World(organisation(running_servers, "two-workers"))
    try:
        made.start("w0", 0)
        made.start("w1", 1)
        for number in (0, 1):
            for lane in ("offers", "issue"):
                line = f'redeemonce_partitions{{lane="{lane}"}} 2.0'
                wait_for(line, lambda n=number, x=line: x in made.get("/metrics", n)[1].decode())
        yield made
    finally:
        made.close()


def test_of_services_that_claim_in_the_same_instant_one_gets_the_offer(world: World) -> None:
    # given
    offers = [f"wanted-{n}" for n in range(50)]
    assert set(world.reasons(*(create(name, claim=None) for name in offers))) == {"accepted"}
    listener = Listener(world.settings, OFFERS.outcomes)

    def claims(partition: int) -> list[bytes]:
        service = {"service": SERVICES[partition], "actor": "t"}
        return [
            orjson.dumps(
                new_request("claim", offer_id=name, holder=f"{partition}-{name}", **service)
            )
            for name in offers
        ]

    # when: each service's claims lie in a partition of their own, two of them with each worker
    with ThreadPoolExecutor() as pool:
        laid = pool.map(lambda p: world.lay(OFFERS.requests, *claims(p), partition=p), PARTITIONS)
        places = [place for places in laid for place in places]
    said = [answer.content for answer in listener.answers(*places)]
    listener.close()

    # expect
    accepted = [one for one in said if one["outcome"] == "accepted"]
    assert sorted(one["offer_id"] for one in accepted) == sorted(offers)
    assert {one["reason"] for one in said} == {None, "already_claimed"}
    decided = 'redeemonce_decisions_total{lane="offers"'
    assert all(decided in world.get("/metrics", n)[1].decode() for n in (0, 1))


def test_of_offers_that_want_one_campaign_one_gets_it(world: World) -> None:
    # given
    offers = [f"rival-{n}" for n in range(4)]
    world.ask(*(create(name, claim=None) for name in offers))
    listener = Listener(world.settings, OFFERS.outcomes)
    campaign = {"service": "outbound", "actor": "t"}

    # when
    places = [
        place
        for n, name in enumerate(offers)
        for place in world.lay(
            OFFERS.requests,
            *(orjson.dumps(new_request("claim", offer_id=name, holder=f"summer-{k}", **campaign))
              for k in range(20)),
            partition=n,
        )
    ]  # fmt: skip
    said = [answer.content for answer in listener.answers(*places)]
    listener.close()

    # expect: an offer keeps the first campaign it got
    holders = [one["offer"]["claim"]["holder"] for one in said if one["outcome"] == "accepted"]
    assert len(holders) == len(set(holders)) == len(offers)


def test_one_limit_over_all_partitions_of_both(world: World) -> None:
    # given
    world.ask(create("scarce", issue={"max_total": 100}))
    listener = Listener(world.settings, ISSUE.outcomes)

    # when
    places = [
        place
        for p in PARTITIONS
        for place in world.lay(
            ISSUE.requests,
            *(orjson.dumps(issue(f"c-{p}-{n}", "scarce")) for n in range(60)),
            partition=p,
        )
    ]
    said = [answer.content for answer in listener.answers(*places)]
    listener.close()

    # expect
    totals = sorted(one["totals"]["offer"] for one in said if one["outcome"] == "accepted")
    assert totals == list(range(1, 101))
