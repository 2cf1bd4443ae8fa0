"""The commands as people run them: what they do, what they print, and how they end."""

import json
from collections.abc import Iterator
from subprocess import CompletedProcess
from typing import Any

import pytest
from redis import Redis

from schemas.topics import ISSUE, REDEEM, Lane
from state.keys import base
from streams.client import new_request
from streams.recovery import committed_offsets
from tests.servers import Servers
from tests.world import World, create, issue, offer, organisation, redeem, wait_for

OFFER = """\
offer_id: {offer_id}
name: {name}
expiry: {{type: fixed_date, at: "2026-12-31T23:59:59+05:30"}}
discount: {{type: percentage, percent: "10"}}
coupons:
  codes: {{type: unique, charset: alphanumeric, length: 10}}
"""
WRONG_OFFERS = """\
offer_id: right
name: Nothing is wrong with this one
expiry: {type: fixed_date, at: "2026-12-31T23:59:59+05:30"}
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
TILLS = """\
till_id,store_id,zone_ids,concept_id,time_zone,store_name
t-1,s-1,north;east,fashion,Asia/Kolkata,Main Street
t-2,s-1,,,,
"""
WRONG_TILLS = """\
till_id,store_id,zone_ids,concept_id,time_zone
t-3,s-1,,,
t-4,s-1,,,Mars/Olympus
,s-1,,,
t-3,s-2,,,
t-5,s-1
"""
#: Fields of an outcome that a person reads off `send --wait`.
Said = dict[str, Any]


@pytest.fixture(scope="module")
def world(running_servers: Servers) -> Iterator[World]:
    """One worker that all tests here share; each test has offers of its own."""
    made = World(organisation(running_servers, "commands"))
    try:
        made.start()
        yield made
    finally:
        made.close()


def written(world: World, name: str, text: str) -> str:
    """A file in the directory in which commands run."""
    (world.logs / name).write_text(text, "utf-8")
    return name


def ndjson(*requests: Said) -> str:
    return "".join(json.dumps(request) + "\n" for request in requests)


def lines(command: "CompletedProcess[str]") -> list[Said]:
    """What a command printed with --json."""
    return [json.loads(line) for line in command.stdout.splitlines()]


def expect_refused(command: "CompletedProcess[str]", *errors: str) -> None:
    """Exit 2, every error on a line of its own, and nothing done."""
    said = command.stderr.splitlines()
    assert command.returncode == 2
    assert [line.removeprefix("Error: ") for line in said[:-1]] == list(errors)
    assert said[-1] == "Nothing was sent or changed."
    assert command.stdout == ""


def waiting(world: World, lane: Lane) -> int:
    """How many requests a topic ever had, all of them decided."""
    return sum(committed_offsets(world.settings, lane).values())


# Offers -------------------------------------------------------------------------------------------


def test_apply_creates_offers_and_edits_those_that_exist(world: World) -> None:
    # given
    both = "---\n".join(OFFER.format(offer_id=each, name=each) for each in ("spring", "summer"))

    # when
    created = world.run("offers", "apply", written(world, "both.yaml", both))
    changed = OFFER.format(offer_id="spring", name="Spring again")
    edited = world.run("offers", "apply", "--json", written(world, "one.yaml", changed))
    shown = world.run("offers", "show", "spring", "--json")
    listed = world.run("offers", "list", "--json")

    # expect
    assert created.returncode == 0
    assert created.stdout == "spring: applied (version 1)\nsummer: applied (version 1)\n"
    assert edited.returncode == 0
    assert [said["offer_version"] for said in lines(edited)] == [2]
    assert [(one["name"], one["version"]) for one in lines(shown)] == [("Spring again", 2)]
    assert [one["offer_id"] for one in lines(listed)][-2:] == ["summer", "spring"]


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
    listed = world.run("offers", "list", env=world.environment() | {"COLUMNS": "200"})
    shown = world.run("offers", "show", "for-people")
    unknown = world.run("offers", "show", "no-such-offer")

    # expect
    [row] = [line for line in listed.stdout.splitlines() if "for-people" in line]
    assert [cell.strip() for cell in row.split("│")][4:-1] == ["dvs h", "1", "0", "0.00%"]
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
    wrong = world.run(
        *("offers", "claim", "wanted", "--service", "dvs", "--holder", "x", "--ends-at", "soon")
    )

    # expect
    assert (first.returncode, first.stdout) == (
        0, "wanted: claimed by loyalty gold (version 2)\n",
    )  # fmt: skip
    assert (other.returncode, other.stderr) == (
        1, "wanted: refused, already_claimed: by loyalty gold\n",
    )  # fmt: skip
    assert wrong.returncode == 2
    assert "--ends-at" in wrong.stderr


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


# Org, send ----------------------------------------------------------------------------------------


def test_org_apply_loads_tills_or_says_what_is_wrong_with_each(world: World) -> None:
    # when
    applied = world.run("org", "apply", "--json", written(world, "tills.csv", TILLS))
    wrong = world.run("org", "apply", written(world, "wrong.csv", WRONG_TILLS))
    headless = world.run("org", "apply", written(world, "headless.csv", "t-1,s-1,,,\n"))

    # expect
    assert applied.returncode == 0
    assert lines(applied) == [{"tills": 2, "workers": 1}]
    assert wrong.returncode == 2
    assert sorted(line.split(": ")[1] for line in wrong.stderr.splitlines()[:-1]) == [
        "wrong.csv:3", "wrong.csv:4", "wrong.csv:5", "wrong.csv:6",
    ]  # fmt: skip
    assert headless.returncode == 2
    assert "headless.csv:1: the header must name the columns" in headless.stderr


def test_send_waits_for_the_outcomes_in_the_files_order(world: World) -> None:
    # given
    world.ask(create("sent", issue={"max_total": 3}))
    requests = [issue(f"c-{number}", "sent") for number in range(3)]
    requests.insert(1, new_request("revoke", offer_id="sent", scope="unredeemed") | {"scope": "x"})
    requests.insert(2, create("sent"))
    requests.insert(3, redeem("NOSUCHCODE", "c"))

    # when
    sent = world.run("send", "--wait", written(world, "mixed.ndjson", ndjson(*requests)))

    # expect
    said = lines(sent)
    assert sent.returncode == 1  # some were refused
    assert [one["request_id"] for one in said] == [one["request_id"] for one in requests]
    assert [one["reason"] for one in said] == [
        None, "invalid_request", "offer_exists", "code_not_found", None, None,
    ]  # fmt: skip


def test_send_without_waiting_says_how_many(world: World) -> None:
    # given
    world.ask(create("unwatched"))
    before = waiting(world, ISSUE)
    file = written(world, "two.ndjson", ndjson(issue("a", "unwatched"), issue("b", "unwatched")))

    # when
    sent = world.run("send", file)

    # expect
    assert (sent.returncode, sent.stdout) == (0, "2 requests sent\n")
    wait_for("they are decided", lambda: waiting(world, ISSUE) == before + 2)


def test_send_names_every_bad_line_and_sends_nothing(world: World) -> None:
    # given
    before = [waiting(world, lane) for lane in (ISSUE, REDEEM)]
    text = ndjson(issue("a")) + "no json\n\n[1]\n" + ndjson({"type": "isue"}, redeem("C", "a"))

    # when
    sent = world.run("send", "--wait", written(world, "bad.ndjson", text))

    # expect
    assert sent.returncode == 2
    assert [line.split(": ")[1] for line in sent.stderr.splitlines()[:-1]] == [
        "bad.ndjson:2", "bad.ndjson:4", "bad.ndjson:5",
    ]  # fmt: skip
    assert sent.stdout == ""
    assert world.reasons(create("after-bad")) == ["accepted"]  # the worker is at work
    assert [waiting(world, lane) for lane in (ISSUE, REDEEM)] == before


# Audit, rebuild -----------------------------------------------------------------------------------


def test_audit_sees_a_changed_ledger_and_rebuild_mends_it_under_a_running_worker(
    world: World,
) -> None:
    # given
    world.ask(create("audited", issue={"max_total": 3}))
    [issued, _] = world.ask(issue("a", "audited"), issue("b", "audited"))
    world.ask(redeem(issued["code"], "a"))
    well = world.run("audit")

    # when
    settings = world.settings
    ledger = Redis.from_url(settings.redis_url)
    ledger.hincrby(base(settings.topic_prefix) + "offer:audited", "redeemed", 1)
    changed = world.run("audit", "--json")

    # expect
    assert (well.returncode, well.stderr) == (0, "")
    assert well.stdout.endswith("They agree.\n")
    assert changed.returncode == 1
    [verdict] = lines(changed)
    assert verdict["ok"] is False
    assert any("audited" in difference for difference in verdict["differences"])

    # when
    process = world.workers["w0"]
    rebuilt = world.run("rebuild", "--json")
    after = world.reasons(issue("c", "audited"), issue("d", "audited"))

    # expect
    assert rebuilt.returncode == 0
    assert lines(rebuilt)[0]["outcomes"] > 0
    assert sorted(after) == ["accepted", "offer_limit_reached"]
    assert process.poll() is None
    assert world.run("audit").returncode == 0


def test_audit_sees_an_outcome_that_nobody_decided(world: World) -> None:
    """The last test here: the topic stays wrong."""
    # given
    world.ask(create("forged"))
    [genuine] = world.ask(issue("a", "forged"))
    place = genuine["source"]["partition"]
    forged = genuine | {"request_id": "forged", "coupon_id": "forged:7"}

    # when
    world.lay(ISSUE.outcomes, json.dumps(forged).encode(), key=b"a", partition=place)
    audited = world.run("audit")

    # expect
    assert audited.returncode == 1
    assert audited.stdout.endswith("They disagree.\n")
