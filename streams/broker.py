"""Clients of Kafka and the topics on it: made here, with one set of settings."""

import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeVar

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.topics import MAX_RECORD_BYTES, Topic, all_topics
from streams.settings import Settings

T = TypeVar("T")
ANSWER_TIMEOUT_S = 10.0


class BrokerError(Exception):
    """Kafka refused or didn't answer; the message says what to look at."""


@lru_cache(maxsize=8)
def admin(settings: Settings) -> AdminClient:
    """One for each organisation: it has a connection and threads of its own."""
    return AdminClient(_common(settings))


def producer(settings: Settings, **more: Any) -> Producer:
    """Idempotent; keyed records go to the partition that Java's client would choose."""
    return Producer(
        {
            **_common(settings),
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": 5,
            "batch.num.messages": 10_000,
            "queue.buffering.max.messages": 500_000,
            "queue.buffering.max.kbytes": 262_144,
            "message.max.bytes": MAX_RECORD_BYTES,
            **{name.replace("_", "."): value for name, value in more.items()},
        }
    )


def consumer(
    settings: Settings,
    group: str,
    on_error: Callable[[KafkaError], None] = lambda _: None,
    **more: Any,
) -> Consumer:
    """Reads what is committed, and commits nothing by itself."""
    return Consumer(
        {
            **_common(settings),
            "group.id": group,
            "error_cb": on_error,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
            "fetch.wait.max.ms": 50,
            "fetch.queue.backoff.ms": 10,
            "queued.max.messages.kbytes": 65_536,
            "fetch.message.max.bytes": MAX_RECORD_BYTES,
            **{name.replace("_", "."): value for name, value in more.items()},
        }
    )


def wait_until_it_answers(settings: Settings, waiting: Callable[[str], None]) -> None:
    """Block until Kafka answers; ``waiting`` gets a line every few seconds that it doesn't."""
    client = admin(settings)
    while True:
        try:
            client.list_topics(timeout=3)
            return
        except KafkaException as error:
            waiting(
                f"Kafka at {settings.kafka_bootstrap_servers} doesn't answer "
                f"({error.args[0].str()}); nothing is decided until it does"
            )
            time.sleep(1)


def ensure_topics(settings: Settings) -> list[str]:
    """Create the registry's topics that don't exist. Returns the names of those made now."""
    client = admin(settings)
    known = client.list_topics(timeout=ANSWER_TIMEOUT_S).topics
    wanted = [topic for topic in all_topics() if settings.topic(topic) not in known]
    new = [
        NewTopic(settings.topic(topic), settings.partitions, -1, config=topic.config)
        for topic in wanted
    ]
    made = []
    for name, future in client.create_topics(new).items() if new else ():
        try:
            future.result(30)
            made.append(name)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise BrokerError(f"topic {name} can't be made: {error.args[0].str()}") from error
    _wait_for_leaders(client, [settings.topic(topic) for topic in all_topics()])
    return made


def _wait_for_leaders(client: AdminClient, names: list[str]) -> None:
    deadline = time.monotonic() + 30
    while True:
        known = client.list_topics(timeout=ANSWER_TIMEOUT_S).topics
        if all(
            name in known
            and known[name].partitions
            and all(p.leader >= 0 for p in known[name].partitions.values())
            for name in names
        ):
            return
        if time.monotonic() > deadline:
            raise BrokerError("some topics have no leader; look at the broker's log")
        time.sleep(0.05)


def partitions_of(settings: Settings, topic: Topic) -> int:
    """How many partitions a topic has. Raises `BrokerError` where it doesn't exist."""
    name = settings.topic(topic)
    found = admin(settings).list_topics(name, timeout=ANSWER_TIMEOUT_S).topics[name]
    if found.error is not None:
        raise BrokerError(f"topic {name} doesn't exist yet: start a worker, or `redeemonce up`")
    return len(found.partitions)


def ends_of(client: Consumer, topic: str, partitions: int) -> list[tuple[int, int]]:
    """(first, next) offsets of each partition, as readers of committed records see them."""
    return [
        client.get_watermark_offsets(TopicPartition(topic, p), timeout=ANSWER_TIMEOUT_S)
        for p in range(partitions)
    ]


def read_all(
    settings: Settings, topic: Topic, group: str = "redeemonce-reader"
) -> Iterator[Message]:
    """Every committed record of a topic up to its present end, in order within a partition."""
    client = consumer(settings, settings.topic_prefix + group, enable_partition_eof=True)
    name = settings.topic(topic)
    try:
        count = partitions_of(settings, topic)
        bounds = ends_of(client, name, count)
        open_ = {p for p, (first, end) in enumerate(bounds) if end > first}
        client.assign([TopicPartition(name, p, bounds[p][0]) for p in sorted(open_)])
        while open_:
            for message in client.consume(10_000, 0.05):
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    if message.offset() >= bounds[message.partition()][1]:
                        open_.discard(message.partition())
                elif not error.retriable():
                    raise BrokerError(f"{name} can't be read: {error.str()}")
    finally:
        client.close()


def _common(settings: Settings) -> dict[str, Any]:
    return {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "client.id": f"redeemonce-{settings.place}",
        "log_level": 2,  # a broker that is away is said by us, once in a while
        "topic.metadata.refresh.interval.ms": 30_000,
        "reconnect.backoff.max.ms": 1000,
    }
