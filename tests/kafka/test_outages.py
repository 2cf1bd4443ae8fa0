"""A server goes away and comes back, poorer perhaps. One worker process lives through it all: it
decides nothing meanwhile, and afterwards no outcome is missing and no limit is off."""

import signal
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from confluent_kafka import TopicPartition
from redis import Redis

from deploy import record
from deploy.local import (
    Server,
    Stack,
    down,
    kill,
    start_kafka,
    start_redis,
    up,
    wait_for_kafka,
    wait_for_redis,
)
from deploy.process import choose_port
from schemas.topics import ISSUE, REDEEM
from streams.broker import BrokerError, consumer
from streams.client import Place
from streams.committed import Offsets
from streams.log import ASSIGNMENT
from tests.faults.verifier import Verifier
from tests.world import Listener, World, create, issue, organisation, wait_for

#: More than the worker decides in one batch, by far.
MANY = 6_000


class Stand:
    """A Kafka and a Redis of our own, and one worker on them."""

    def __init__(self, directory: Path) -> None:
        self.directory, stack = directory, up(directory)
        self.stack: Stack = stack
        self.world = World(organisation(stack, "outages"))
        self.world.start()
        self.process = self.world.workers["w0"]
        self.listener = Listener(self.world.settings, ISSUE.outcomes, REDEEM.outcomes)

    def server(self, name: str) -> Server:
        return record.read(self.directory)[name]

    def start_redis(self) -> None:
        wait_for_redis(start_redis(self.directory, self.server("redis").port))

    def start_kafka(self) -> None:
        before = self.server("kafka")
        assert before.controller_port is not None
        wait_for_kafka(start_kafka(self.directory, before.port, before.controller_port))

    def issues(self, count: int, offer_id: str) -> list[Place]:
        """That many issue requests, each of another customer, laid down and not waited for."""
        requests = [orjson.dumps(issue(f"c-{n}", offer_id)) for n in range(count)]
        return [
            place
            for partition in range(4)
            for place in self.world.lay(
                ISSUE.requests, *requests[partition::4], partition=partition
            )
        ]

    def begin_with(self, count: int, offer_id: str) -> list[Place]:
        """The same, and the worker has committed a batch of them and is busy with the next."""
        self.process.send_signal(signal.SIGSTOP)
        places = self.issues(count, offer_id)
        self.process.send_signal(signal.SIGCONT)
        begun = set(places)
        wait_for("a batch", lambda: begun & {one.source for one in self.listener.hear()})
        return places

    def results(self, *places: Place) -> Counter[str]:
        answers = [answer.content for answer in self.listener.answers(*places, wait_s=60)]
        return Counter(said["reason"] or said["outcome"] for said in answers)

    def said(self, text: str) -> int:
        """How often the worker has said that."""
        return self.world.log().count(text)

    def health(self, status: int) -> str:
        """What the page says, once that is its status."""
        wait_for(f"health {status}", lambda: self.world.health()[0] == status)
        return self.world.health()[1].decode()

    def expect_no_harm(self) -> None:
        """The worker is the one that was started first; the topics are in order."""
        settings = self.world.settings
        verifier = Verifier(settings.kafka_bootstrap_servers, settings.topic_prefix)
        assert verifier.verify().problems == []
        assert self.process.poll() is None


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    directory = tmp_path_factory.mktemp("outages")
    try:
        made = Stand(directory)
        yield made
        made.world.close()
    finally:
        down(directory)


def test_without_redis_a_worker_waits_and_then_goes_on(stand: Stand) -> None:
    # given
    stand.world.ask(create("waits", issue={"max_total": 30}))
    assert stand.results(*stand.issues(20, "waits")) == {"accepted": 20}

    # when
    kill(stand.server("redis"))
    places = stand.issues(20, "waits")
    wait_for("it says so and asks again", lambda: stand.said("Redis doesn't answer") >= 3)

    # expect
    assert not set(places) & {answer.source for answer in stand.listener.hear(0.5)}
    assert stand.world.get("/offers")[0] == 503
    assert "Redis doesn't answer" in stand.health(503)

    # when
    stand.start_redis()

    # expect
    assert stand.results(*places) == {"accepted": 10, "offer_limit_reached": 10}
    stand.health(200)
    stand.expect_no_harm()


