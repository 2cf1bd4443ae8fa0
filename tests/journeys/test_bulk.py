"""Bulk issue from files and exports into files; some are killed and begun again."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from schemas.topics import ISSUE
from tests.journeys.handed import Said, answer, kill_in_the_middle, run, shown, written
from tests.servers import Servers
from tests.world import TOMORROW, World, create, issue, one_worker, redeem

#: Codes that third parties hand out.
EXPORTED = {
    "coupons": {
        "delivery": "third_party",
        "codes": {"type": "unique", "charset": "alphanumeric", "length": 12},
    },
    "claim": {"service": "third_party", "holder": "partner"},
}


@pytest.fixture(scope="module")
def world(running_servers: Servers) -> Iterator[World]:
    """One worker that all tests here share; each test has offers of its own."""
    with one_worker(running_servers, "bulk") as made:
        yield made


# Issue --------------------------------------------------------------------------------------------


def customers(world: World, name: str, count: int) -> str:
    """A file of customers c-0, c-1, … in the format of its suffix."""
    names = [f"c-{n}" for n in range(count)]
    if name.endswith(".parquet"):
        parquet.write_table(pa.table({"customer_id": names}), world.logs / name)
        return name
    return written(world, name, "customer_id", names)


def outcomes_of(world: World, offer_id: str) -> list[Said]:
    """Decisions to issue it, without replays."""
    found = (record.content for record in world.outcomes(ISSUE))
    return [said for said in found if said["offer_id"] == offer_id and not said["replayed"]]


def rows_in(path: Path) -> list[Said]:
    if path.suffix == ".parquet":
        return list(parquet.read_table(path).to_pylist())
    with path.open(newline="") as file:
        return [{name: cell or None for name, cell in row.items()} for row in csv.DictReader(file)]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_bulk_issue_that_was_killed_gives_everyone_one_coupon(world: World, suffix: str) -> None:
    # given
    offer_id, count = f"all-{suffix}", 45_000
    world.ask(create(offer_id))
    file = customers(world, f"{offer_id}.{suffix}", count)
    command = ("issue", offer_id, "--customers", file, "--json")

    # when
    kill_in_the_middle(world, ISSUE, 15_000, *command)
    found = answer(run(world, *command))

    # expect
    assert (found["customers"], found["issued"], found["rejected"]) == (count, count, {})
    assert found["skipped"] + found["replayed"] >= 15_000
    given = outcomes_of(world, offer_id)
    assert Counter(said["customer_id"] for said in given) == {f"c-{n}": 1 for n in range(count)}
    assert len({said["code"] for said in given}) == count
    assert shown(world, offer_id)["issued"] == count


def test_the_same_file_again_is_the_same_run_unless_another_is_named(world: World) -> None:
    # given
    world.ask(create("again"))
    file = customers(world, "again.csv", 3_000)
    command = ("issue", "again", "--customers", file, "--json")
    once = answer(run(world, *command))

    # when
    noted = answer(run(world, *command))
    for note in (world.logs / "cache").rglob("*.json"):
        note.unlink()
    forgotten = answer(run(world, *command))
    second = answer(run(world, *command, "--run", "second"))

    # expect
    assert (once["issued"], once["skipped"], once["replayed"]) == (3_000, 0, 0)
    assert (noted["issued"], noted["skipped"], noted["replayed"]) == (3_000, 3_000, 0)
    assert (forgotten["issued"], forgotten["skipped"], forgotten["replayed"]) == (3_000, 0, 3_000)
    assert (second["issued"], second["replayed"]) == (3_000, 0)
    assert shown(world, "again")["issued"] == 6_000


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_outcomes_of_a_bulk_issue_are_written_in_the_files_order(
    world: World, suffix: str
) -> None:
    # given
    offer_id = f"written-{suffix}"
    world.ask(create(offer_id, issue={"max_per_customer": 1}))
    (before,) = world.ask(issue("c-7", offer_id))
    file = customers(world, f"{offer_id}.csv", 1_000)
    command = ("issue", offer_id, "--customers", file, "--out", f"out.{suffix}")

    # when
    first = run(world, *command)
    rows = rows_in(world.logs / f"out.{suffix}")
    again = answer(run(world, *command, "--json"), status=1)

    # expect
    assert first.returncode == 1
    assert first.stderr == f"{offer_id}: 1 refused, customer_limit_reached\n"
    assert f"{offer_id}: 999 issued, " in first.stdout
    assert [row["customer_id"] for row in rows] == [f"c-{n}" for n in range(1_000)]
    assert rows[7] == {
        "customer_id": "c-7", "outcome": "rejected", "reason": "customer_limit_reached",
        "coupon_id": None, "code": None, "starts_at": None, "expires_at": None,
    }  # fmt: skip
    assert rows[8]["reason"] is None
    assert rows[8]["coupon_id"].startswith(f"{offer_id}:")
    assert rows[8]["expires_at"] == before["expires_at"]
    assert world.reasons(redeem(rows[8]["code"], "c-8", occurred_at=TOMORROW)) == ["accepted"]
    assert again["replayed"] == 1_000
    assert rows_in(world.logs / f"out.{suffix}") == rows


def test_a_bulk_issue_that_cannot_begin(world: World) -> None:
    # given
    world.ask(create("unclaimed", claim=None), create("claimed"))
    file = customers(world, "three.csv", 3)
    twice = written(world, "doubled.csv", "customer_id", ["a", "", "a"])

    # when
    unclaimed = run(world, "issue", "unclaimed", "--customers", file)
    unknown = run(world, "issue", "no-such-offer", "--customers", file)
    doubled = run(world, "issue", "claimed", "--customers", twice)
    half = run(world, "issue", "claimed", "--customers", file, "--service", "dvs")
    other = answer(
        run(world, "issue", "claimed", "--customers", file, "--service", "dvs", "--holder", "x",
            "--json"),
        status=1,
    )  # fmt: skip

    # expect
    assert (unclaimed.returncode, unknown.returncode) == (1, 1)
    assert unclaimed.stderr.startswith("Error: nobody has claimed unclaimed")
    assert unknown.stderr == "Error: there is no offer no-such-offer\n"
    assert (doubled.returncode, half.returncode) == (2, 2)
    assert "doubled.csv:4: customer_id: a stands in line 2 too" in doubled.stderr
    assert other["rejected"] == {"not_claimed_by_service": 3}


# Codes out ----------------------------------------------------------------------------------------


def test_exported_codes_are_distinct_and_each_can_be_redeemed(world: World) -> None:
    # given
    world.ask(create("partner", **EXPORTED))
    count = 40_000

    # when
    first = answer(
        run(world, "codes", "partner", "--count", str(count), "--out", "codes.csv", "--json")
    )
    second = run(world, "codes", "partner", "--count", str(count), "--out", "codes.parquet")

    # expect
    assert (first["first"], first["count"], first["file"]) == (0, count, "codes.csv")
    assert (second.returncode, second.stdout.splitlines()[-1]) == (
        0, "partner: 40,000 codes in codes.parquet",
    )  # fmt: skip
    files = (world.logs / "codes.csv", world.logs / "codes.parquet")
    one, other = ([row["code"] for row in rows_in(file)] for file in files)
    assert len({*one, *other}) == len(one) + len(other) == 2 * count
    used = [
        redeem(code, f"c-{n}", occurred_at=TOMORROW) for n, code in enumerate([*one, *other[:99]])
    ]
    assert Counter(world.reasons(*used)) == {"accepted": len(used)}
    assert shown(world, "partner")["issued"] == 2 * count


def test_an_export_is_fetched_again_by_its_request_id(world: World) -> None:
    # given
    world.ask(create("fetched", **EXPORTED))
    export = ("codes", "fetched", "--json")
    first = run(world, *export, "--count", "500", "--out", "fetched.csv")
    request_id = first.stderr.splitlines()[0].removeprefix("Request id of this export: ")

    # when
    again = answer(
        run(
            world,
            *export,
            "--count",
            "500",
            "--out",
            "fetched-again.csv",
            "--request-id",
            request_id,
        )
    )
    other = run(world, *export, "--count", "501", "--out", "x.csv", "--request-id", request_id)
    there = run(world, *export, "--count", "500", "--out", "fetched.csv")

    # expect
    assert again["replayed"] is True
    assert rows_in(world.logs / "fetched-again.csv") == rows_in(world.logs / "fetched.csv")
    assert (other.returncode, there.returncode) == (1, 2)
    assert "request_id_conflict" in other.stderr
    assert not list(world.logs.glob("x.csv*"))
    assert shown(world, "fetched")["issued"] == 500


def test_an_export_with_another_secret_writes_no_codes_that_nobody_could_redeem(
    world: World,
) -> None:
    # given
    world.ask(create("secretive", **EXPORTED))
    export = ("codes", "secretive", "--count", "5")

    # when
    other = world.environment() | {"REDEEMONCE_CODE_SECRET": "another one"}
    wrong = world.run(*export, "--out", "secretive.csv", env=other)
    request_id = wrong.stderr.splitlines()[0].removeprefix("Request id of this export: ")
    right = world.run(*export, "--out", "secretive.csv", "--request-id", request_id)

    # expect
    assert wrong.returncode == 1
    assert "REDEEMONCE_CODE_SECRET is not the worker's" in wrong.stderr
    assert right.returncode == 0
    [code, *_] = [row["code"] for row in rows_in(world.logs / "secretive.csv")]
    assert world.reasons(redeem(code, "c", occurred_at=TOMORROW)) == ["accepted"]


def test_an_export_that_is_refused_leaves_no_file(world: World) -> None:
    # given
    world.ask(create("few", **EXPORTED, issue={"max_total": 10}), create("ours"))

    # when
    few = run(world, "codes", "few", "--count", "11", "--out", "few.csv")
    ours = run(world, "codes", "ours", "--count", "1", "--out", "few.csv")
    many = run(world, "codes", "few", "--count", "1000000001", "--out", "few.csv")
    nowhere = run(world, "codes", "few", "--count", "1", "--out", "no/such/folder.csv")

    # expect
    assert [each.returncode for each in (few, ours, many, nowhere)] == [1, 1, 2, 2]
    assert "few: refused, offer_limit_reached" in few.stderr
    assert "ours: refused, invalid_offer" in ours.stderr
    assert not list(world.logs.glob("few.csv*"))
    assert shown(world, "few")["issued"] == 0


# All of it ----------------------------------------------------------------------------------------


def test_the_audit_agrees_with_all_of_it(world: World) -> None:
    """The last test here."""
    audited = run(world, "audit")
    assert audited.returncode == 0, audited.stdout
