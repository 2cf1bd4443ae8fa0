"""The README's example: its files, its commands, and the outcomes as they are printed there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.servers import Servers
from tests.world import World, one_worker

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "example"


@pytest.fixture
def world(running_servers: Servers) -> Iterator[World]:
    with one_worker(running_servers, "example") as made:
        yield made


def printed_in_the_readme() -> list[dict[str, Any]]:
    lines = (ROOT / "README.md").read_text().splitlines()
    return [orjson.loads(line) for line in lines if line.startswith('{"request_id"')]


def lasting(said: dict[str, Any]) -> dict[str, Any]:
    """Without what another organisation or moment makes another."""
    return {name: content for name, content in said.items() if name not in ("decided_at", "source")}


def test_the_example_of_the_readme(world: World) -> None:
    # given
    for command in (("offers", "apply", "offer.yaml"), ("org", "apply", "tills.csv")):
        done = world.run(*command[:2], str(EXAMPLE / command[2]))
        assert done.returncode == 0, done.stderr

    # when
    printed = [
        orjson.loads(line)
        for name in ("issue.ndjson", "till.ndjson")
        for line in world.run("send", str(EXAMPLE / name), "--wait").stdout.splitlines()
    ]

    # expect
    assert [said["reason"] for said in printed] == [
        None, "store_not_allowed", None, "coupon_redeemed", None,
    ]  # fmt: skip
    assert printed[2]["discount"]["lines"] == ["149.90", "0.00"]
    assert [lasting(said) for said in printed] == [*map(lasting, printed_in_the_readme())]
    assert world.run("audit").returncode == 0
