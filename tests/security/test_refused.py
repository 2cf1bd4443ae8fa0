"""Who isn't let in hears why, soon: a worker leaves, a command fails, and nothing is decided."""

from subprocess import Popen
from typing import NamedTuple

import orjson
import pytest

from schemas.topics import PLACES
from streams.broker import read_all
from tests.security.stand import SecureWorld, Stand
from tests.world import create, wait_for

#: Seconds in which a worker or command that isn't let in has said so; all begin at once.
SOON_S = 90.0
NO_CERTIFICATE = {"KAFKA_SSL_CERTIFICATE": "", "KAFKA_SSL_KEY": "", "KAFKA_SSL_KEY_PASSWORD": ""}
STRANGER = {
    "KAFKA_SSL_CERTIFICATE": "{folder}/stranger.crt",
    "KAFKA_SSL_KEY": "{folder}/stranger.key",
}


class Case(NamedTuple):
    """What is wrong, which listener of Kafka it tries, and what it is told."""

    name: str
    changes: dict[str, str]
    told: tuple[str, ...]
    by_certificate: bool = False


CASES = [
    Case(
        "kafka: another password", {"KAFKA_SASL_PASSWORD": "not it"},
        ("Kafka at 127.0.0.1:{sasl_ssl} can't be used", "SASL authentication error"),
    ),
    Case(
        "kafka: another authority", {"KAFKA_SSL_CA": "{folder}/theirs-ca.crt"},
        ("Kafka at 127.0.0.1:{sasl_ssl} can't be used", "certificate could not be verified"),
    ),
    Case(
        "kafka: no certificate", NO_CERTIFICATE,
        ("Kafka at 127.0.0.1:{ssl} can't be used", "SSL alert number"), True,
    ),
    Case(
        "kafka: a stranger's certificate", STRANGER | {"KAFKA_SSL_KEY_PASSWORD": ""},
        ("Kafka at 127.0.0.1:{ssl} can't be used", "SSL alert number"), True,
    ),
    Case(
        "redis: another password", {"REDIS_PASSWORD": "not it"},
        ("Redis can't be used", "invalid username-password pair"),
    ),
    Case(
        "redis: another authority", {"REDIS_SSL_CA": "{folder}/theirs-ca.crt"},
        ("Redis can't be used", "CERTIFICATE_VERIFY_FAILED"),
    ),
    Case(
        "redis: no certificate", {"REDIS_SSL_CERTIFICATE": "", "REDIS_SSL_KEY": ""},
        ("Redis can't be used", "it wants a certificate"),
    ),
    Case(
        "redis: another's keys", {"TOPIC_PREFIX": "elsewhere."},
        ("Redis can't be used", "ermissions"),
    ),
]  # fmt: skip
#: Of a command, and the cases in which it fails.
COMMANDS = {"send one.ndjson --wait": CASES[:2], "offers list": CASES[6:7]}


class Attempt(NamedTuple):
    """What was started with a case's settings, in a folder of its own."""

    world: SecureWorld
    process: "Popen[bytes]"


@pytest.fixture(scope="module")
def attempts(stand: Stand, shop: SecureWorld) -> dict[tuple[str, str], Attempt]:
    """All are started at once, to wait for them only once."""
    assert shop.health()[0] == 200
    commands = [(words, case) for words, cases in COMMANDS.items() for case in cases]
    return {
        (words, case.name): begin(stand, case, words)
        for words, case in [*(("worker", case) for case in CASES), *commands]
    }


def begin(stand: Stand, case: Case, words: str) -> Attempt:
    places = vars(stand)
    changes = {name: value.format(**places) for name, value in case.changes.items()}
    let_in = stand.with_certificates if case.by_certificate else stand.settings
    given = {name: value for name, value in let_in(**changes).items() if value}
    world = stand.world(given)
    (world.logs / "one.ndjson").write_bytes(orjson.dumps(create("refused")))
    return Attempt(world, world.begin("intruder", *words.split()))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_worker_says_why_and_leaves(
    attempts: dict[tuple[str, str], Attempt], stand: Stand, case: Case
) -> None:
    world, process = attempts["worker", case.name]

    assert wait_for("it leaves", lambda: process.poll() is not None, SOON_S)

    assert process.returncode == 1
    for words in case.told:
        assert words.format(**vars(stand)) in world.log("intruder")


@pytest.mark.parametrize(
    ("words", "case"),
    [
        pytest.param(words, case, id=case.name)
        for words, cases in COMMANDS.items()
        for case in cases
    ],
)
def test_a_command_says_why_and_fails(
    attempts: dict[tuple[str, str], Attempt], words: str, case: Case
) -> None:
    world, process = attempts[words, case.name]

    assert process.wait(SOON_S) == 1

    log = world.log("intruder")
    assert case.told[-1] in log
    assert "Traceback" not in log


@pytest.mark.usefixtures("attempts")
def test_none_of_them_decided_anything(shop: SecureWorld) -> None:
    places = [message.value() or b"" for message in read_all(shop.settings, PLACES)]

    assert b"w0" in b"".join(places)
    assert b"intruder" not in b"".join(places)
    assert b"intruder" not in b"".join(place.encode() for place in shop.ledger().readers())
    [made] = shop.ask(create("refused"))
    assert made["outcome"] == "accepted"  # nobody's request to make it came through
