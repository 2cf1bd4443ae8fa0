"""Issue, redeem and reverse in plain Faust: agents, Tables and `exactly_once`, no other server.

The program that Faust's own documentation leads to: a customer's requests come in one partition, so
that Tables of that number have all that is known of the customer. An offer's totals are those that
this worker has seen, and a coupon is known to the worker that has its recipient's partition.

Reads its addresses as a worker of ours does, and the offers from the file `PLAIN_OFFERS`, which has
to be there when the first request comes. `app.py worker` runs it.
"""

import os
import uuid
from functools import cache
from pathlib import Path
from typing import Any

import faust
import orjson

from schemas.topics import DEAD_LETTERS, ISSUE, REDEEM, Topic
from streams.settings import Settings

Request = dict[str, Any]
Rules = dict[str, Any]
#: What a request of each type has to have, as texts.
_TEXTS = {
    "issue": ("offer_id", "customer_id"),
    "redeem": ("code", "customer_id"),
    "reverse": ("redemption_id", "code", "customer_id"),
}
#: Not remembered by its request's id: a retry may find the coupon.
_FORGOTTEN = ("offer_not_found", "code_not_found")

settings = Settings()
app = faust.App(
    settings.topic_prefix + "plain",
    broker=f"kafka://{settings.kafka_bootstrap_servers}",
    processing_guarantee="exactly_once",
    store="memory://",  # all of it is in the changelogs
    datadir=os.environ["PLAIN_DATA"],
    topic_partitions=settings.partitions,
    consumer_auto_offset_reset="earliest",
    # Nearer to what our workers have than the defaults of a minute and more; a commit more often
    # than each second keeps its producers waiting.
    broker_session_timeout=10.0,
    broker_heartbeat_interval=2.0,
    broker_request_timeout=15.0,
    broker_rebalance_timeout=15.0,
    broker_commit_interval=1.0,
    # Twice as fast as with the defaults, by `tests.benchmarks`.
    producer_linger=0.02,
    broker_max_poll_records=2_000,
    producer_max_request_size=2 * 1024 * 1024,
    # What is under way in an agent may be dropped at a rebalance: it is read again.
    stream_wait_empty=False,
    table_cleanup_interval=3600.0,
    # On by default. With it most rebalances ended some worker: four kills, seven such ends.
    recovery_consistency_check=False,
    web_bind="127.0.0.1",
    web_host="127.0.0.1",
    web_port=settings.web_port,
)


def _topic(topic: Topic) -> faust.TopicT:
    """Bytes as they are: what is no JSON must not stop an agent."""
    return app.topic(settings.topic(topic), key_serializer="raw", value_serializer="raw")


issue_requests, issue_outcomes = _topic(ISSUE.requests), _topic(ISSUE.outcomes)
redeem_requests, redeem_outcomes = _topic(REDEEM.requests), _topic(REDEEM.outcomes)
dead_letters = _topic(DEAD_LETTERS)

decisions = app.Table("decisions")  # request_id -> {"content", "said"}
coupons = app.Table("coupons")  # code -> {"offer_id", "customer_id", "uses"}
customers = app.Table("customers")  # offer_id/customer_id -> {"issued", "redeemed"}
totals = app.Table("totals")  # offer_id -> {"issued", "redeemed"}, as this worker has seen them


@cache
def offers() -> dict[str, dict[str, Rules]]:
    """By offer_id: the sections of it."""
    found: dict[str, dict[str, Rules]] = orjson.loads(Path(os.environ["PLAIN_OFFERS"]).read_bytes())
    return found


# Rules -------------------------------------------------------------------------------------------


def decide(request: Request) -> dict[str, Any]:
    """The first rule that refuses, or what accepting says; changes the Tables."""
    rule = {"issue": _issue, "redeem": _redeem, "reverse": _reverse}[request["type"]]
    reason, more = rule(request)
    return {"outcome": "rejected" if reason else "accepted", "reason": reason, **more}


def _issue(request: Request) -> tuple[str | None, dict[str, Any]]:
    offer_id, customer_id = request["offer_id"], request["customer_id"]
    told = {"offer_id": offer_id, "customer_id": customer_id}
    if offer_id not in offers():
        return "offer_not_found", told
    limits = offers()[offer_id].get("issue", {})
    if reason := _reached(limits, "issued", offer_id, customer_id):
        return reason, told
    code = uuid.uuid4().hex[:16].upper()
    coupons[code] = {"offer_id": offer_id, "customer_id": customer_id, "uses": {}}
    return None, {**told, "code": code, "totals": _count("issued", offer_id, customer_id, 1)}


