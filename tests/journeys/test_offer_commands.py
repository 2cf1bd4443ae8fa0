"""`offers` as people run it: what it does, what it prints, and how it ends."""

from collections.abc import Iterator
from subprocess import CompletedProcess

import pytest

from streams.client import new_request
from tests.journeys.commands import lines, written
from tests.servers import Servers
from tests.world import World, create, issue, offer, one_worker, redeem, wait_for

OFFER = """\
offer_id: {offer_id}
name: {name}
expiry: {{type: fixed_date, at: "2098-12-31T23:59:59+05:30"}}
discount: {{type: percentage, percent: "10"}}
coupons:
  codes: {{type: unique, charset: alphanumeric, length: 10}}
"""
WRONG_OFFERS = """\
offer_id: right
name: Nothing is wrong with this one
expiry: {type: fixed_date, at: "2098-12-31T23:59:59+05:30"}
discount: {type: percentage, percent: "10"}
coupons: {codes: {type: unique, charset: alphanumeric, length: 10}}
---
offer_id: wrong
name: Three things are wrong
expiry: {type: fixed_date, at: tomorrow}
discount:
  type: percentage
  percent: "110"
coupons: {codes: {type: unique, charset: alphanumeric, length: 10}}
redem: {max_total: 5}
"""


@pytest.fixture(scope="module")
def world(running_servers: Servers) -> Iterator[World]:
    """One worker that all tests here share; each test has offers of its own."""
    with one_worker(running_servers, "offer-commands") as made:
        yield made


def expect_refused(command: "CompletedProcess[str]", *errors: str) -> None:
    """Exit 2, every error on a line of its own, and nothing done."""
    said = command.stderr.splitlines()
    assert command.returncode == 2
    assert [line.removeprefix("Error: ") for line in said[:-1]] == list(errors)
    assert said[-1] == "Nothing was sent or changed."
    assert command.stdout == ""


def test_apply_creates_offers_and_edits_those_that_exist(world: World) -> None:
    # given
    both = "---\n".join(OFFER.format(offer_id=each, name=each) for each in ("spring", "summer"))

    # when
    created = world.run("offers", "apply", written(world, "both.yaml", both))
    changed = OFFER.format(offer_id="spring", name="Spring again")
    edited = world.run("offers", "apply", "--json", written(world, "one.yaml", changed))
    shown = world.run("offers", "show", "spring", "--json")
    listed = world.run("offers", "list", "--sort", "modified", "--json")

    # expect
    assert created.returncode == 0
    assert created.stdout == "spring: applied (version 1)\nsummer: applied (version 1)\n"
    assert edited.returncode == 0
    assert [said["offer_version"] for said in lines(edited)] == [2]
    assert [(one["name"], one["version"]) for one in lines(shown)] == [("Spring again", 2)]
    assert [one["offer_id"] for one in lines(listed)][:2] == ["spring", "summer"]


def test_apply_names_every_error_with_its_line_and_applies_nothing(world: World) -> None:
    # given
    file = written(world, "wrong.yaml", WRONG_OFFERS)

    # when
    applied = world.run("offers", "apply", file)

    # expect
    assert applied.returncode == 2
    assert [line.split(": ")[1] for line in applied.stderr.splitlines()[:-1]] == [
        "wrong.yaml:9", "wrong.yaml:12", "wrong.yaml:14",
    ]  # fmt: skip
    assert applied.stderr.endswith("Nothing was sent or changed.\n")
    assert "Traceback" not in applied.stderr
    assert world.run("offers", "show", "right").returncode == 1


def test_what_the_worker_refuses_ends_apply_with_1(world: World) -> None:
    # given
    world.ask(create("first", offer_code="TAKEN"))
    text = OFFER.format(offer_id="second", name="x") + "offer_code: TAKEN\n"

    # when
    applied = world.run("offers", "apply", written(world, "taken.yaml", text))

    # expect
    assert applied.returncode == 1
    assert applied.stderr == "second: refused, offer_code_taken: TAKEN\n"


def test_list_and_show_for_people(world: World) -> None:
    # given
    world.ask(create("for-people"))
    world.ask(issue("c", "for-people"))

    # when
    listed = world.run("offers", "list")
    shown = world.run("offers", "show", "for-people")
    unknown = world.run("offers", "show", "no-such-offer")

    # expect
    [row] = [line for line in listed.stdout.splitlines() if "for-people" in line]
    assert row.split("\t")[5:] == ["dvs h", "1", "0", "0.00%"]
    assert shown.stdout.startswith("for-people: Offer for-people, version 1\nissued 1, redeemed 0")
    assert "  holder: h\n" in shown.stdout
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr == "Error: there is no offer no-such-offer\n"


