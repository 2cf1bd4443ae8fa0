"""The files for containers: no secret in them, no root, and only settings that there are."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from streams.settings import SECRETS, Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
FILES = ("compose.yaml", "kubernetes.yaml", "Dockerfile")
SECRET_SETTINGS = {
    f"REDEEMONCE_{name.upper()}"
    for name, field in Settings.model_fields.items()
    if SecretStr in getattr(field.annotation, "__args__", (field.annotation,))
}


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def pod() -> dict[str, Any]:
    documents = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    [stateful] = [each for each in documents if each["kind"] == "StatefulSet"]
    found: dict[str, Any] = stateful["spec"]["template"]["spec"]
    return found


def with_what_is_suggested(name: str) -> str:
    """The file as it is once somebody uncomments what is there to be uncommented."""
    text = (DEPLOY / name).read_text()
    return re.sub(r"^( *)# (?=(REDEEMONCE|redeemonce)_\w+: |volumes: )", r"\1", text, flags=re.M)


@pytest.mark.parametrize("name", FILES)
def test_only_settings_that_there_are_are_named(name: str) -> None:
    named = re.findall(r"REDEEMONCE_([A-Z_]*[A-Z])\b", (DEPLOY / name).read_text())

    assert named
    assert {setting.lower() for setting in named} <= set(Settings.model_fields)


@pytest.mark.parametrize("name", FILES[:2])
def test_what_is_suggested_is_yaml_too(name: str) -> None:
    text = with_what_is_suggested(name)

    assert "\n  # REDEEMONCE_" not in text
    assert "KAFKA_SSL_CA: /etc/redeemonce/tls/ca.crt" in str(
        list(yaml.safe_load_all(text))
    ).replace("'", "")


def test_compose_hands_workers_their_secrets_as_files() -> None:
    found = compose()
    worker = found["services"]["worker"]

    assert not SECRET_SETTINGS & set(worker["environment"])
    for name in worker["secrets"]:
        assert name.upper() in SECRET_SETTINGS
        assert found["secrets"][name] == {"environment": name.upper()}
    assert {"redeemonce_code_secret", "redeemonce_operator_token"} <= set(worker["secrets"])
    assert Path("/run/secrets") == SECRETS  # where Compose puts them


def test_kubernetes_hands_pods_their_secrets_from_a_secret() -> None:
    [worker] = pod()["containers"]
    documents = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))
    [configuration] = [each for each in documents if each["kind"] == "ConfigMap"]

    given = {each["name"]: each for each in worker["env"] if each["name"] in SECRET_SETTINGS}
    assert len(given) == 5
    assert all("secretKeyRef" in each["valueFrom"] for each in given.values())
    assert not SECRET_SETTINGS & set(configuration["data"])


def test_no_container_is_root_or_becomes_it() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    [worker] = pod()["containers"]

    assert re.findall(r"^USER (.*)$", dockerfile, re.M) == ["10001"]
    for name, service in compose()["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert pod()["securityContext"]["runAsUser"] == 10001
    assert worker["securityContext"]["allowPrivilegeEscalation"] is False
    assert worker["securityContext"]["readOnlyRootFilesystem"] is True
    assert worker["securityContext"]["capabilities"] == {"drop": ["ALL"]}
