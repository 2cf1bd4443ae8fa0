"""A run's topics and ledger, copied under another prefix, so that a test can alter one thing."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import dataclass, replace
from typing import Any

import orjson
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from redis import Redis

from tests.faults.topics_seen import LANES, TOPICS, Ends, Seen

_CONFIG = {"message.timestamp.type": "CreateTime", "max.message.bytes": "2000000"}
_ANSWER_S = 30
Said = dict[str, Any]


@dataclass
class Row:
    partition: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, str]
    stamp_ms: int
    _said: Said | None = None

    @property
    def said(self) -> Said:
        if self._said is None:
            self._said = orjson.loads(self.value or b"{}")
        return self._said

    @said.setter
    def said(self, said: Said) -> None:
        self.value, self._said = orjson.dumps(said), said

    def say(self, **changes: Any) -> None:
        self.said = self.said | changes


@dataclass
class CopiedRun:
    """``rows``: by topic. ``committed``: by lane and partition."""

    prefix: str
    partitions: int
    rows: dict[str, list[Row]]
    committed: Ends

    @classmethod
    def of(cls, seen: Seen) -> "CopiedRun":
        rows = {
            name: [Row(each.place[1], *each[1:]) for each in records]
            for name, records in seen.records.items()
        }
        return cls(seen.prefix, len(seen.ends["issue.requests"]), rows, seen.committed)

    def fork(self) -> "CopiedRun":
        """For one alteration. Outcomes are changed by `Row.say` and `Row.said` alone."""
        rows = {name: [copy(row) for row in rows] for name, rows in self.rows.items()}
        return replace(self, rows=rows, committed=deepcopy(self.committed))

    def find(self, lane: str, last: bool = False, **wanted: Any) -> Row:
        """The first outcome decided that says so, or the last. ``replayed``: only if wanted."""
        found = [
            row
            for row in self.rows[f"{lane}.outcomes"]
            if all(row.said.get(name) == content for name, content in wanted.items())
            and (row.said.get("ledger") or wanted.get("replayed"))
        ]
        assert found, f"the run has no {lane} outcome with {wanted}"
        found.sort(key=lambda row: (row.said.get("ledger") or {}).get("sequence") or 0)
        return found[-1 if last else 0]

    def decisions(self, offer_id: str) -> list[Row]:
        """Of one offer, in their order."""
        found = [
            row
            for lane in LANES
            for row in self.rows[f"{lane}.outcomes"]
            if row.said.get("offer_id") == offer_id and row.said.get("ledger")
        ]
        return sorted(found, key=lambda row: int(row.said["ledger"]["sequence"]))

    def request_of(self, row: Row) -> Row:
        """Which request an outcome answers."""
        source = row.said["source"]
        topic = source["topic"].removeprefix(self.prefix)
        mine = [each for each in self.rows[topic] if each.partition == source["partition"]]
        return mine[source["offset"]]

    def turn(self, row: Row, like: Row) -> None:
        """Let an outcome say what another does, but for what is its own."""
        mine, theirs = row.said, like.said
        own = ("request_id", "source", "occurred_at", "decided_at", "customer_id", "offer_id")
        said = theirs | {name: mine[name] for name in own}
        said["ledger"] = theirs["ledger"] | {"sequence": mine["ledger"]["sequence"]}
        row.said = said


class Copies:
    """Lays copies down on servers."""

    def __init__(self, kafka_bootstrap_servers: str, redis_url: str, prefix: str) -> None:
        self._servers = {"bootstrap.servers": kafka_bootstrap_servers}
        self._admin = AdminClient(self._servers)
        self._redis: Any = Redis.from_url(redis_url)
        self._from = prefix
        keys = list(self._redis.scan_iter(base_of(prefix) + "*", count=5_000))
        self._dumps = {key.decode(): self._redis.dump(key) for key in keys}

    @contextmanager
    def laid(self, run: CopiedRun) -> Iterator[str]:
        """Gives the prefix under which a copy lies, for the time of the block."""
        prefix = f"copy.{uuid.uuid4().hex[:8]}."
        try:
            self._lay(run, prefix)
            yield prefix
        finally:
            self._remove(prefix)

    def _lay(self, run: CopiedRun, prefix: str) -> None:
        topics = [NewTopic(prefix + name, run.partitions, 1, config=_CONFIG) for name in TOPICS]
        for made in self._admin.create_topics(topics).values():
            made.result(_ANSWER_S)
        self._produce(run, prefix)
        for lane in LANES:
            self._commit(lane, run, prefix)
        self.lay_ledger(prefix)

    def lay_ledger(self, prefix: str) -> None:
        """As it was, whatever became of it."""
        for key in self._keys(prefix):
            self._redis.delete(key)
        pipeline = self._redis.pipeline(transaction=False)
        for key, dump in self._dumps.items():
            pipeline.restore(key.replace(self._from, prefix), 0, dump)
        pipeline.execute()

    def _remove(self, prefix: str) -> None:
        for key in self._keys(prefix):
            self._redis.delete(key)
        for gone in self._admin.delete_topics([prefix + name for name in TOPICS]).values():
            gone.result(_ANSWER_S)

    def open_transaction(self, topic: str) -> Callable[[], None]:
        """A record that is in doubt until what is returned is called."""
        client = Producer({**self._servers, "transactional.id": uuid.uuid4().hex})
        client.init_transactions(_ANSWER_S)
        client.begin_transaction()
        client.produce(topic, b"{}")
        assert client.flush(_ANSWER_S) == 0
        return lambda: client.abort_transaction(_ANSWER_S)  # type: ignore[no-any-return]

    def _keys(self, prefix: str) -> Iterator[bytes]:
        yield from self._redis.scan_iter(base_of(prefix) + "*", count=5_000)

    def _produce(self, run: CopiedRun, prefix: str) -> None:
        in_order = {"enable.idempotence": True, "linger.ms": 5, "message.max.bytes": 1_100_000}
        client = Producer(self._servers | in_order)
        old, new = self._from.encode(), prefix.encode()
        for name, rows in run.rows.items():
            for row in rows:
                value = row.value.replace(old, new) if row.value else row.value
                headers = {
                    header: text.replace(self._from, prefix) for header, text in row.headers.items()
                }
                client.produce(
                    prefix + name, value, row.key, row.partition, timestamp=row.stamp_ms,
                    headers=headers,
                )  # fmt: skip
        assert client.flush(_ANSWER_S) == 0

    def _commit(self, lane: str, run: CopiedRun, prefix: str) -> None:
        places = [
            TopicPartition(f"{prefix}{lane}.requests", partition, offset)
            for partition, offset in run.committed[lane].items()
        ]
        question = [ConsumerGroupTopicPartitions(f"{prefix}redeemonce.{lane}", places)]
        [done] = self._admin.alter_consumer_group_offsets(question).values()
        done.result(_ANSWER_S)


def base_of(prefix: str) -> str:
    """How the keys of an organisation's ledger begin."""
    return f"{prefix}{{{prefix}ledger}}:"
