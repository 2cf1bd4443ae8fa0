"""The topic `places`: which transactional ids there are, and how often the ledger was opened."""

import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import orjson
from confluent_kafka import Producer

from schemas.topics import PLACES, Lane
from streams.broker import ANSWER_TIMEOUT_S, BrokerError, producer, read_all
from streams.restart import known_process, leave, make_known
from streams.settings import Settings

_EPOCH = b"epoch"
#: Transactional ids that are fenced side by side: each has to find its coordinator.
_AT_ONCE = 16


def fence_everyone(settings: Settings) -> None:
    """Nothing that was decided before can be committed after: every known id begins afresh."""
    names = [name.decode() for name in _places(settings)]

    def fence(name: str) -> None:
        producer(settings, transactional_id=name).init_transactions(60)

    with ThreadPoolExecutor(_AT_ONCE, "fence") as threads:
        list(threads.map(fence, names))


def register(settings: Settings, lanes: Iterable[Lane]) -> None:
    """Write down this place's transactional ids, before the first transaction of each.

    Of two workers started for one place the newer fences the older. Were that to start again, as
    fenced workers do, it would fence the newer, and so on for ever: it sees here that it has to go.
    """
    wanted = {settings.transactional_id(lane).encode() for lane in lanes}
    ours, known = known_process(), _places(settings)
    if ours is not None and any(known.get(name) != ours for name in wanted):
        leave(
            f"Another worker was started for the place {settings.place!r} and has taken it over: "
            "this one ends. Give each worker a REDEEMONCE_WORKER_ID of its own."
        )
    client, ours = _producer(settings), ours or uuid.uuid4().hex
    said = orjson.dumps({"place": settings.place, "process": ours})
    for name in sorted(wanted):
        client.produce(settings.topic(PLACES), said, name)
    if client.flush(ANSWER_TIMEOUT_S * 3):
        raise BrokerError("this worker's place could not be written down; Kafka didn't answer")
    make_known(ours)


def _places(settings: Settings) -> dict[bytes, str | None]:
    """Every transactional id there ever was, and the process that has it."""
    return {
        message.key(): orjson.loads(message.value()).get("process")
        for message in read_all(settings, PLACES)
        if message.key() != _EPOCH and message.value() is not None
    }


def newest_epoch(settings: Settings) -> int:
    """How often the ledger was opened."""
    epochs = [
        int(message.value()) for message in read_all(settings, PLACES) if message.key() == _EPOCH
    ]
    return max(epochs, default=0)


def announce_epoch(settings: Settings, epoch: int) -> None:
    client = _producer(settings)
    client.produce(settings.topic(PLACES), str(epoch).encode(), _EPOCH)
    if client.flush(ANSWER_TIMEOUT_S * 3):
        raise BrokerError("the epoch could not be written down; Kafka didn't answer")


def _producer(settings: Settings) -> Producer:
    """One that knows the topic: a record of one that doesn't waits half a second for that."""
    client = producer(settings)
    client.list_topics(settings.topic(PLACES), ANSWER_TIMEOUT_S)
    return client
