"""What the dashboard and the rules ask Prometheus, and what there is to be asked for."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import promql_parser as promql
import yaml
from prometheus_client import CollectorRegistry

from streams.metrics import Metrics, audit_registry

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yaml"
#: What Prometheus has of itself, with its labels, and those that it adds to all it scrapes.
ITS_OWN = {"up": set[str](), "ALERTS": {"alertname", "alertstate", "severity", "lane", "offer"}}
ADDED = {"job", "instance"}


class Selector(NamedTuple):
    """Series of one name, and the labels with the values by which they are chosen."""

    name: str
    labels: list[tuple[str, str]]


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DEPLOY / "grafana" / "redeemonce.json").read_text("utf-8"))
    return found


def panels() -> list[dict[str, Any]]:
    """Those that show something: a row is only a heading."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def rules(kind: str) -> list[dict[str, Any]]:
    """``kind``: alert or record."""
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def queries() -> Iterator[tuple[str, str]]:
    """Every query, after the name of what asks it."""
    for panel in panels():
        yield from ((panel["title"], target["expr"]) for target in panel["targets"])
    for kind in ("record", "alert"):
        yield from ((rule[kind], rule["expr"]) for rule in rules(kind))


def parsed(query: str) -> promql.Expr:
    """Raises ValueError where it is no PromQL."""
    return promql.parse(query.replace("$__rate_interval", "5m"))  # as Grafana does


def selectors(expression: promql.Expr) -> list[Selector]:
    found: list[Selector] = []

    def visit(node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector):
            labels = [(each.name, each.value) for each in node.matchers.matchers]
            found.append(Selector(node.name, labels))

    promql.walk(expression, visit)
    return found


def kept_labels(expression: promql.Expr) -> list[tuple[str, list[Selector]]]:
    """Every label after `by` or `on`, with the series that it has to be on."""
    found: list[tuple[str, list[Selector]]] = []

    def visit(node: promql.Expr) -> None:
        kept = getattr(node, "modifier", None)
        kept = getattr(kept, "matching", kept)
        found.extend((label, selectors(node)) for label in getattr(kept, "labels", ()))

    promql.walk(expression, visit)
    return found


def scraped() -> dict[str, set[str]]:
    """All series of a worker's /metrics and of the audit's file, with their labels."""
    metrics = Metrics()
    lane = metrics.lane("redeem")
    lane.count({"accepted": 1})
    lane.lag({0: 1})
    metrics.guessable({"offer": 0.5})
    return _series(metrics.registry) | _series(audit_registry(True, 0, 0.0))


def recorded() -> dict[str, set[str]]:
    """All series that the rules make, with the labels that they keep of what they read."""
    known = scraped()
    for rule in rules("record"):
        expression = parsed(rule["expr"])
        read = set[str]().union(*(known.get(each.name, set()) for each in selectors(expression)))
        kept = {label for label, _ in kept_labels(expression)}
        known[rule["record"]] = (kept or read) - {"le"}
    return {rule["record"]: known[rule["record"]] for rule in rules("record")}


def _series(registry: CollectorRegistry) -> dict[str, set[str]]:
    return {
        sample.name: set(sample.labels)
        for family in registry.collect()
        for sample in family.samples
    }
