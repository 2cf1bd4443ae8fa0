"""The dashboard and the rules ask only for what workers, the audit and Prometheus have."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from schemas.reasons import Reason
from schemas.topics import LANES
from tests.deploy.queries import (
    ADDED,
    DEPLOY,
    ITS_OWN,
    RULES,
    dashboard,
    kept_labels,
    panels,
    parsed,
    queries,
    recorded,
    rules,
    scraped,
    selectors,
)

PROMETHEUS = DEPLOY / "prometheus"
ALERTS = Path(__file__).parent / "alerts.yaml"
#: The values of labels that our own code gives.
VALUES = {
    "lane": {lane.name for lane in LANES},
    "result": {"accepted", "dead_letter", *(reason.value for reason in Reason)},
}


def wrong_in(query: str) -> set[str]:
    """Names of series, labels and values in the query that nobody has."""
    known = scraped() | recorded() | ITS_OWN
    expression = parsed(query)
    wrong = {each.name for each in selectors(expression) if each.name not in known}
    for each in selectors(expression):
        for label, value in each.labels:
            if label not in known.get(each.name, {label}) | ADDED:
                wrong.add(label)
            if label in VALUES and "$" not in value:
                wrong |= set(value.split("|")) - VALUES[label]
    for label, series in kept_labels(expression):
        if not all(label in known.get(each.name, {label}) | ADDED for each in series):
            wrong.add(label)
    return wrong


@pytest.mark.parametrize("query", [*queries()], ids=lambda query: query[0])
def test_what_is_asked_for_is_there(query: tuple[str, str]) -> None:
    assert wrong_in(query[1]) == set()


@pytest.mark.parametrize(
    ("query", "misspelt"),
    [
        ("sum by (lane) (redeemonce_lags)", "redeemonce_lags"),
        ("rate(redeemonce_decisions[$__rate_interval])", "redeemonce_decisions"),
        ("redeemonce:lag:total > 0", "redeemonce:lag:total"),
        ("sum by (lanes) (redeemonce_lag)", "lanes"),
        ('redeemonce_lag{topic="redeem"}', "topic"),
        ('redeemonce_lag{lane=~"redeem|isue"}', "isue"),
        ('rate(redeemonce_decisions_total{result!~"accepted|dead_letters"}[5m])', "dead_letters"),
    ],
)
def test_what_is_misspelt_is_found(query: str, misspelt: str) -> None:
    assert wrong_in(query) == {misspelt}


def test_nothing_that_a_worker_counts_is_shown_nowhere() -> None:
    asked = {each.name for _, query in queries() for each in selectors(parsed(query))}
    families = {re.sub("_(total|bucket|count|sum|created)$", "", name) for name in scraped()}

    assert {name for name in families if not any(each.startswith(name) for each in asked)} == set()


def test_choices_of_the_dashboard_are_labels_that_there_are() -> None:
    chosen = [each for each in dashboard()["templating"]["list"] if each["type"] == "query"]

    assert {each["name"] for each in chosen} == {"lane", "worker"}
    for each in chosen:
        [(name, label)] = re.findall(r"^label_values\((\w+), (\w+)\)$", each["query"]["query"])
        assert label in scraped()[name] | ADDED
    names = {f"${each['name']}" for each in dashboard()["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard()["panels"])))
    assert {f"${name}" for name in used} <= names | {"$__rate_interval"}


def test_grafana_has_a_name_for_everything_in_the_dashboard() -> None:
    register_default_plugins()
    misspelt = dashboard() | {"refreshed": "10s"}

    assert fields_unknown_to_grafana(dashboard()) == set()
    assert fields_unknown_to_grafana(misspelt) == {".refreshed"}


def fields_unknown_to_grafana(board: dict[str, Any]) -> set[str]:
    """What is lost on the way through Grafana's own models."""
    kept = dict(leaves(json.loads(JSONEncoder().encode(Dashboard.from_json(board)))))
    return {path for path, value in leaves(board) if kept.get(path, kept) != value}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that has no parts, with the names that lead to it."""
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for name, part in parts:
        if isinstance(part, dict | list) and part:
            yield from leaves(part, f"{path}.{name}")
        else:
            yield f"{path}.{name}", part


def test_panels_stand_side_by_side_and_say_what_they_show() -> None:
    everything = dashboard()["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in everything:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells

    assert len({panel["id"] for panel in everything}) == len(everything)
    for panel in panels():
        assert panel["title"]
        assert panel["description"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert [each["refId"] for each in panel["targets"]] == list("ABC")[: len(panel["targets"])]


def test_alerts_say_what_to_do_by_labels_that_there_are() -> None:
    known = scraped() | recorded() | ITS_OWN
    names = [rule["alert"] for rule in rules("alert")]

    assert len(set(names)) == len(names)
    for rule in rules("alert"):
        expression = parsed(rule["expr"])
        labels = set[str]().union(*(known[each.name] for each in selectors(expression))) | ADDED
        text = " ".join(rule["annotations"].values())
        assert set(re.findall(r"\$labels\.(\w+)", text)) <= labels, rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"]["summary"]
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s")), rule["alert"]


def test_every_alert_is_shown_to_fire() -> None:
    tried = [
        alert["alertname"]
        for test in yaml.safe_load(ALERTS.read_text("utf-8"))["tests"]
        for alert in test["alert_rule_test"]
        if alert["exp_alerts"]
    ]

    assert set(tried) == {rule["alert"] for rule in rules("alert")}


@pytest.mark.parametrize("name", ["prometheus.yaml", "kubernetes.yaml"])
def test_prometheus_asks_by_the_names_that_rules_know(name: str) -> None:
    jobs = yaml.safe_load((PROMETHEUS / name).read_text("utf-8"))["scrape_configs"]
    asked = {
        value
        for _, query in queries()
        for each in selectors(parsed(query))
        for label, value in each.labels
        if label == "job"
    }

    assert asked <= {job["job_name"] for job in jobs} == {"redeemonce", "redeemonce-audit"}


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool isn't installed")
@pytest.mark.parametrize(
    "command",
    [
        ("check", "rules", RULES),
        ("check", "config", PROMETHEUS / "prometheus.yaml"),
        ("test", "rules", ALERTS),
    ],
    ids=lambda command: f"{command[0]} {command[2].name}",
)
def test_promtool_finds_nothing_wrong(command: tuple[str, str, Path]) -> None:
    answer = subprocess.run(["promtool", *command], capture_output=True, text=True, check=False)

    assert answer.returncode == 0, answer.stdout + answer.stderr
