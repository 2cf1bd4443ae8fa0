"""What is there before the redeems: offers, and coupons that a real worker issued of them."""

import random
from collections.abc import Iterable
from typing import Any

from schemas.topics import ISSUE
from streams.client import new_request
from tests.benchmarks import load
from tests.benchmarks.engines.ours import Ours
from tests.benchmarks.ground import Ground
from tests.benchmarks.load import Coupon
from tests.benchmarks.measuring.drain import Drained, drain
from tests.benchmarks.measuring.results import NotExact
from tests.world import World

_OFFERS_AT_ONCE = 500


def create_offers(world: World, count: int) -> None:
    """Their worker is left running."""
    world.start()
    for first in range(0, count, _OFFERS_AT_ONCE):
        offers = map(load.offer, range(first, min(first + _OFFERS_AT_ONCE, count)))
        asked = [
            new_request("create", offer_id=one["offer_id"], actor="bench", offer=one)
            for one in offers
        ]
        refused = [said for said in world.ask(*asked) if said["outcome"] != "accepted"]
        if refused:
            raise NotExact(f"{len(refused)} offers were refused: {refused[0]}")


def issue_coupons(
    ground: Ground, world: World, customer_ids: Iterable[str], offers: int = 1, keep_each: int = 1
) -> tuple[list[Coupon], Drained]:
    """One to each customer, of so many new offers, issued from a backlog.

    Every ``keep_each``th of them comes back, shuffled: they were read a partition at a time, and
    would be redeemed so. Raises `NotExact`.
    """
    create_offers(world, offers)
    coupons: list[Coupon] = []
    place = 0

    def note(said: dict[str, Any]) -> None:
        nonlocal place
        if place % keep_each == 0:
            coupons.append(Coupon(said["customer_id"], said["code"], said["offer_id"]))
        place += 1

    requests = load.issues(customer_ids, offers)
    found = drain(ground, Ours(world, ISSUE), "issue", requests, note)
    found.results.insist()
    random.Random(len(coupons)).shuffle(coupons)
    return coupons, found
