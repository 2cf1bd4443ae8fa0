"""Sending requests as tills do, and waiting for their outcomes as a loyalty engine does."""

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from confluent_kafka import KafkaException, Message, Producer, TopicPartition

from schemas.topics import DEAD_LETTERS, REDEEM, REMIND, Lane, Topic, lane_of
from streams.broker import BrokerError, consumer, ends_of, partitions_of, producer
from streams.settings import Settings

#: A record's place: topic name, partition, offset.
Place = tuple[str, int, int]


class NoOutcome(BrokerError):
    """No outcome came in time; most likely no worker runs."""


def key_of(request: dict[str, Any]) -> bytes:
    """What a request's record is keyed with, so that one customer's requests keep their order."""
    lane = lane_of(str(request.get("type")))
    if lane is not None and "customer_id" in lane.requests.key:
        key = request.get("customer_id") or (request.get("code") if lane is REDEEM else None)
    else:
        key = request.get("offer_id")
        if lane is REMIND:
            key = f"{key}:{request.get('run')}"
    return str(key or "").encode()


def new_request(type_: str, **fields: Any) -> dict[str, Any]:
    """A request of this moment; unless ``request_id`` is given, with an id of its own."""
    if "request_id" not in fields:
        fields["request_id"] = uuid.uuid4().hex
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"type": type_, "occurred_at": now, **fields}


@dataclass
class Answers:
    """Reads the outcomes (and dead letters) from where the topics ended when it was made."""

    settings: Settings
    lanes: tuple[Lane, ...]
    found: dict[Place, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._client = consumer(self.settings, self.settings.topic_prefix + "redeemonce-client")
        topics: list[Topic] = [*(lane.outcomes for lane in self.lanes), DEAD_LETTERS]
        self._client.assign([place for topic in topics for place in self._ends(topic)])
        self._dead_letters = self.settings.topic(DEAD_LETTERS)

    def _ends(self, topic: Topic) -> list[TopicPartition]:
        name, count = self.settings.topic(topic), partitions_of(self.settings, topic)
        ends = ends_of(self._client, name, count)
        return [TopicPartition(name, p, end) for p, (_, end) in enumerate(ends)]

    def read(self, wait_s: float) -> list[tuple[Place, dict[str, Any]]]:
        """What came in, by the request it answers."""
        messages = self._client.consume(5_000, wait_s)
        return [self._answer(message) for message in messages if message.error() is None]

    def _answer(self, message: Message) -> tuple[Place, dict[str, Any]]:
        if message.topic() == self._dead_letters:
            headers = {name: content.decode() for name, content in message.headers() or []}
            place = (headers["topic"], int(headers["partition"]), int(headers["offset"]))
            return place, {"dead_letter": True, **headers}
        said = orjson.loads(message.value())
        source = said["source"]
        return (source["topic"], source["partition"], source["offset"]), said

    def close(self) -> None:
        self._client.close()


class Till:
    """Sends requests to their topics; `delivered` says where each came to lie."""

    def __init__(self, settings: Settings, **more: Any) -> None:
        self._settings = settings
        self._producer: Producer = producer(settings, **more)
        self.places: dict[int, Place] = {}
        self.failed: list[str] = []

    def send(self, request: dict[str, Any], number: int | None = None) -> None:
        """``number``: under which to note where it came to lie."""
        self.send_bytes(self._topic(request), key_of(request), orjson.dumps(request), number)

    def send_bytes(self, topic: str, key: bytes, value: bytes, number: int | None = None) -> None:
        report = None if number is None else self._reporter(number)
        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=report)
                self._producer.poll(0)
                return
            except BufferError:
                self._producer.poll(0.1)

    def flush(self, wait_s: float = 60.0) -> None:
        """Raises `BrokerError` where something could not be delivered."""
        left = self._producer.flush(wait_s)
        if left or self.failed:
            why = self.failed[0] if self.failed else "Kafka didn't answer"
            raise BrokerError(f"{left + len(self.failed)} requests were not delivered: {why}")

    def delivered(self) -> dict[int, Place]:
        """Where requests came to lie since this was asked last, and forgets them.

        Raises `BrokerError` where something could not be delivered.
        """
        self._producer.poll(0)
        if self.failed:
            raise BrokerError(f"{len(self.failed)} requests were not delivered: {self.failed[0]}")
        found, self.places = self.places, {}
        return found

    def _topic(self, request: dict[str, Any]) -> str:
        lane = lane_of(str(request.get("type")))
        if lane is None:
            raise ValueError(f"type: {request.get('type')!r} is no type of request")
        return self._settings.topic(lane.requests)

    def _reporter(self, number: int) -> Callable[[Any, Message], None]:
        def report(error: Any, message: Message) -> None:
            if error is not None:
                self.failed.append(str(error))
            else:
                self.places[number] = (message.topic(), message.partition(), message.offset())

        return report


def ask(
    settings: Settings, requests: Iterable[dict[str, Any]], silence_s: float = 60.0
) -> list[dict[str, Any]]:
    """Send requests and wait for all their outcomes; they come back in the requests' order.

    Raises `NoOutcome` when none came for ``silence_s`` seconds.
    """
    wanted = list(requests)
    lanes = tuple({lane for r in wanted if (lane := lane_of(str(r.get("type")))) is not None})
    till = Till(settings)  # first: it takes half a second for its id where it comes second
    answers = Answers(settings, lanes)
    try:
        for number, request in enumerate(wanted):
            till.send(request, number)
        till.flush()
        open_ = {place: number for number, place in till.places.items()}
        found: list[dict[str, Any] | None] = [None] * len(wanted)
        heard = time.monotonic()
        while open_:
            for place, said in answers.read(0.2):
                number = open_.get(place, -1)
                if number >= 0 and not _only_a_shadow(said, wanted[number]):
                    found[number] = said
                    del open_[place]
                    heard = time.monotonic()
            if time.monotonic() - heard > silence_s:
                raise NoOutcome(
                    f"{len(open_)} requests have no outcome after {silence_s:.0f} s of silence; "
                    "is a worker running (`redeemonce worker`)?"
                )
        return [said for said in found if said is not None]
    except KafkaException as error:
        raise BrokerError(f"Kafka: {error.args[0].str()}") from error
    finally:
        answers.close()


def _only_a_shadow(said: dict[str, Any], request: dict[str, Any]) -> bool:
    """A dead letter of a request that also gets an outcome, because its id could be read."""
    request_id = request.get("request_id")
    return (
        "dead_letter" in said
        and isinstance(request_id, str)
        and 1 <= len(request_id) <= 64
        and all(" " <= c <= "~" for c in request_id)
    )