def test_show_says_who_changed_what_and_when(world: World) -> None:
    # given
    world.ask(create("changed", claim=None, issue={"max_total": 5}))
    world.ask(new_request("edit", offer_id="changed", actor="kim", offer=offer(
        "changed", claim=None, issue={"max_total": 7}, name="Another")))  # fmt: skip
    refused = {"expiry": {"type": "with_campaign"}, "claim": None}
    world.ask(new_request("edit", offer_id="changed", actor="kim",
                          offer=offer("changed", **refused)))  # fmt: skip
    world.run("offers", "claim", "changed", "--service", "dvs", "--holder", "h", "--actor", "lee")
    world.run("offers", "revoke", "changed", "--scope", "unissued")

    # when
    [shown] = lines(world.run("offers", "show", "changed", "--json"))
    words = world.run("offers", "show", "changed").stdout

    # expect
    created, edited, claimed, revoked = shown["history"]
    assert [(one["actor"], one["type"], one["version"]) for one in shown["history"]] == [
        ("t", "create", 1), ("kim", "edit", 2), ("lee", "claim", 3), (None, "revoke", 3),
    ]  # fmt: skip
    assert "changes" not in created
    assert edited["changes"] == [
        {"field": "issue.max_total", "before": 5, "after": 7},
        {"field": "name", "before": "Offer changed", "after": "Another"},
    ]
    assert [change["field"] for change in claimed["changes"]] == ["claim"]
    assert revoked["scope"] == "unissued"
    assert created["at"] < edited["at"] < claimed["at"]
    assert 'kim: edit\n    issue.max_total: 5 -> 7\n    name: "Offer changed" -> "Another"' in words


def test_guessable_codes_are_warned_about(world: World) -> None:
    # given
    short = {"codes": {"type": "unique", "charset": "digits", "length": 6, "prefix": "77"}}
    world.ask(create("guessed", coupons=short), create("safe"))
    world.ask(issue("c-1", "guessed"), issue("c-2", "guessed"), issue("c-1", "safe"))

    # when
    [guessed] = lines(world.run("offers", "show", "guessed", "--json"))
    [safe] = lines(world.run("offers", "show", "safe", "--json"))
    words = world.run("offers", "show", "guessed").stdout

    def metrics() -> str:
        return world.get("/metrics")[1].decode()

    # expect
    assert (guessed["code_space"]["issued"], guessed["code_space"]["possible"]) == (2, 10_000)
    assert (guessed["code_space"]["guessable"], safe["code_space"]["guessable"]) == (True, False)
    assert "Warning: 2 of 10,000 possible codes are issued" in words
    line = 'redeemonce_guessable_codes{offer="guessed"} 0.0002'
    wait_for("the metric", lambda: line in metrics())
    assert 'offer="safe"' not in metrics()


def test_claim_is_first_come_and_says_who_has_it(world: World) -> None:
    # given
    world.ask(create("wanted", claim=None))

    # when
    first = world.run("offers", "claim", "wanted", "--service", "loyalty", "--holder", "gold")
    other = world.run("offers", "claim", "wanted", "--service", "dvs", "--holder", "spring")
    ends = ("soon", "2030-12-31 23:59:59+05:30", "2030-02-30T00:00:00Z")
    claiming = ("offers", "claim", "wanted", "--service", "dvs", "--holder", "x", "--ends-at")
    wrong = [world.run(*claiming, end) for end in ends]

    # expect
    assert (first.returncode, first.stdout) == (
        0, "wanted: claimed by loyalty gold (version 2)\n",
    )  # fmt: skip
    assert (other.returncode, other.stderr) == (
        1, "wanted: refused, already_claimed: by loyalty gold\n",
    )  # fmt: skip
    assert [one.returncode for one in wrong] == [2, 2, 2]
    assert all("--ends-at" in one.stderr for one in wrong)


def test_revoke_in_its_three_scopes(world: World) -> None:
    # given
    names = ("a", "b", "c")
    world.ask(create("ending"))
    codes = [said["code"] for said in world.ask(*(issue(name, "ending") for name in names))]
    world.ask(redeem(codes[0], "a"))
    listed = written(world, "customers.csv", "customer_id\nb\nnobody\n")
    twice = written(world, "twice.csv", "customer_id\nb\nb\n")

    # when
    some = world.run("offers", "revoke", "ending", "--scope", "customers", "--customers", listed)
    unissued = world.run("offers", "revoke", "ending", "--scope", "unissued")
    all_ = world.run("offers", "revoke", "ending", "--scope", "unredeemed", "--json")
    refused = world.run("offers", "revoke", "ending", "--scope", "customers", "--customers", twice)
    unlisted = world.run("offers", "revoke", "ending", "--scope", "customers")

    # expect
    assert some.stdout == "ending: revoked (customers), 1 issued coupons ended\n"
    assert unissued.returncode == 0
    assert [said["revoked"] for said in lines(all_)] == [None]
    assert world.reasons(issue("d", "ending")) == ["codes_exhausted"]
    used = [redeem(code, name) for code, name in zip(codes, names, strict=True)]
    assert world.reasons(*used) == ["coupon_redeemed", "coupon_revoked", "coupon_revoked"]
    expect_refused(refused, "twice.csv:3: customer_id: b stands in line 2 too")
    assert unlisted.returncode == 2
