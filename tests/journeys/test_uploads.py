"""Codes, audiences and stores from files; some uploads are killed and begun again."""

from collections import Counter
from collections.abc import Iterator

import pytest

from schemas.topics import OFFERS
from streams.bulk.uploads import CODES_A_CHUNK
from streams.client import new_request
from tests.journeys.handed import Said, answer, decided, kill_in_the_middle, run, shown, written
from tests.servers import Servers
from tests.world import TOMORROW, World, create, issue, one_worker, redeem

CODES = {"coupons": {"codes": {"type": "uploaded"}}}


@pytest.fixture(scope="module")
def world(running_servers: Servers) -> Iterator[World]:
    """One worker that all tests here share; each test has offers of its own."""
    with one_worker(running_servers, "uploads") as made:
        yield made


# Codes --------------------------------------------------------------------------------------------


def test_uploaded_codes_are_issued_and_redeemed(world: World) -> None:
    # given
    world.ask(create("stock", **CODES))
    file = written(world, "stock.csv", "code", [f"st-{n:04d}" for n in range(2_500)])

    # when
    uploaded = run(world, "offers", "upload-codes", "stock", file)
    given = world.ask(*(issue(f"c-{n}", "stock") for n in range(2_501)))

    # expect
    assert uploaded.returncode == 0, uploaded.stderr
    assert uploaded.stdout.endswith("stock: 2,500 codes uploaded, 0 refused\n")
    codes = [said["code"] for said in given if said["outcome"] == "accepted"]
    assert sorted(codes) == [f"ST{n:04d}" for n in range(2_500)]
    assert [said["reason"] for said in given if said["reason"]] == ["codes_exhausted"]
    assert world.reasons(redeem("st-0007", customer_of("ST0007", given))) == ["accepted"]


def customer_of(code: str, given: list[Said]) -> str:
    return next(str(said["customer_id"]) for said in given if said.get("code") == code)


def test_codes_with_customers_are_theirs(world: World) -> None:
    # given
    world.ask(create("personal", **CODES))
    file = written(world, "personal.csv", "customer_id,code", ["ann,PE-1", "bob,PE-2", "ann,PE-3"])

    # when
    found = answer(run(world, "offers", "upload-codes", "personal", file, "--json"))

    # expect
    assert found == {
        "offer_id": "personal", "uploaded": 3, "replayed": 0, "refused": 0, "lines": [],
        "stopped_by": None,
    }  # fmt: skip
    tried = (("PE1", "bob"), ("PE1", "ann"), ("PE3", "ann"))
    used = [redeem(code, customer, occurred_at=TOMORROW) for code, customer in tried]
    assert world.reasons(*used) == ["not_recipient", "accepted", "accepted"]
    assert shown(world, "personal")["issued"] == 3


def test_doubles_in_a_file_are_named_and_nothing_is_uploaded(world: World) -> None:
    # given
    world.ask(create("doubles", **CODES))
    before = decided(world, OFFERS)
    file = written(world, "doubles.csv", "code", ["DO-1", "DO-2", "do 1", "x" * 65])

    # when
    uploaded = run(world, "offers", "upload-codes", "doubles", file)

    # expect
    assert uploaded.returncode == 2
    assert uploaded.stderr.splitlines() == [
        "Error: doubles.csv:4: code: DO1 stands in line 2 too",
        "Error: doubles.csv:5: code: 1 to 64 characters are expected",
        "Nothing was sent or changed.",
    ]
    assert decided(world, OFFERS) == before


def test_codes_that_are_taken_are_named_and_all_others_uploaded(world: World) -> None:
    # given
    world.ask(create("other", **CODES), create("mine", **CODES))
    taken = written(world, "taken.csv", "code", ["MI-0003", "MI-1500"])
    answer(run(world, "offers", "upload-codes", "other", taken, "--json"))
    file = written(world, "mine.csv", "code", [f"mi-{n:04d}" for n in range(2_500)])

    # when
    first = run(world, "offers", "upload-codes", "mine", file)
    again = answer(run(world, "offers", "upload-codes", "mine", file, "--json"), status=1)

    # expect
    assert first.returncode == 1
    assert first.stderr.splitlines() == [
        "mine.csv:5: code: mi-0003 is taken", "mine.csv:1502: code: mi-1500 is taken",
    ]  # fmt: skip
    assert first.stdout.endswith("mine: 2,498 codes uploaded, 2 refused\n")
    assert (again["uploaded"], again["replayed"], again["refused"]) == (2_498, 2_498, 2)
    given = world.ask(*(issue(f"c-{n}", "mine") for n in range(2_499)))
    assert Counter(said["reason"] for said in given) == {None: 2_498, "codes_exhausted": 1}


def test_an_upload_that_was_killed_is_begun_again_and_nothing_is_there_twice(world: World) -> None:
    # given
    world.ask(create("killed", **CODES))
    count = 60_000
    file = written(world, "killed.csv", "code", [f"KI{n:06d}" for n in range(count)])
    upload = ("offers", "upload-codes", "killed", file, "--json")

    # when
    kill_in_the_middle(world, OFFERS, 5, *upload)
    found = answer(run(world, *upload))

    # expect
    assert (found["uploaded"], found["refused"]) == (count, 0)
    assert 5 * CODES_A_CHUNK <= found["replayed"] < count
    customers = written(world, "all.csv", "customer_id", [f"c-{n}" for n in range(count + 1)])
    issued = answer(run(world, "issue", "killed", "--customers", customers, "--json"), status=1)
    assert (issued["issued"], issued["rejected"]) == (count, {"codes_exhausted": 1})


