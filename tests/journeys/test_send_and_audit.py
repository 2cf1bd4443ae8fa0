"""`org`, `send`, `audit` and `rebuild` as people run them: what they do and what they print."""

import json
from collections.abc import Iterator

import orjson
import pytest
from redis import Redis

from schemas.topics import ISSUE, MAX_RECORD_BYTES, REDEEM, Lane
from state.keys import base
from state.records import counts_of, record
from streams.client import new_request
from streams.committed import committed_offsets
from tests.journeys.commands import Said, lines, written
from tests.servers import Servers
from tests.world import World, create, issue, one_worker, redeem, wait_for

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


@pytest.fixture(scope="module")
def world(running_servers: Servers) -> Iterator[World]:
    """One worker that all tests here share; each test has offers of its own."""
    with one_worker(running_servers, "send-audit") as made:
        yield made


def ndjson(*requests: Said) -> str:
    return "".join(json.dumps(request) + "\n" for request in requests)


def nested(levels: int) -> Said | None:
    """An object in an object, and so on."""
    content: Said | None = None
    for _ in range(levels):
        content = {"x": content}
    return content


def waiting(world: World, lane: Lane) -> int:
    """How many requests a topic ever had, all of them decided."""
    return sum(committed_offsets(world.settings, lane).values())


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
    text += ndjson(issue("a", note="x" * MAX_RECORD_BYTES), issue("a", note=nested(300)))

    # when
    sent = world.run("send", "--wait", written(world, "bad.ndjson", text))

    # expect
    assert sent.returncode == 2
    assert [line.split(": ")[1] for line in sent.stderr.splitlines()[:-1]] == [
        "bad.ndjson:2", "bad.ndjson:4", "bad.ndjson:5", "bad.ndjson:7", "bad.ndjson:8",
    ]  # fmt: skip
    assert sent.stdout == ""
    assert world.reasons(create("after-bad")) == ["accepted"]  # the worker is at work
    assert [waiting(world, lane) for lane in (ISSUE, REDEEM)] == before


def test_the_largest_and_the_deepest_line_are_for_the_worker_to_judge(world: World) -> None:
    # given
    world.ask(create("filled"))
    short = issue("a", "filled", note="")
    room = MAX_RECORD_BYTES - 77 - len("a") - len(orjson.dumps(short))
    too_much = room + 4  # for Kafka itself: 3 bytes are for longer keys
    large, larger = (short | {"note": "x" * count} for count in (room, too_much))
    deep = issue("b", "filled", note=nested(253))

    # when
    sent = world.run("send", "--wait", written(world, "filled.ndjson", ndjson(large, deep)))
    refused = world.run("send", written(world, "overfull.ndjson", ndjson(deep, larger)))

    # expect
    assert [one["reason"] for one in lines(sent)] == ["invalid_request", None]
    assert refused.returncode == 2
    assert refused.stderr.startswith("Error: overfull.ndjson:2: 2,097,079 bytes are more than")


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
    key = base(settings.topic_prefix) + "counts:audited"
    counts = counts_of(ledger.get(key))
    ledger.set(key, record(counts._replace(redeemed=counts.redeemed + 1)))
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
