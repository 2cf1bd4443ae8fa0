"""The same five rules in one Python process and one Redis, with nothing around them: no engine, but
a measure for one that is built so.

A call of Redis for each batch, for which it waits, and its commit while the next is decided. None
of an offer's other rules, no computed codes, no fencing, no restore: two that run at once, or a
Redis that loses writes, are wrong afterwards. Coupons and totals are those of all partitions.

APP_ID (also its consumer group), BOOTSTRAP, REQUESTS, RESULTS, REDIS_URL and LEDGER (how its keys
in Redis begin) come from outside.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from zlib import crc32

import msgpack
import orjson
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from pydantic import TypeAdapter
from redis import Redis
from rules import CUSTOMER_LIMIT, MIN_GAP_S, OFFER_LIMIT, outcome
from typing_extensions import TypedDict

_BATCH = 4_000
#: Hashes that each kind of key is spread over: a million make 31 in each, which stay compact.
_BUCKETS = 2**15


class Bill(TypedDict):
    number: str
    amount: str
    currency: str


class Redeem(TypedDict):
    type: Literal["redeem"]
    request_id: str
    offer_id: str
    customer_id: str
    code: str
    till_id: str
    bill: Bill
    occurred_at: str


_requests, _results = os.environ["REQUESTS"], os.environ["RESULTS"]
_validate = TypeAdapter(Redeem).validator.validate_python
_pack = msgpack.Packer(use_bin_type=False).pack
_redis = Redis.from_url(os.environ["REDIS_URL"])
_script = _redis.register_script(Path(__file__).with_suffix(".lua").read_text())
_consumer = Consumer(
    {
        "bootstrap.servers": os.environ["BOOTSTRAP"],
        "group.id": os.environ["APP_ID"],
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "fetch.queue.backoff.ms": 10,
    }
)
_producer = Producer(
    {
        "bootstrap.servers": os.environ["BOOTSTRAP"],
        "transactional.id": os.environ["APP_ID"],
        "compression.type": "lz4",
        "linger.ms": 2,
        "retry.backoff.ms": 2,  # the broker refuses a transaction right after another for a moment
        "batch.num.messages": 10_000,
        "queue.buffering.max.messages": 500_000,
    }
)


@lru_cache
def _second(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())


def _bucket(name: str) -> int:
    return crc32(name.encode()) % _BUCKETS


def decide(messages: list[Message]) -> list[bytes]:
    """A result for each."""
    requests: list[dict[str, Any]] = [_validate(orjson.loads(one.value())) for one in messages]
    asked: list[Any] = []
    for one in requests:
        request_id, code, customer_id = one["request_id"], one["code"], one["customer_id"]
        asked += (
            request_id, _bucket(request_id), code, _bucket(code), customer_id,
            _bucket(customer_id), one["offer_id"], _second(one["occurred_at"]),
        )  # fmt: skip
    limits = (CUSTOMER_LIMIT, MIN_GAP_S, OFFER_LIMIT)
    answer = _script([os.environ["LEDGER"]], [_pack(asked), *limits])
    decided = (one.split(":") for one in msgpack.unpackb(answer))
    return [
        orjson.dumps(outcome(one, reason or None, int(total)))
        for one, (reason, total) in zip(requests, decided, strict=True)
    ]


def commit(messages: list[Message], results: list[bytes], member: Any) -> None:
    _producer.begin_transaction()
    for message, result in zip(messages, results, strict=True):
        _producer.produce(_results, result, message.key(), message.partition())
    ends = {one.partition(): one.offset() + 1 for one in messages}
    offsets = [TopicPartition(_requests, partition, end) for partition, end in ends.items()]
    _producer.send_offsets_to_transaction(offsets, member)
    _producer.commit_transaction()


def main() -> None:
    _consumer.subscribe([_requests])
    with ThreadPoolExecutor(1) as committing:
        underway = committing.submit(_producer.init_transactions)
        while True:
            messages = _consumer.consume(_BATCH, 0.005)
            results = decide(messages) if messages else []
            if messages or underway.done():
                underway.result()  # an error ends the loop
            if messages:
                member = _consumer.consumer_group_metadata()
                underway = committing.submit(commit, messages, results, member)


if __name__ == "__main__":
    main()
