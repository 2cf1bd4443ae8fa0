"""How far requests are committed, asked while a transaction is about to move that."""

from threading import Timer

import pytest
from confluent_kafka import Producer, TopicPartition

from schemas.topics import ISSUE
from streams.audit.topics import committed_by_lane
from streams.broker import BrokerError, consumer, ensure_topics, producer
from streams.committed import committed_offsets
from streams.recovery.offsets import make_sure_of_offsets
from streams.settings import Settings

BEFORE = {0: 0, 1: 0, 2: 0, 3: 0}


@pytest.fixture
def moving(settings: Settings) -> Producer:
    """A transaction with the offset 7 of the first partition, not yet committed."""
    ensure_topics(settings)
    assert make_sure_of_offsets(settings)["issue"] == BEFORE
    made = producer(settings, transactional_id=settings.topic_prefix + "test")
    made.init_transactions(30)
    begin_to_move(settings, made, 7)
    return made


def begin_to_move(settings: Settings, client: Producer, to: int) -> None:
    member = consumer(settings, settings.group(ISSUE))
    client.begin_transaction()
    place = TopicPartition(settings.topic(ISSUE.requests), 0, to)
    client.send_offsets_to_transaction([place], member.consumer_group_metadata(), 30)
    member.close()


def test_offsets_are_those_after_the_transaction(settings: Settings, moving: Producer) -> None:
    assert committed_offsets(settings, ISSUE, stable=False) == BEFORE
    timer = Timer(0.5, moving.commit_transaction, [30])
    timer.start()
    assert committed_offsets(settings, ISSUE) == BEFORE | {0: 7}
    timer.join()


def test_the_audit_takes_no_partition_for_an_empty_one(
    settings: Settings, moving: Producer
) -> None:
    moving.commit_transaction(30)
    begin_to_move(settings, moving, 9)
    timer = Timer(0.5, moving.abort_transaction, [30])
    timer.start()
    assert committed_by_lane(settings)["issue"][0] == 7
    timer.join()


def test_where_it_stays_open_somebody_is_told(settings: Settings, moving: Producer) -> None:
    with pytest.raises(BrokerError, match="can't be read"):
        committed_offsets(settings, ISSUE, limit_s=1.0)
    moving.abort_transaction(30)
