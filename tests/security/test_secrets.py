"""No secret is ever read in a log, an error or a page, at debug level too."""

from urllib.parse import quote

import pytest

from tests.security.stand import (
    CODE_SECRET,
    KAFKA_PASSWORD,
    KEY_PASSWORD,
    OPERATOR_TOKEN,
    REDIS_PASSWORD,
    SECRETS,
    SecureWorld,
    Stand,
)
from tests.world import create, issue

#: As they are, and as they stand in an address.
SHAPES = {*SECRETS, *(quote(secret, safe="") for secret in SECRETS)}
#: What goes wrong with settings of which every one is wrong or meets something that is.
ACCIDENTS = {
    "not a port": {"WEB_PORT": f"no-port-{OPERATOR_TOKEN}"},
    "a password in an address that is none": {"REDIS_URL": f"http://u:{KEY_PASSWORD}@h"},
    "one that isn't encoded": {"REDIS_URL": f"redis://u:{REDIS_PASSWORD}@h"},
    "another than the address": {"REDIS_URL": f"rediss://worker:{KEY_PASSWORD}@h"},
    "a secret for a protocol": {"KAFKA_SECURITY_PROTOCOL": KEY_PASSWORD},
    "a password too many": {"KAFKA_SECURITY_PROTOCOL": "SSL"},
    "a key that is none": {"KAFKA_SSL_CERTIFICATE": "{folder}/open.crt", "KAFKA_SSL_KEY": "no"},
    "a password for a key": {"KAFKA_SSL_CERTIFICATE": "{folder}/locked.crt",
                             "KAFKA_SSL_KEY": "{folder}/locked.key",
                             "KAFKA_SSL_KEY_PASSWORD": f"no-{OPERATOR_TOKEN}"},
    "a Redis that is away": {"REDIS_URL": "rediss://127.0.0.1:1/0"},
    "another password": {"REDIS_PASSWORD": f"no-{OPERATOR_TOKEN}"},
}  # fmt: skip
#: An exception with the settings, and a client made of them, in it; and what pydantic says of them.
_WITH_ALL_OF_IT = """
import logging, traceback
from state.ledger import Ledger
from streams.broker import admin, kafka_client
from streams.settings import Settings, read_settings
logging.basicConfig(level=0)
found = read_settings()
ledger = Ledger(found.redis_url, found.topic_prefix)
logging.debug("%s %r %s", found, found, admin(found))
password = found.redis_password.get_secret_value()
for wrong in ({"redis_url": password}, {"web_port": password}, {"kafka_sasl_mechanism": password}):
    try:
        Settings(_env_file=None, **wrong)
    except ValueError as error:
        logging.exception("no settings: %r", error)
try:
    ledger.is_open()
    ledger.client.execute_command("ACL", "LIST")
except Exception as error:
    logging.exception("refused: %r", error)
raise RuntimeError(found)
"""


def expect_no_secret(where: str, text: str) -> None:
    found = [shape for shape in SHAPES if shape in text]
    assert not found, f"{where} shows {found}"


@pytest.mark.parametrize("accident", ACCIDENTS)
def test_no_error_of_a_command_shows_one(stand: Stand, shop: SecureWorld, accident: str) -> None:
    changes = {k: v.format(folder=stand.folder) for k, v in ACCIDENTS[accident].items()}
    environment = {f"REDEEMONCE_{k}": v for k, v in stand.settings(**changes).items()}

    told = shop.run("offers", "list", env=shop.environment() | environment)

    assert told.returncode in (1, 2)
    assert "Traceback" not in told.stderr
    expect_no_secret(accident, told.stdout + told.stderr)


def test_no_exception_shows_one(shop: SecureWorld) -> None:
    told = shop.run_text(_WITH_ALL_OF_IT)

    for words in ("Settings(", "RuntimeError", "no settings", "refused", "web_port"):
        assert words in told, told
    expect_no_secret("an exception", told)


def test_no_page_shows_one(shop: SecureWorld) -> None:
    shop.ask(create("pages"))
    shop.ask(issue("c", "pages"))

    for path in (
        "/",
        "/offers",
        "/offers/pages",
        "/offers/none",
        "/health",
        "/metrics",
        "/nowhere",
    ):
        status, body = shop.get(path)
        assert status in (200, 404)
        expect_no_secret(path, body.decode())


@pytest.mark.usefixtures("shop")
def test_no_log_of_anything_above_shows_one(stand: Stand) -> None:
    """Workers that were let in and those that weren't, and commands, with all they have to say."""
    logs = {place: world.log(place) for world in stand.workers for place in world.workers}

    assert "DEBUG" in logs["w0"]
    for place, log in logs.items():
        expect_no_secret(place, log)


def test_the_secrets_are_those_that_the_workers_have(shop: SecureWorld) -> None:
    """Were they others, all of the above would hold of anything."""
    environment = shop.environment().values()

    for secret in (CODE_SECRET, KAFKA_PASSWORD, REDIS_PASSWORD, OPERATOR_TOKEN):
        assert secret in environment
