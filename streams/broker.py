"""Clients of Kafka and the topics on it: made here, with one set of settings."""

import logging
import re
import time
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import chain
from typing import Any, TypeVar

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ClusterMetadata, NewTopic

from schemas.topics import MAX_ANSWER_BYTES, MAX_RECORD_BYTES, Topic, all_topics
from streams.encryption import kafka_client
from streams.restart import leave
from streams.settings import Settings

logger = logging.getLogger("redeemonce")
T = TypeVar("T")
ANSWER_TIMEOUT_S = 10.0
#: What asking again doesn't mend, by its code; and what TLS says of a client's certificate, which
#: has none (RFC 8446, section 6: 42 to 49 and 116).
_REFUSALS = (KafkaError._SSL, KafkaError._AUTHENTICATION)
_CERTIFICATE_ALERT = re.compile(r"SSL alert number (4[2-9]|116)\b")
#: What a broker says of a partition that it hasn't heard of yet.
_NO_LEADER_YET = (
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)
#: Between two questions to a broker that is asked until it knows, or until a deadline.
_ASK_AGAIN_S = 0.05
#: partition -> where to begin, and before which offset to end.
Bounds = dict[int, tuple[int, int]]


class BrokerError(Exception):
    """Kafka refused or didn't answer; the message says what to look at."""


class BrokerRefuses(BrokerError):
    """Kafka doesn't take our certificate, user or password, or we don't take its certificate."""


class Heard:
    """What a client says of its connections, until one of them works."""

    def __init__(self) -> None:
        self.last = ""
        self.refusal = ""

    def note(self, error: KafkaError) -> None:
        if _refuses(error):
            self.refusal = error.str()
        elif error.code() != KafkaError._ALL_BROKERS_DOWN:  # which says nothing of why
            self.last = error.str()


def _refuses(error: KafkaError) -> bool:
    """A certificate, a user or a password is wrong. A listener that speaks no TLS isn't told from
    a broker that is about to go, so that is waited for."""
    return error.code() in _REFUSALS or bool(_CERTIFICATE_ALERT.search(error.str()))


@lru_cache(maxsize=8)
def _connected(settings: Settings) -> tuple[AdminClient, Heard]:
    heard = Heard()
    return AdminClient(_common(settings) | {"error_cb": heard.note}), heard


def admin(settings: Settings) -> AdminClient:
    """One for each organisation: it has a connection and threads of its own."""
    return _connected(settings)[0]


def forget_clients() -> None:
    """One that is left over would complain that its broker is gone."""
    _connected.cache_clear()


def look_up(
    settings: Settings, topic: str | None = None, timeout_s: float = ANSWER_TIMEOUT_S
) -> ClusterMetadata:
    """Brokers, and topics or one of them. Raises `BrokerRefuses`, or `BrokerError` in the end."""
    client, heard = _connected(settings)
    deadline, wait_s = time.monotonic() + timeout_s, 0.5
    while True:
        wait_s *= 2  # short at first, to say soon that we are refused
        try:
            known = client.list_topics(topic, timeout=wait_s)
        except KafkaException as error:
            client.poll(0)  # hands over what the client has to say
            place = f"Kafka at {settings.kafka_bootstrap_servers}"
            if heard.refusal:
                raise BrokerRefuses(f"{place} can't be used: {heard.refusal}") from None
            if time.monotonic() > deadline:
                why = heard.last or error.args[0].str()
                raise BrokerError(f"{place} doesn't answer ({why})") from None
        else:
            heard.last = heard.refusal = ""
            return known


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
            "message.max.bytes": MAX_ANSWER_BYTES,
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
            "error_cb": partial(_heard_by_a_consumer, on_error),
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
            "fetch.wait.max.ms": 50,
            "fetch.queue.backoff.ms": 10,
            "queued.max.messages.kbytes": 65_536,
            "fetch.message.max.bytes": MAX_RECORD_BYTES,  # at once; a larger one comes alone
            **{name.replace("_", "."): value for name, value in more.items()},
        }
    )


def _heard_by_a_consumer(on_error: Callable[[KafkaError], None], error: KafkaError) -> None:
    if _refuses(error):  # while we were away somebody changed a password or a certificate
        logger.warning("Kafka can't be used: %s", error.str())
    on_error(error)


