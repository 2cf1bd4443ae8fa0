"""The same work on Quix Streams, exactly once with RocksDB.

The code that its own documentation leads to: one stateful function over a topic. Five rules: the
request id seen, the coupon used, the customer's count, the gap since the customer's last, the
offer's total. Its state is that of one message key, so of one customer: a coupon that another
customer used isn't seen, and the total is what this customer redeemed of the offer.

APP_ID (also its consumer group), BOOTSTRAP, REQUESTS, RESULTS, STATE_DIR and COMMIT_S (seconds
between commits) come from outside.
"""

import os
from datetime import datetime
from typing import Any

from quixstreams import Application, State

CUSTOMER_LIMIT, MIN_GAP_S, OFFER_LIMIT = 50, 0, 100_000_000
REPEATED = ("request_id", "type", "occurred_at", "offer_id", "customer_id", "code", "till_id")

app = Application(
    broker_address=os.environ["BOOTSTRAP"],
    consumer_group=os.environ["APP_ID"],
    state_dir=os.environ["STATE_DIR"],
    auto_offset_reset="earliest",
    processing_guarantee="exactly-once",
    commit_interval=float(os.environ["COMMIT_S"]),
    producer_extra_config={"compression.type": "lz4"},
    loglevel="WARNING",
)
requests = app.topic(os.environ["REQUESTS"], key_deserializer="str", value_deserializer="json")
results = app.topic(os.environ["RESULTS"], key_serializer="str", value_serializer="json")


def redeem(request: dict[str, Any], state: State) -> dict[str, Any]:
    outcome = state.get("request:" + request["request_id"])
    if outcome is None:
        outcome = decide(request, state)
        state.set("request:" + request["request_id"], outcome)
    return outcome


def decide(request: dict[str, Any], state: State) -> dict[str, Any]:
    """The first rule that refuses, or what accepting changes."""
    coupon, offer = "coupon:" + request["code"], "total:" + request["offer_id"]
    count, last = state.get("customer", (0, None))
    total, at = state.get(offer, 0), datetime.fromisoformat(request["occurred_at"]).timestamp()
    reason = None
    if state.exists(coupon):
        reason = "coupon_redeemed"
    elif count >= CUSTOMER_LIMIT:
        reason = "customer_limit_reached"
    elif last is not None and at - last < MIN_GAP_S:
        reason = "gap_not_elapsed"
    elif total >= OFFER_LIMIT:
        reason = "offer_limit_reached"
    if reason is None:
        total += 1
        state.set(coupon, request["request_id"])
        state.set("customer", (count + 1, at))
        state.set(offer, total)
    return {
        **{name: request[name] for name in REPEATED},
        "outcome": "rejected" if reason else "accepted",
        "reason": reason,
        "bill": {name: request["bill"][name] for name in ("number", "amount", "currency")},
        "total": total,
    }


app.dataframe(requests).apply(redeem, stateful=True).to_topic(results)

if __name__ == "__main__":
    app.run()
