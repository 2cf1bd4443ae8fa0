"""The same work on Quix Streams, exactly once with RocksDB.

The code that its own documentation leads to: one stateful function over a topic. Its state is that
of one message key, so of one customer: a coupon that another customer used isn't seen, and the
total is what this customer redeemed of the offer.

APP_ID (also its consumer group), BOOTSTRAP, REQUESTS, RESULTS, STATE_DIR and COMMIT_S (seconds
between commits) come from outside.
"""

import os
from typing import Any

from quixstreams import Application, State
from rules import moment, outcome, refusal

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
    decision = state.get("request:" + request["request_id"])
    if decision is None:
        decision = decide(request, state)
        state.set("request:" + request["request_id"], decision)
    return decision


def decide(request: dict[str, Any], state: State) -> dict[str, Any]:
    """The outcome; changes the state where it accepts."""
    coupon, offer = "coupon:" + request["code"], "total:" + request["offer_id"]
    count, last = state.get("customer", (0, None))
    total, at = state.get(offer, 0), moment(request)
    reason = refusal(state.exists(coupon), count, last, at, total)
    if reason is None:
        total += 1
        state.set(coupon, request["request_id"])
        state.set("customer", (count + 1, at))
        state.set(offer, total)
    return outcome(request, reason, total)


app.dataframe(requests).apply(redeem, stateful=True).to_topic(results)

if __name__ == "__main__":
    app.run()