def test_offers_that_take_no_codes(world: World) -> None:
    # given
    world.ask(create("generated"))
    file = written(world, "some.csv", "code", ["NO-1"])

    # when
    refused = run(world, "offers", "upload-codes", "generated", file)
    unknown = run(world, "offers", "upload-codes", "no-such-offer", file)

    # expect
    assert (refused.returncode, unknown.returncode) == (1, 1)
    assert refused.stderr.startswith("generated: refused, upload_not_allowed: ")
    assert unknown.stderr.startswith("no-such-offer: refused, offer_not_found")


# Audience, stores ---------------------------------------------------------------------------------


def test_an_audience_takes_the_place_of_the_one_before(world: World) -> None:
    # given
    world.ask(create("chosen"))
    large = written(world, "large.csv", "customer_id", [f"c-{n}" for n in range(25_000)])
    small = written(world, "small.csv", "customer_id", ["d-1"])

    def who() -> list[str]:
        return world.reasons(*(issue(name, "chosen") for name in ("c-0", "c-24999", "d-1")))

    # expect
    accepted, refused = "accepted", "not_in_audience"
    for arguments, parts, expected in (
        ((large,), 3, [accepted, accepted, refused]),
        ((small,), 1, [refused, refused, accepted]),
        ((large,), 3, [accepted, accepted, refused]),  # the same file again takes effect again
        (("--everyone",), 1, [accepted, accepted, accepted]),
    ):
        found = answer(run(world, "offers", "audience", "chosen", *arguments, "--json"))
        assert found["parts"] == parts
        assert who() == expected


def test_an_audience_that_was_killed_is_begun_again(world: World) -> None:
    # given
    world.ask(create("crowd"))
    names = [f"c-{n}" for n in range(200_000)]
    large = written(world, "crowd.csv", "customer_id", names)
    other = written(world, "other.csv", "customer_id", [f"d-{n}" for n in range(200_000)])

    # when
    kill_in_the_middle(world, OFFERS, 3, "offers", "audience", "crowd", large)
    before = world.reasons(issue("d-0", "crowd"))
    found = answer(run(world, "offers", "audience", "crowd", other, "--json"))

    # expect only the second to be there, though the first left parts of as many behind
    assert before == ["accepted"]
    assert found == {"offer_id": "crowd", "customers": 200_000, "parts": 20}
    tried = [issue(name, "crowd") for name in ("c-0", "c-199999", "d-0", "d-199999")]
    assert world.reasons(*tried) == ["not_in_audience"] * 2 + ["accepted"] * 2


def test_parts_that_somebody_left_behind_are_none_of_an_audience(world: World) -> None:
    # given
    world.ask(create("left"))
    stray = {"actor": "x", "customer_ids": ["stray"], "part": 3, "parts": 3}
    world.ask(new_request("set_audience", offer_id="left", **stray))
    file = written(world, "left.csv", "customer_id", [f"c-{n}" for n in range(25_000)])

    # when
    found = answer(run(world, "offers", "audience", "left", file, "--json"))

    # expect
    assert found == {"offer_id": "left", "customers": 25_000, "parts": 3}
    tried = [issue(name, "left") for name in ("stray", "c-0", "c-24999")]
    assert world.reasons(*tried) == ["not_in_audience", "accepted", "accepted"]


def test_doubles_and_refusals_of_an_audience(world: World) -> None:
    # given
    sample = {"coupons": {"codes": {"type": "randomised", "sample": "DRAWN12345"}}}
    world.ask(create("drawn", **sample))
    twice = written(world, "twice.csv", "customer_id", ["a", "b", "a"])
    once = written(world, "once.csv", "customer_id", ["a"])

    # when
    doubled = run(world, "offers", "audience", "drawn", twice)
    refused = run(world, "offers", "audience", "drawn", once)
    unnamed = run(world, "offers", "audience", "drawn")

    # expect
    assert (doubled.returncode, refused.returncode, unnamed.returncode) == (2, 1, 2)
    assert "twice.csv:4: customer_id: a stands in line 2 too" in doubled.stderr
    assert refused.stderr.startswith("drawn: refused, upload_not_allowed: ")


def test_stores_of_a_file(world: World) -> None:
    # given
    world.ask(create("local"))
    (given,) = world.ask(issue("c", "local"))
    file = written(world, "stores.csv", "store_id", ["s-1", "s-2"])

    # when
    found = answer(run(world, "offers", "stores", "local", file, "--json"))
    elsewhere = world.reasons(redeem(given["code"], "c"))
    everywhere = run(world, "offers", "stores", "local", "--everywhere")

    # expect
    assert found == {"offer_id": "local", "stores": 2, "parts": 1}
    assert elsewhere == ["store_not_allowed"]
    assert everywhere.stdout.endswith("local: no stores in particular any more\n")
    assert world.reasons(redeem(given["code"], "c")) == ["accepted"]


# All of it ----------------------------------------------------------------------------------------


def test_the_audit_agrees_with_all_of_it(world: World) -> None:
    """The last test here."""
    audited = run(world, "audit")
    assert audited.returncode == 0, audited.stdout
