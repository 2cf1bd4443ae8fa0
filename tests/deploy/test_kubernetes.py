"""kubernetes.yaml by the schemas of Kubernetes, and that its parts fit together."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deploy.queries import DEPLOY

DOCUMENTS: list[dict[str, Any]] = list(
    yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8"))
)
NAMES = {(each["kind"], each["metadata"]["name"]) for each in DOCUMENTS}
#: The oldest version that should take them, and the newest known.
VERSIONS = ("1.30", kubernetes_validate.latest_version())


def one(kind: str) -> dict[str, Any]:
    [found] = [each for each in DOCUMENTS if each["kind"] == kind]
    return found


def templates() -> Iterator[tuple[str, dict[str, Any]]]:
    """Kind, and template of its pods."""
    for kind in ("StatefulSet", "Deployment"):
        yield kind, one(kind)["spec"]["template"]
    yield "CronJob", one("CronJob")["spec"]["jobTemplate"]["spec"]["template"]


def containers() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Kind, specification of the pod, its container."""
    for kind, template in templates():
        [container] = template["spec"]["containers"]
        yield kind, template["spec"], container


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: each["kind"])
def test_the_schemas_of_kubernetes_agree(document: dict[str, Any], version: str) -> None:
    misspelt = deepcopy(document)
    misspelt["kind_of"] = "x"

    kubernetes_validate.validate(document, version, strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(misspelt, version, strict=True)


def test_a_pod_that_comes_back_takes_the_same_place() -> None:
    [worker] = one("StatefulSet")["spec"]["template"]["spec"]["containers"]
    [place] = [each for each in worker["env"] if each["name"] == "REDEEMONCE_WORKER_ID"]

    assert place["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert one("StatefulSet")["spec"]["serviceName"] == one("Service")["metadata"]["name"]


def test_who_chooses_pods_chooses_the_workers_alone() -> None:
    labels = {kind: template["metadata"]["labels"] for kind, template in templates()}
    workers = labels["StatefulSet"]

    assert one("Service")["spec"]["selector"] == workers
    assert one("PodDisruptionBudget")["spec"]["selector"] == {"matchLabels": workers}
    assert one("StatefulSet")["spec"]["selector"] == {"matchLabels": workers}
    assert one("Deployment")["spec"]["selector"] == {"matchLabels": labels["Deployment"]}
    assert len({each["app"] for each in labels.values()}) == 3
    jobs = yaml.safe_load((DEPLOY / "prometheus" / "kubernetes.yaml").read_text())["scrape_configs"]
    ports = {kind: each["ports"][0]["name"] for kind, _, each in containers() if "ports" in each}
    for job, kind in zip(jobs, ("StatefulSet", "Deployment"), strict=True):
        kept = {
            rule["source_labels"][0]: rule["regex"]
            for rule in job["relabel_configs"]
            if rule.get("action") == "keep"
        }
        assert kept == {
            "__meta_kubernetes_pod_label_app": labels[kind]["app"],
            "__meta_kubernetes_pod_container_port_name": ports[kind],
        }


def test_one_worker_may_be_moved_at_a_time() -> None:
    assert one("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    assert one("StatefulSet")["spec"]["replicas"] > 1


def test_a_worker_that_restores_is_neither_asked_nor_killed() -> None:
    [worker] = one("StatefulSet")["spec"]["template"]["spec"]["containers"]
    probes = {kind: worker[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness")}

    for kind, probe in probes.items():
        path = "/" if kind == "liveness" else "/health"  # which says 503 while it restores
        assert probe["httpGet"] == {"path": path, "port": "web"}
    patience_s = {
        kind: probe["periodSeconds"] * probe.get("failureThreshold", 3)
        for kind, probe in probes.items()
    }
    assert patience_s["readiness"] < 30
    assert patience_s["liveness"] >= 600
    assert patience_s["startup"] >= 1800


@pytest.mark.parametrize("kind", ["StatefulSet", "Deployment", "CronJob"])
def test_no_pod_is_root_or_writes_outside_its_volumes(kind: str) -> None:
    [(pod, container)] = [(pod, each) for which, pod, each in containers() if which == kind]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] >= 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"requests", "limits"} == set(container["resources"])
    mounted = {each["name"] for each in container["volumeMounts"]}
    assert mounted == {each["name"] for each in pod["volumes"]}


def test_the_audit_runs_as_the_workers_do_and_leaves_what_it_found() -> None:
    by_kind = {kind: (pod, each) for kind, pod, each in containers()}
    (_, worker), (pod, audit), (shower, exporter) = (
        by_kind[kind] for kind in ("StatefulSet", "CronJob", "Deployment")
    )
    folders = {each["name"]: each["mountPath"] for each in audit["volumeMounts"]}

    assert audit["image"] == worker["image"]
    assert audit["envFrom"] == worker["envFrom"]
    assert all(each in worker["env"] for each in audit["env"])
    assert audit["args"] == ["redeemonce", "audit", "--metrics", f"{folders['found']}/audit.prom"]
    assert f"--collector.textfile.directory={folders['found']}" in exporter["args"]
    [volume] = [each for each in pod["volumes"] if each["name"] == "found"]
    assert volume in shower["volumes"]
    assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in NAMES
    assert ("ConfigMap", audit["envFrom"][0]["configMapRef"]["name"]) in NAMES
    assert one("CronJob")["spec"]["concurrencyPolicy"] == "Forbid"