def _redeem(request: Request) -> tuple[str | None, dict[str, Any]]:
    code, customer_id = request["code"], request["customer_id"]
    told = {"code": code, "customer_id": customer_id}
    coupon = coupons.get(code)
    if coupon is None:
        return "code_not_found", told
    offer_id, uses = coupon["offer_id"], coupon["uses"]
    told["offer_id"] = offer_id
    limits = offers()[offer_id].get("redeem", {})
    if len(uses) >= limits.get("uses_per_coupon", 1):
        return "coupon_redeemed", told
    if not limits.get("anyone_may_redeem") and coupon["customer_id"] != customer_id:
        return "not_recipient", told
    if reason := _reached(limits, "redeemed", offer_id, customer_id):
        return reason, told
    coupons[code] = {**coupon, "uses": uses | {request["request_id"]: customer_id}}
    return None, {**told, "totals": _count("redeemed", offer_id, customer_id, 1)}


def _reverse(request: Request) -> tuple[str | None, dict[str, Any]]:
    code, customer_id = request["code"], request["customer_id"]
    redemption_id = request["redemption_id"]
    told = {"code": code, "customer_id": customer_id, "redemption_id": redemption_id}
    coupon = coupons.get(code)
    if coupon is None:
        return "code_not_found", told
    offer_id, uses = coupon["offer_id"], coupon["uses"]
    told["offer_id"] = offer_id
    if uses.get(redemption_id) != customer_id:
        return "redemption_not_found", told
    left = {use: who for use, who in uses.items() if use != redemption_id}
    coupons[code] = {**coupon, "uses": left}
    return None, {**told, "totals": _count("redeemed", offer_id, customer_id, -1)}


def _reached(limits: Rules, what: str, offer_id: str, customer_id: str) -> str | None:
    most, most_in_all = limits.get("max_per_customer"), limits.get("max_total")
    if most is not None and _counts(customers, f"{offer_id}/{customer_id}")[what] >= most:
        return "customer_limit_reached"
    if most_in_all is not None and _counts(totals, offer_id)[what] >= most_in_all:
        return "offer_limit_reached"
    return None


def _count(what: str, offer_id: str, customer_id: str, step: int) -> dict[str, int]:
    """Returns the counts after it."""
    told = {}
    for name, table, key in (
        ("customer", customers, f"{offer_id}/{customer_id}"),
        ("offer", totals, offer_id),
    ):
        counts = _counts(table, key)
        table[key] = {**counts, what: counts[what] + step}
        told[name] = counts[what] + step
    return told


def _counts(table: Any, key: str) -> dict[str, int]:
    return table.get(key) or {"issued": 0, "redeemed": 0}


# Streams -----------------------------------------------------------------------------------------


@app.agent(issue_requests)
async def issue(stream: faust.StreamT) -> None:
    async for event in stream.events():
        await answer(event, ("issue",), issue_outcomes)


@app.agent(redeem_requests)
async def redeem(stream: faust.StreamT) -> None:
    async for event in stream.events():
        await answer(event, ("redeem", "reverse"), redeem_outcomes)


async def answer(event: faust.EventT, types: tuple[str, ...], outcomes: faust.TopicT) -> None:
    """Its outcome, in the partition of the same number, or a dead letter."""
    message = event.message
    source = {"topic": message.topic, "partition": message.partition, "offset": message.offset}
    request = read(event.value, types)
    if request is None:
        headers = [(name, str(found).encode()) for name, found in source.items()]
        value = event.value or b""  # its client sends nothing that has neither key nor value
        await dead_letters.send(
            key=message.key, value=value, partition=message.partition, headers=headers
        )
        return
    said = {"request_id": request["request_id"], "type": request["type"], **remembered(request)}
    value = orjson.dumps({**said, "source": source})
    await outcomes.send(key=message.key, value=value, partition=message.partition)


def read(value: bytes | None, types: tuple[str, ...]) -> Request | None:
    """The request, or None where it is none."""
    try:
        found = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict) or found.get("type") not in types:
        return None
    texts = ("request_id", *_TEXTS[found["type"]])
    return found if all(isinstance(found.get(name), str) for name in texts) else None


def remembered(request: Request) -> dict[str, Any]:
    """The decision of its request id: an older one, or one made now."""
    request_id, content = request["request_id"], {**request, "occurred_at": None}
    known = decisions.get(request_id)
    if known is None:
        said = decide(request)
        if said["reason"] not in _FORGOTTEN:
            decisions[request_id] = {"content": content, "said": said}
        return {**said, "replayed": False}
    if known["content"] != content:
        return {"outcome": "rejected", "reason": "request_id_conflict", "replayed": False}
    return {**known["said"], "replayed": True}


@app.page("/health")
async def health(view: faust.web.View, _request: faust.web.Request) -> faust.web.Response:
    """200 once it has partitions, and its Tables are whole."""
    assigned, recovering = app.consumer.assignment(), app.tables.recovery.in_recovery
    ready = bool(assigned) and not recovering and not app.rebalancing
    return view.json({"ready": ready}, status=200 if ready else 503)


if __name__ == "__main__":
    app.main()
