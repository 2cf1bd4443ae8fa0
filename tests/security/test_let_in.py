"""Workers, tills and commands through TLS, with exactly the rights that are documented."""

import json
import re
from importlib.resources import files

import orjson
import pytest

from schemas.topics import REDEEM
from streams.broker import partitions_of
from streams.client import new_request
from tests.security.stand import REDIS_RIGHTS, SecureWorld, Stand
from tests.world import create, issue, offer, redeem


def test_a_worker_let_in_by_password_decides(shop: SecureWorld) -> None:
    [made] = shop.ask(create("by-password"))
    [issued] = shop.ask(issue("c", "by-password"))
    [redeemed] = shop.ask(redeem(issued["code"], "c"))

    assert [said["outcome"] for said in (made, issued, redeemed)] == ["accepted"] * 3


def test_a_worker_let_in_by_certificate_decides(shop: SecureWorld) -> None:
    shop.ask(create("by-certificate"))

    [revoked] = shop.ask(new_request("revoke", offer_id="by-certificate", scope="unredeemed"))

    assert revoked["outcome"] == "accepted"


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.usefixtures("shop")
def test_every_mechanism_lets_a_client_in(stand: Stand, mechanism: str) -> None:
    world = stand.world(stand.settings(KAFKA_SASL_MECHANISM=mechanism))

    assert partitions_of(world.settings, REDEEM.requests) == 4


def test_user_and_password_may_stand_in_the_address_of_redis(stand: Stand) -> None:
    given = stand.settings()
    user, password = given.pop("REDIS_USERNAME"), given.pop("REDIS_PASSWORD")
    quoted = password.replace("%", "%25").replace("/", "%2F").replace(":", "%3A")
    quoted = quoted.replace("@", "%40").replace("#", "%23")
    address = given["REDIS_URL"].replace("://", f"://{user}:{quoted}@")

    told = stand.world(given | {"REDIS_URL": address}).run("offers", "list", "--json")

    assert (told.returncode, told.stderr) == (0, "")


def test_commands_are_let_in(shop: SecureWorld) -> None:
    # given
    (shop.logs / "offer.json").write_text(json.dumps(offer("by-command")))
    (shop.logs / "one.ndjson").write_bytes(orjson.dumps(issue("c", "by-command")))

    # when
    for words in ("offers apply offer.json", "send one.ndjson --wait", "audit"):
        told = shop.run(*words.split())

        # expect
        assert told.returncode == 0, f"{words}: {told.stdout}{told.stderr}"


def test_the_rights_in_redis_are_those_that_the_scripts_need() -> None:
    """A command that a script calls in a rare case only is missed by no test but this one."""
    scripts = [each.read_text() for each in files("state").joinpath("lua").iterdir()]
    called = {name.lower() for text in scripts for name in re.findall(r"call\('(\w+)'", text)}

    assert called <= {right.removeprefix("+") for right in REDIS_RIGHTS.split()}