def test_a_redis_that_lost_everything_is_filled_from_the_outcomes(stand: Stand) -> None:
    # given
    stand.world.ask(create("empty", issue={"max_total": 30}))
    request = orjson.dumps(issue("c", "empty", request_id="first"))
    [first] = stand.listener.answers(*stand.world.lay(ISSUE.requests, request))
    assert stand.results(*stand.issues(19, "empty")) == {"accepted": 19}

    # when
    Redis.from_url(stand.stack.redis_url).flushall()
    places = stand.issues(20, "empty")
    retry = stand.world.lay(ISSUE.requests, request)

    # expect
    assert stand.results(*places) == {"accepted": 10, "offer_limit_reached": 10}
    [again] = stand.listener.answers(*retry)
    assert again.content["replayed"] is True
    assert again.content["code"] == first.content["code"]
    stand.expect_no_harm()


def test_a_redis_that_lost_its_last_writes_is_filled_from_the_outcomes(stand: Stand) -> None:
    # given
    stand.world.ask(create("cut", issue={"max_total": 30}))
    assert stand.results(*stand.issues(8, "cut")) == {"accepted": 8}
    [log] = (stand.directory / "redis").rglob("*.aof*.incr.aof")
    whole = log.stat().st_size
    assert stand.results(*stand.issues(12, "cut")) == {"accepted": 12}

    # when
    kill(stand.server("redis"))
    with log.open("r+b") as file:
        file.truncate(whole)
    stand.start_redis()
    places = stand.issues(20, "cut")

    # expect
    assert stand.results(*places) == {"accepted": 10, "offer_limit_reached": 10}
    stand.expect_no_harm()


def test_without_kafka_a_worker_waits_and_then_goes_on(stand: Stand) -> None:
    # given
    stand.world.ask(create("busy", issue={"max_total": MANY - 500}))
    away = f"Kafka at {stand.stack.kafka_bootstrap_servers} doesn't answer"

    # when
    places = stand.begin_with(MANY, "busy")
    kill(stand.server("kafka"))
    try:
        wait_for("the worker says so", lambda: stand.said(away))
        assert "Kafka" in stand.health(503)
    finally:
        stand.start_kafka()

    # expect
    assert stand.results(*places) == {"accepted": MANY - 500, "offer_limit_reached": 500}
    stand.expect_no_harm()


def test_after_an_outage_that_met_it_idle_a_worker_goes_on_at_once(stand: Stand) -> None:
    # given
    stand.world.ask(create("idle", issue={"max_total": 15}))
    assert stand.results(*stand.issues(5, "idle")) == {"accepted": 5}
    starts = stand.said("Starting again")

    # when
    kill(stand.server("kafka"))
    stand.start_kafka()
    places = stand.issues(20, "idle")

    # expect no call that hung until its batch was given up
    assert stand.results(*places) == {"accepted": 10, "offer_limit_reached": 10}
    assert stand.said("Starting again") == starts
    stand.expect_no_harm()


def test_offsets_are_told_again_to_who_asks_all_the_while(stand: Stand) -> None:
    # given
    settings = stand.world.settings
    places = [TopicPartition(settings.topic(ISSUE.requests), p) for p in range(4)]
    with closing(Offsets(settings, settings.group(ISSUE), stable=False)) as offsets:
        before = offsets.read(places)

        # when
        kill(stand.server("kafka"))
        try:
            for _ in range(3):
                with pytest.raises(BrokerError, match="the offsets of"):
                    offsets.read(places, 0.5)
        finally:
            stand.start_kafka()

        # expect
        assert offsets.read(places, 30.0) == before


