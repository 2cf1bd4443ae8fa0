"""compose.yaml by the schema of the Compose Specification, and that its parts fit together."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis import Redis, RedisError

from deploy import kafka
from deploy.jars import kafka_version
from deploy.process import choose_port
from deploy.redis import redis_server
from tests.deploy.queries import DEPLOY, dashboard
from tests.world import wait_for

COMPOSE = DEPLOY / "compose.yaml"
FOUND: dict[str, Any] = yaml.safe_load(COMPOSE.read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = FOUND["services"]
WORKERS = {name: each for name, each in SERVICES.items() if name.startswith("worker")}


def mounts() -> list[tuple[str, str, str]]:
    """Service, what is mounted, and where."""
    return [
        (name, *volume.split(":")[:2])
        for name, service in SERVICES.items()
        for volume in service.get("volumes", ())
    ]


def errors(file: Path) -> str:
    """What the schema says against it; nothing where it agrees."""
    schema = ["--builtin-schema", "vendor.compose-spec"]
    answer = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *schema, "--output-format", "json", str(file)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    report = json.loads(answer.stdout)
    assert (report["status"] == "ok") == (answer.returncode == 0)
    return "".join(each["message"] for each in report.get("errors", ()))


def test_the_schema_of_compose_agrees(tmp_path: Path) -> None:
    misspelt = tmp_path / "compose.yaml"
    misspelt.write_text(COMPOSE.read_text("utf-8").replace("stop_grace_period", "stop_grace"))

    assert errors(COMPOSE) == ""
    assert "stop_grace" in errors(misspelt)


def test_containers_run_the_broker_with_the_same_settings() -> None:
    environment = SERVICES["kafka"]["environment"]

    for name, value in kafka.broker_settings().items():
        assert str(environment[f"KAFKA_{name.upper().replace('.', '_')}"]) == value
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{kafka_version()}"


def test_every_worker_has_a_place_of_its_own_and_is_watched() -> None:
    places = [each["environment"]["REDEEMONCE_WORKER_ID"] for each in WORKERS.values()]
    jobs = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text())["scrape_configs"]
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in jobs}

    assert len(set(places)) == len(WORKERS) == 2
    for each in WORKERS.values():
        assert each["environment"].items() >= FOUND["x-settings"].items()
        assert each["image"] == SERVICES["audit"]["image"]
    port = FOUND["x-settings"]["REDEEMONCE_WEB_PORT"]
    assert targets["redeemonce"] == [f"{name}:{port}" for name in WORKERS]
    assert targets["redeemonce-audit"] == ["audit-metrics:9100"]


def test_what_an_audit_writes_is_what_prometheus_is_shown() -> None:
    [(_, volume, folder)] = [each for each in mounts() if each[0] == "audit"]
    [(_, shown, there)] = [each for each in mounts() if each[0] == "audit-metrics"]

    assert SERVICES["audit"]["command"][-2:] == ["--metrics", f"{folder}/audit.prom"]
    assert f"--collector.textfile.directory={there}" in SERVICES["audit-metrics"]["command"]
    assert volume == shown
    assert SERVICES["audit"]["profiles"]  # `up` doesn't start it
    made = re.search(
        r"install -d -o redeemonce .* (\S+)$", (DEPLOY / "Dockerfile").read_text(), re.M
    )
    assert made
    assert made[1] == folder  # else the volume would be root's


def test_the_replica_follows_the_first_redis_and_keeps_its_settings() -> None:
    first, replica = SERVICES["redis"], SERVICES["redis-replica"]

    assert replica["command"] == [*first["command"], "--replicaof", "redis", "6379"]
    assert replica["image"] == first["image"]
    assert replica["volumes"][1] == first["volumes"][1]
    assert replica["volumes"][0] != first["volumes"][0]


def test_a_copy_started_by_these_commands_has_everything_and_can_be_promoted(
    tmp_path: Path,
) -> None:
    ports = {"redis": choose_port(), "redis-replica": choose_port()}
    here = {"0.0.0.0": "127.0.0.1", "redis": "127.0.0.1", "6379": str(ports["redis"])}

    def start(name: str) -> Redis:
        (tmp_path / name).mkdir()
        _, _, *options = SERVICES[name]["command"]
        options = [(here | {"/data": str(tmp_path / name)}).get(each, each) for each in options]
        command = [redis_server(), DEPLOY / "redis.conf", *options, "--port", str(ports[name])]
        processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        client = Redis(port=ports[name], decode_responses=True)
        wait_for(f"{name} answers", lambda: answers(client))
        return client

    processes: list[subprocess.Popen[bytes]] = []
    try:
        # Given a copy of what stands in the first one already,
        first = start("redis")
        first.set("before", "1")
        replica = start("redis-replica")
        wait_for("the copy", lambda: replica.info("replication")["master_link_status"] == "up")
        first.set("after", "2")
        assert first.wait(1, 10_000) == 1

        # when the first one is gone and the other is promoted,
        processes[0].kill()
        replica.replicaof("no", "one")

        # then nothing is missing, and it takes more, with the same settings.
        assert replica.mget("before", "after") == ["1", "2"]
        assert replica.set("more", "3")
        assert replica.config_get("appendfsync") == {"appendfsync": "always"}
    finally:
        for process in processes:
            process.kill()
            process.wait()


def answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


def test_grafana_finds_its_data_source_and_its_dashboard() -> None:
    there = {target: DEPLOY / source for name, source, target in mounts() if name == "grafana"}
    provisioned = "/etc/grafana/provisioning"
    [source] = yaml.safe_load(
        there[f"{provisioned}/datasources/redeemonce.yaml"].read_text()
    )["datasources"]  # fmt: skip
    [provider] = yaml.safe_load(
        there[f"{provisioned}/dashboards/redeemonce.yaml"].read_text()
    )["providers"]  # fmt: skip
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])

    assert source["url"] == "http://prometheus:9090"
    assert source["type"] == "prometheus"
    assert source["isDefault"]  # the dashboard takes the one by default
    assert str(home.parent) == provider["options"]["path"]
    assert json.loads(there[str(home)].read_text()) == dashboard()


def test_what_is_mounted_is_there() -> None:
    for name, source, _ in mounts():
        if source.startswith("."):
            assert (DEPLOY / source).exists(), f"{name}: {source}"
        else:
            assert source in FOUND["volumes"], name
    assert {source for _, source, _ in mounts() if source[0] != "."} == set(FOUND["volumes"])


def test_services_wait_for_those_that_say_when_they_are_ready() -> None:
    for name, service in SERVICES.items():
        awaited = service.get("depends_on", {})
        for other in awaited:
            assert other in SERVICES, name
            if isinstance(awaited, dict):
                assert awaited[other] == {"condition": "service_healthy"}
                assert SERVICES[other]["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


@pytest.mark.parametrize("name", SERVICES)
def test_only_this_machine_reaches_a_service_of_a_known_version(name: str) -> None:
    image = SERVICES[name]["image"]

    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))
    assert "build" in SERVICES[name] or re.search(r":v?\d+\.\d+[\w.-]*$", image)
