"""Commands are imported when they are asked for: each is there, and brings only what it needs."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from streams.cli import redeemonce

NAMES = redeemonce.list_commands(click.Context(redeemonce))


@pytest.mark.parametrize("name", NAMES)
def test_each_is_there(name: str) -> None:
    ended = CliRunner().invoke(redeemonce, [name, "--help"])
    assert ended.exit_code == 0, ended.output
    assert f"redeemonce {name}" in ended.output


def test_there_is_no_other() -> None:
    ended = CliRunner().invoke(redeemonce, ["nothing"])
    assert (ended.exit_code, "No such command" in ended.output) == (2, True)


@pytest.mark.parametrize("name", ["send", "tail", "worker", "offers"])
def test_what_makes_no_audit_imports_none(name: str) -> None:
    """In a process of its own: in this one others have imported it."""
    code = (
        "import sys; from streams.cli import redeemonce; "
        f"redeemonce.get_command(None, {name!r}); print('streams.audit' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
