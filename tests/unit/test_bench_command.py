"""`redeemonce bench` runs what lies beside the package, and ends as that does."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

_REPOSITORY = Path(__file__).parents[2]
#: Stands for the benchmarks: says what it was asked, and writes what they would.
_SAYS = """
import json, pathlib, sys
if "nothing" in sys.argv: sys.exit(2)
folder = pathlib.Path(sys.argv[sys.argv.index("--docs") + 1]) / "benchmarks"
folder.mkdir(parents=True)
(folder / "figures.json").write_text(json.dumps(sys.argv[3:]))
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with the packages, as they are installed: without what lies beside them."""
    for package in ("schemas", "state", "streams", "deploy"):
        (tmp_path / package).symlink_to(_REPOSITORY / package)
    return tmp_path


@pytest.fixture
def source(installed: Path) -> Path:
    """And with benchmarks."""
    folder = installed / "tests" / "benchmarks"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "__main__.py").write_text(_SAYS)
    return installed


def bench(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "streams.cli", "bench", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("part", [[], ["compare", "--only", "drain", "--runs", "1"]])
def test_all_or_a_part_and_its_figures_as_json(source: Path, part: list[str]) -> None:
    ended = bench(source, "--json", "--docs", str(source / "docs"), *part)
    assert ended.returncode == 0, ended.stderr
    assert orjson.loads(ended.stdout) == (part or ["everything"])


def test_its_exit_is_theirs(source: Path) -> None:
    assert bench(source, "nothing").returncode == 2


def test_an_installation_without_them_says_so(installed: Path) -> None:
    ended = bench(installed)
    assert ended.returncode == 1
    assert "source" in ended.stderr
