"""What a person sees go by in a terminal, and a program reads from a pipe."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from schemas.topics import OFFERS, REDEEM, REMINDERS
from streams.client import new_request
from tests.servers import Servers
from tests.world import Listener, World, create, issue, organisation, redeem

WRONG = b'{"type":"undo","request_id":"r-9"}'
_SQL = Path(__file__).parents[2] / "docs" / "example" / "analytics.sql"


@pytest.fixture(scope="module")
def world(running_servers: Servers) -> Iterator[World]:
    """Two offers; four issues; three redemptions, one retried, one refused, one undone; of an offer
    and of a till something that is no request."""
    made = World(organisation(running_servers, "tail"))
    try:
        made.start()
        made.ask(create("a"), create("b", name="Bags", created_in="dvs"))
        codes = [
            said["code"]
            for said in made.ask(issue("c-1", "a"), issue("c-2", "a"), issue("c-3", "b"),
                                 issue("c-4", "b"))
        ]  # fmt: skip
        bought = [
            redeem(code, f"c-{n}", request_id=f"r-{n}") for n, code in enumerate(codes[:3], 1)
        ]
        made.ask(*bought)
        made.ask(bought[0], redeem(codes[0], "c-1"))
        undo = {"redemption_id": "r-2", "code": codes[1], "customer_id": "c-2", "till_id": "t-1"}
        made.ask(new_request("reverse", **undo))
        wrong = [*made.lay(OFFERS.requests, WRONG, key=b"a"), *made.lay(REDEEM.requests, WRONG)]
        heard = Listener(made.settings, OFFERS.outcomes, REDEEM.outcomes, since_start=True)
        heard.answers(*wrong)
        heard.close()
        yield made
    finally:
        made.close()


def lines(world: World, *arguments: str) -> list[dict[str, object]]:
    done = world.run(*arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_tail_has_each_outcome_and_its_filters(world: World) -> None:
    tail = ("tail", "--since-start", "--no-follow", "--json")
    assert len(lines(world, *tail)) == 2 + 4 + 5 + 1 + 2
    assert len(lines(world, *tail, "--lane", "redeem", "--rejected")) == 2
    assert len(lines(world, *tail, "--type", "issue", "--offer", "b")) == 2
    of_one = lines(world, *tail, "--customer", "c-1", "--accepted")
    assert [said["type"] for said in of_one] == ["issue", "redeem", "redeem"]
    assert len(lines(world, *tail, "--reason", "coupon_redeemed")) == 1


#: What each reminder has of what is looked for: two of coupons, one to POCs.
TRIGGERS = [
    {"reminder_id": "1", "offer_id": "a", "customer_id": "c-1", "code": "A1"},
    {"reminder_id": "2", "offer_id": "b", "customer_id": "c-1", "code": "B1"},
    {"reminder_id": "3", "offer_id": "b", "customer_id": None, "code": None},
]


def test_tail_finds_reminders_by_what_they_have(world: World) -> None:
    # given
    world.lay(REMINDERS, *(json.dumps(trigger).encode() for trigger in TRIGGERS))

    # when
    tail = ("tail", "--reminders", "--no-follow", "--json")
    found = [
        sorted(trigger["reminder_id"] for trigger in lines(world, *tail, *wanted))
        for wanted in ([], ["--offer", "b"], ["--customer", "c-1"], ["--code", "A1"],
                       ["--offer", "b", "--customer", "c-1"])
    ]  # fmt: skip

    # expect
    assert found == [["1", "2", "3"], ["2", "3"], ["1", "2"], ["1"], ["2"]]


@pytest.mark.parametrize("option", ["--type", "--reason"])
def test_tail_names_what_it_could_look_for(world: World, option: str) -> None:
    done = world.run("tail", option, "misspelt")
    assert done.returncode == 2
    assert {"--type": "'validate'", "--reason": "'gap_not_elapsed'"}[option] in done.stderr


def test_tail_is_plain_in_a_pipe(world: World) -> None:
    done = world.run("tail", "--no-follow", "--rejected")
    assert "\x1b" not in done.stdout
    told = done.stdout.splitlines()
    [refused] = [line for line in told if "coupon_redeemed" in line]
    assert "customer c-1" in refused
    assert [line.count("invalid_request") for line in told if line != refused] == [1, 1]


def test_what_was_no_request_of_an_offer_is_not_in_its_history(world: World) -> None:
    [shown] = lines(world, "offers", "show", "a", "--json")
    assert [one["type"] for one in shown["history"]] == ["create"]


def test_list_finds_as_the_page_does(world: World) -> None:
    assert [one["offer_id"] for one in lines(world, "offers", "list", "--json")] == ["a"]
    found = lines(world, "offers", "list", "--json", "--created-in", "dvs", "--search", "BAG")
    assert [one["offer_id"] for one in found] == ["b"]
    [line] = world.run("offers", "list").stdout.splitlines()
    assert line.split("\t")[:4] == ["a", "Offer a", "unique", "10% off"]
    alone = world.run("offers", "list", "--org-entity-type", "store")
    assert alone.returncode == 2
    assert "go together" in alone.stderr


def test_the_analysts_example_runs_on_what_tail_writes(world: World, tmp_path: Path) -> None:
    # given
    for lane in ("issue", "redeem"):
        done = world.run("tail", "--since-start", "--no-follow", "--json", "--lane", lane)
        (tmp_path / f"{lane}.ndjson").write_text(done.stdout)

    # when
    duck = duckdb.connect()
    duck.execute(f"set file_search_path = '{tmp_path}'")
    answers = [
        found.fetchall()
        for statement in duck.extract_statements(_SQL.read_text())
        if (found := duck.execute(statement)).description
    ]

    # expect
    going, refusals = answers[-2:]
    assert [(row[0], row[1], row[2], float(row[3])) for row in going] == [
        ("a", 2, 1, 0.5), ("b", 2, 1, 0.5),
    ]  # fmt: skip
    assert [str(row[5]) for row in going] == ["1499.00", "1499.00"]
    assert refusals == [("a", "coupon_redeemed", 1)]


def test_watch_tells_what_changes(world: World) -> None:
    """The last: it changes what the others look at."""
    watching = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "watch", "--json", "--every", "0.1"],
        env=world.environment(), stdout=subprocess.PIPE, text=True, cwd=world.logs,
    )  # fmt: skip
    try:
        assert watching.stdout is not None
        first = json.loads(watching.stdout.readline())
        world.ask(issue("c-9", "a"))
        then = json.loads(watching.stdout.readline())
    finally:
        watching.kill()
        watching.wait()
    assert (first["offer_id"], then["issued"] - first["issued"]) == ("a", 1)
