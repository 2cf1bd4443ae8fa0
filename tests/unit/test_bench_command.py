"""`redeemonce bench` runs what lies beside the package, and ends as that does."""

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from streams.cli import redeemonce

#: Stands for the benchmarks: says what it was asked, and writes what they would.
_SAYS = """
import json, pathlib, sys
if "nothing" in sys.argv: sys.exit(2)
folder = pathlib.Path(sys.argv[sys.argv.index("--docs") + 1]) / "benchmarks"
folder.mkdir(parents=True)
(folder / "figures.json").write_text(json.dumps(sys.argv[3:]))
"""


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("streams.cli.bench._SOURCE", tmp_path)
    return tmp_path


def _benchmarks(source: Path) -> None:
    folder = source / "tests" / "benchmarks"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "__main__.py").write_text(_SAYS)


@pytest.mark.parametrize("part", [[], ["compare", "--only", "drain", "--runs", "1"]])
def test_all_or_a_part_and_its_figures_as_json(source: Path, part: list[str]) -> None:
    _benchmarks(source)
    ended = CliRunner().invoke(
        redeemonce, ["bench", "--json", "--docs", str(source / "docs"), *part]
    )
    assert ended.exit_code == 0, ended.output
    assert orjson.loads(ended.stdout) == (part or ["everything"])


def test_its_exit_is_theirs(source: Path) -> None:
    _benchmarks(source)
    assert CliRunner().invoke(redeemonce, ["bench", "nothing"]).exit_code == 2


@pytest.mark.usefixtures("source")
def test_an_installation_without_them_says_so() -> None:
    ended = CliRunner().invoke(redeemonce, ["bench"])
    assert ended.exit_code == 1
    assert "source" in ended.output
