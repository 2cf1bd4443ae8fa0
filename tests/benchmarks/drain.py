"""How fast one worker drains a backlog: first of issues, then of redeems with those coupons.

Both are timed by the broker's own stamps in the outcomes, so nothing reads along meanwhile.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.topics import ISSUE, REDEEM, Lane
from streams.client import Till, new_request
from tests.benchmarks import load
from tests.benchmarks.ground import Ground
from tests.benchmarks.watch import Backlog, Usage, committed, rate, wait_until_drained
from tests.world import World


class NotExact(Exception):
    """The outcomes are not what was sent, once each."""


@dataclass(frozen=True)
class Drained:
    """Of one run: decisions a second, and processor seconds for a million of them."""

    issue_rate: float
    redeem_rate: float
    issue_usage: Usage
    redeem_usage: Usage


def drain(ground: Ground, name: str, records: int, seed: int) -> Drained:
    """Raises `NotExact` where an outcome is missing, doubled or a rejection."""
    with ground.organisation(name) as world:
        world.start()
        coupons, issue_rate, issue_usage = issue_coupons(ground, world, records, seed)
        usage = drain_lane(ground, world, REDEEM, load.redeems(coupons))
        stamps, said = _outcomes(world, REDEEM)
        _check(said, records)
        return Drained(issue_rate, rate(stamps), issue_usage, usage)


def issue_coupons(
    ground: Ground, world: World, count: int, seed: int
) -> tuple[list[tuple[str, str]], float, Usage]:
    """(customer, code) of that many coupons, in no order; how many a second; at what cost."""
    create = new_request("create", offer_id=load.OFFER_ID, actor="bench", offer=load.OFFER)
    (created,) = world.ask(create)
    if created["outcome"] != "accepted":
        raise NotExact(f"the offer was refused: {created}")
    usage = drain_lane(ground, world, ISSUE, load.issues(load.customers(count, seed)))
    stamps, said = _outcomes(world, ISSUE)
    _check(said, count)
    return [(one["customer_id"], one["code"]) for one in said], rate(stamps), usage


def drain_lane(
    ground: Ground, world: World, lane: Lane, records: Iterable[tuple[bytes, bytes]]
) -> Usage:
    """Stop the worker, pile the records up, start it, wait until its offsets say all is done."""
    settings, stack = world.settings, ground.stack
    world.stop()
    load.produce(Till(settings), settings.topic(lane.requests), records)
    backlog = Backlog(settings, settings.topic(lane.requests), settings.group(lane))
    world.start(ready=False)
    worker = world.workers["w0"]
    pids = {"worker": worker.pid, "Redis": stack.redis_pid, "Kafka": stack.kafka_pid}
    try:
        usage = wait_until_drained(backlog, pids, lambda: worker.poll() is None)
    except RuntimeError as error:
        raise RuntimeError(f"{error}:\n{world.log()[-4000:]}") from None
    world.wait_until_ready()
    return usage


def _outcomes(world: World, lane: Lane) -> tuple[list[int], list[dict[str, Any]]]:
    """The broker's stamps (milliseconds) and the outcomes themselves."""
    stamps, said = [], []
    for message in committed(world.settings, world.settings.topic(lane.outcomes)):
        stamps.append(message.timestamp()[1])
        said.append(orjson.loads(message.value()))
    return stamps, said


def _check(said: list[dict[str, Any]], count: int) -> None:
    refused = {one["reason"] for one in said if one["outcome"] != "accepted" or one["replayed"]}
    ids = {one["request_id"] for one in said}
    coupons = {one["coupon_id"] for one in said}
    total = max((one["totals"]["offer"] for one in said if "totals" in one), default=0)
    if refused or not len(said) == len(ids) == len(coupons) == total == count:
        raise NotExact(
            f"of {count} requests: {len(said)} outcomes, {len(ids)} request ids, {len(coupons)} "
            f"coupons, an offer's total of {total}; rejected or replayed: {refused or 'none'}"
        )
