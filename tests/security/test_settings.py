"""Settings that contradict each other are named before anything begins; secrets are never shown."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams import settings as module
from streams.settings import Settings, SettingsError, read_settings
from tests.security.certificates import Authority
from tests.security.stand import KEY_PASSWORD, SECRETS

SASL = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_USERNAME": "u"}
SSL = {"KAFKA_SECURITY_PROTOCOL": "SSL"}
CERTIFICATE = {
    "KAFKA_SSL_CERTIFICATE": "{folder}/locked.crt",
    "KAFKA_SSL_KEY": "{folder}/locked.key",
}
REDISS = {"REDIS_URL": "rediss://h:1/0"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("certificates")
    ours = Authority(made, "ours")
    ours.certify("locked", KEY_PASSWORD)
    ours.certify("open")
    (made / "no.crt").write_text("no certificate")
    return made


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """An environment and a folder without any setting."""
    for name in [name for name in os.environ if name.startswith("REDEEMONCE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


def read(bare: pytest.MonkeyPatch, folder: Path, given: dict[str, str]) -> Settings:
    for name, value in given.items():
        bare.setenv(f"REDEEMONCE_{name}", value.format(folder=folder))
    return read_settings()


GOOD = [
    {},
    {"KAFKA_SECURITY_PROTOCOL": "", "KAFKA_SSL_CA": "", "OPERATOR_TOKEN": ""},  # as compose passes
    SASL | {"KAFKA_SASL_PASSWORD": "p"},
    SASL | {"KAFKA_SASL_PASSWORD": "p", "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"},
    SSL | {"KAFKA_SSL_CA": "{folder}/ours-ca.crt"},
    SSL | CERTIFICATE | {"KAFKA_SSL_KEY_PASSWORD": KEY_PASSWORD},
    REDISS | {"REDIS_USERNAME": "u", "REDIS_PASSWORD": "p", "REDIS_SSL_CA": "{folder}/ours-ca.crt"},
    {"REDIS_URL": "redis://:p@h"},
    {"REDIS_URL": "redis://u:p@h", "REDIS_PASSWORD": "p"},
    {"REDIS_URL": "unix:///run/redis.sock", "REDIS_PASSWORD": "p"},
]
WRONG = [
    ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL"),
    ({"KAFKA_SASL_MECHANISM": "GSSAPI"}, "KAFKA_SASL_MECHANISM"),
    (SASL, "REDEEMONCE_KAFKA_SASL_PASSWORD is not set"),
    (
        {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_PASSWORD": "p"},
        "REDEEMONCE_KAFKA_SASL_USERNAME is not set",
    ),
    ({"KAFKA_SASL_PASSWORD": "p"}, "KAFKA_SASL_PASSWORD is set, but the protocol PLAINTEXT"),
    (SSL | {"KAFKA_SASL_USERNAME": "u"}, "KAFKA_SASL_USERNAME is set, but the protocol SSL"),
    ({"KAFKA_SSL_CA": "{folder}/ours-ca.crt"}, "the protocol PLAINTEXT isn't encrypted"),
    (SSL | {"KAFKA_SSL_CA": "{folder}/nowhere"}, "KAFKA_SSL_CA: {folder}/nowhere can't be read"),
    (SSL | {"KAFKA_SSL_CA": "{folder}"}, "KAFKA_SSL_CA: {folder} can't be read"),
    (SSL | {"KAFKA_SSL_CA": "{folder}/no.crt"}, "KAFKA_SSL_CA: {folder}/no.crt holds no"),
    (SSL | {"KAFKA_SSL_CERTIFICATE": "{folder}/open.crt"}, "KAFKA_SSL_KEY is not set"),
    (SSL | {"KAFKA_SSL_KEY": "{folder}/open.key"}, "KAFKA_SSL_CERTIFICATE is not set"),
    (SSL | CERTIFICATE, "KAFKA_SSL_KEY: {folder}/locked.key is not the key of"),
    (SSL | CERTIFICATE | {"KAFKA_SSL_KEY_PASSWORD": "not it"}, "or its password is another"),
    (SSL | CERTIFICATE | {"KAFKA_SSL_KEY": "{folder}/open.key"}, "is not the key of"),
    ({"REDIS_SSL_CA": "{folder}/ours-ca.crt"}, "REDIS_URL doesn't begin with rediss://"),
    (REDISS | {"REDIS_SSL_KEY": "{folder}/open.key"}, "REDIS_SSL_CERTIFICATE is not set"),
    ({"REDIS_USERNAME": "u"}, "REDIS_USERNAME is set without REDEEMONCE_REDIS_PASSWORD"),
    (
        {"REDIS_URL": "redis://u:other@h", "REDIS_PASSWORD": "p"},
        "REDIS_URL: has another password in it",
    ),
    ({"REDIS_URL": "redis://u:a/b@h"}, "REDIS_URL: is not an address"),
    ({"REDIS_URL": "http://u:p@h"}, "REDIS_URL: is not an address"),
    ({"REDIS_URL": "redis://h/0?db=x"}, "REDIS_URL: is not an address"),
    ({"OPERATOR_TOKEN": "short"}, "REDEEMONCE_OPERATOR_TOKEN: Value should have at least 16"),
]


@pytest.mark.parametrize("given", GOOD, ids=lambda given: "-".join(given) or "none")
def test_settings_that_go_together_are_taken(
    bare: pytest.MonkeyPatch, folder: Path, given: dict[str, str]
) -> None:
    read(bare, folder, given)


@pytest.mark.parametrize(("given", "told"), WRONG, ids=lambda x: x if isinstance(x, str) else "")
def test_settings_that_contradict_each_other_are_named(
    bare: pytest.MonkeyPatch, folder: Path, given: dict[str, str], told: str
) -> None:
    with pytest.raises(SettingsError) as error:
        read(bare, folder, given)

    assert told.format(folder=folder) in str(error.value)


def test_all_that_is_wrong_is_named_at_once(bare: pytest.MonkeyPatch, folder: Path) -> None:
    given = SASL | {"KAFKA_SSL_CA": "nowhere", "REDIS_USERNAME": "u"}

    with pytest.raises(SettingsError) as error:
        read(bare, folder, given)

    for name in ("KAFKA_SASL_PASSWORD", "KAFKA_SSL_CA", "REDIS_USERNAME"):
        assert f"REDEEMONCE_{name}" in str(error.value)


def test_secrets_may_be_files(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "redeemonce_code_secret").write_text("from a file\n")
    (tmp_path / "redeemonce_operator_token").write_text("a token of a file\n")
    bare.setattr(module, "SECRETS", tmp_path)
    bare.setenv("REDEEMONCE_OPERATOR_TOKEN", "a token of the environment")

    found = read_settings()

    assert found.secret() == "from a file"
    assert found.operator_token is not None
    assert found.operator_token.get_secret_value() == "a token of the environment"


def test_another_process_reads_the_same_settings(bare: pytest.MonkeyPatch, folder: Path) -> None:
    code, kafka, redis, _, token = SECRETS
    given = {
        "CODE_SECRET": code,
        "OPERATOR_TOKEN": token,
        "OPERATORS": f"anna:manage:{token}",
        "KAFKA_SSL_KEY_PASSWORD": KEY_PASSWORD,
        "REDIS_USERNAME": "u",
        "REDIS_PASSWORD": redis,
        "REDIS_SSL_CA": "{folder}/ours-ca.crt",
        "PAGES_OPEN": "false",
        "POCS": "a, b",
    }
    found = read(bare, folder, given | REDISS | SASL | CERTIFICATE | {"KAFKA_SASL_PASSWORD": kafka})

    for name, value in found.environment().items():
        bare.setenv(name, value)
    assert read_settings() == found


def test_no_secret_is_in_what_settings_look_like(bare: pytest.MonkeyPatch, folder: Path) -> None:
    code, kafka, redis, _, token = SECRETS
    given = {"CODE_SECRET": code, "REDIS_PASSWORD": redis, "OPERATOR_TOKEN": token}
    found = read(bare, folder, {**given, **SASL, "KAFKA_SASL_PASSWORD": kafka})

    for shown in (repr(found), str(found), f"{found!r}", repr(vars(found).get("code_secret"))):
        for secret in (code, kafka, redis, token, "redis-password"):
            assert secret not in shown