def test_a_worker_that_another_of_its_place_has_fenced_comes_back(stand: Stand) -> None:
    # given
    settings = stand.world.settings
    stand.world.ask(create("fenced", issue={"max_total": 15}))
    name = settings.model_copy(update={"worker_id": "w0"}).transactional_id(ISSUE)

    # when: a second consumer joins under the name of the worker's
    other = consumer(
        settings, settings.group(ISSUE), group_instance_id=name,
        partition_assignment_strategy=ASSIGNMENT, session_timeout_ms=6_000,
    )  # fmt: skip
    other.subscribe([settings.topic(ISSUE.requests)])
    wait_for("the other one's partitions", lambda: other.poll(0.1) or other.assignment())
    other.close()
    places = stand.issues(20, "fenced")

    # expect
    assert stand.results(*places) == {"accepted": 15, "offer_limit_reached": 5}
    assert stand.process.poll() is None


def test_a_stop_under_load_is_quick_and_the_next_worker_goes_on(stand: Stand) -> None:
    # given
    stand.world.ask(create("stops", issue={"max_total": MANY - 500}))
    places = stand.begin_with(MANY, "stops")

    # when
    seconds = stand.world.stop()
    done = {answer.source for answer in stand.listener.hear(0.5)}

    # expect
    assert seconds < 10
    assert stand.process.returncode == 0
    assert not set(places) <= done

    # when
    stand.world.start()
    stand.process = stand.world.workers["w0"]

    # expect
    assert stand.results(*places) == {"accepted": MANY - 500, "offer_limit_reached": 500}
    stand.expect_no_harm()


def test_a_web_port_in_use_is_named_and_ends_the_worker(stand: Stand) -> None:
    # given
    with socket.create_server(("", choose_port())) as taken:
        port = taken.getsockname()[1]

        # when
        worker = stand.world.run("worker", env=stand.world.environment("w1", port))

    # expect
    assert worker.returncode == 1
    assert f"can't use port {port}" in worker.stderr
    assert "Set REDEEMONCE_WEB_PORT" in worker.stderr
    assert "Traceback" not in worker.stderr


def test_a_redis_that_throws_keys_away_is_not_decided_on(stand: Stand) -> None:
    # given
    redis = Redis.from_url(stand.stack.redis_url)
    redis.config_set("maxmemory", 1 << 30)
    redis.config_set("maxmemory-policy", "volatile-lru")

    # when
    try:
        worker = stand.world.run("worker", env=stand.world.environment("w1", choose_port()))
    finally:
        redis.config_set("maxmemory-policy", "noeviction")
        redis.config_set("maxmemory", 0)

    # expect
    assert worker.returncode == 1
    assert "maxmemory-policy volatile-lru" in worker.stderr
    assert "set maxmemory-policy to noeviction" in worker.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        {"CODE_SECRET": ""},
        {
            "TIME_ZONE": "Asia/Nowhere", "CURRENCY": "rupees", "WEB_PORT": "web",
            "TOPIC_PREFIX": "with blanks", "REQUEST_MEMORY_DAYS": "0",
        },
        {"REDIS_URL": "localhost"},
    ],
    ids=["no secret", "five at once", "no URL"],
)  # fmt: skip
def test_wrong_settings_are_named_and_end_the_worker(
    stand: Stand, wrong: dict[str, str], tmp_path: Path
) -> None:
    # given
    settings = {f"REDEEMONCE_{name}": value for name, value in wrong.items()}
    right = stand.world.environment("w1", choose_port())
    elsewhere = {"REDEEMONCE_LOCAL_DIR": str(tmp_path)}  # no local stack whose secret would do

    # when
    worker = stand.world.run("worker", env=right | settings | elsewhere)

    # expect
    assert worker.returncode == 2
    assert [name for name in settings if name not in worker.stderr] == []
    assert "Traceback" not in worker.stderr