def wait_until_it_answers(settings: Settings, waiting: Callable[[str], None]) -> None:
    """Block until Kafka answers; ``waiting`` gets a line every few seconds that it doesn't.

    Leaves where it refuses us: that is for people to mend, and they should see it at once.
    """
    while True:
        try:
            look_up(settings, timeout_s=3)
            return
        except BrokerRefuses as refusal:
            leave(str(refusal))
        except BrokerError as error:
            waiting(f"{error}; nothing is decided until it does")
            time.sleep(1)


def ensure_topics(settings: Settings) -> list[str]:
    """Create the registry's topics that don't exist. Returns the names of those made now."""
    client = admin(settings)
    known = look_up(settings).topics
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
    _wait_for_leaders(settings, [settings.topic(topic) for topic in all_topics()])
    return made


def _wait_for_leaders(settings: Settings, names: list[str]) -> None:
    deadline = time.monotonic() + 30
    while True:
        known = look_up(settings).topics
        if all(
            name in known
            and known[name].partitions
            and all(p.leader >= 0 for p in known[name].partitions.values())
            for name in names
        ):
            return
        if time.monotonic() > deadline:
            raise BrokerError("some topics have no leader; look at the broker's log")
        time.sleep(_ASK_AGAIN_S)


def partitions_of(settings: Settings, topic: Topic) -> int:
    """How many partitions a topic has. Raises `BrokerError` where it doesn't exist."""
    name = settings.topic(topic)
    found = look_up(settings, name).topics[name]
    if found.error is not None:
        raise BrokerError(f"topic {name} doesn't exist yet: start a worker, or `redeemonce up`")
    return len(found.partitions)


def ends_of(client: Consumer, topic: str, partitions: int) -> list[tuple[int, int]]:
    """(first, next) offsets of each partition, as readers of committed records see them."""
    return [_ends(client, TopicPartition(topic, p)) for p in range(partitions)]


def _ends(client: Consumer, place: TopicPartition) -> tuple[int, int]:
    deadline = time.monotonic() + ANSWER_TIMEOUT_S
    while True:
        try:
            found: tuple[int, int] = client.get_watermark_offsets(place, timeout=ANSWER_TIMEOUT_S)
            return found
        except KafkaException as error:  # of a topic made just now
            unknown = error.args[0].code() in _NO_LEADER_YET
            if not unknown or time.monotonic() > deadline:
                raise
            time.sleep(_ASK_AGAIN_S)


def read_all(
    settings: Settings, topic: Topic, group: str = "redeemonce-reader", **more: Any
) -> Iterator[Message]:
    """Every committed record of a topic up to its present end, in order within a partition."""
    client = consumer(settings, settings.topic_prefix + group, enable_partition_eof=True, **more)
    name = settings.topic(topic)
    try:
        ends = ends_of(client, name, partitions_of(settings, topic))
        bounds = {p: (first, end) for p, (first, end) in enumerate(ends) if end > first}
        yield from chain.from_iterable(read_between(client, name, bounds))
    finally:
        client.close()


def read_between(client: Consumer, name: str, bounds: Bounds) -> Iterator[list[Message]]:
    """The records of a topic between these offsets, and what stands behind them by now: some at a
    time, maybe none, in order within a partition. Raises `BrokerError`.

    ``client``: with ``enable_partition_eof``.
    """
    client.assign([TopicPartition(name, p, first) for p, (first, _) in bounds.items()])
    open_ = set(bounds)
    while open_:
        messages = client.consume(10_000, 0.05)
        yield [message for message in messages if is_record(message, name)]
        for message in messages:
            if is_end(message) and message.offset() >= bounds[message.partition()][1]:
                open_.discard(message.partition())


def is_record(message: Message, name: str) -> bool:
    """Raises `BrokerError` for what is neither that nor the end of a partition."""
    error = message.error()
    if error is not None and not is_end(message) and not error.retriable():
        raise BrokerError(f"{name} can't be read: {error.str()}")
    return error is None


def is_end(message: Message) -> bool:
    """Whether it says that its partition has no more for now."""
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF


def _common(settings: Settings) -> dict[str, Any]:
    return {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "client.id": f"redeemonce-{settings.place}",
        "log_level": 2,  # a broker that is away is said by us, once in a while
        "topic.metadata.refresh.interval.ms": 30_000,
        "reconnect.backoff.max.ms": 1000,
        **kafka_client(settings),
    }
