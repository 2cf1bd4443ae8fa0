"""What `docs/BENCHMARKS.md` says of the values that were measured."""

from pathlib import Path

import pytest

from tests.benchmarks.measuring.results import Results
from tests.benchmarks.report.figures import Figures, Section, Spread, ratios
from tests.benchmarks.report.page import page, shown

FACTS = {
    "command": "python -m tests.benchmarks compare",
    "at": "2026-11-21 10:00 UTC",
    "commit": "abc1234",
    "load": 0.1,
    "machine": "2 cores",
    "versions": {"Kafka": "4.1.2"},
}


def section(values: dict[str, dict[str, list[float | None]]]) -> Section:
    made = Section(dict(FACTS))
    for row, columns in values.items():
        for column, runs in columns.items():
            for run, value in enumerate(runs):
                made.add(run, row, {column: value})
    return made


def rows_of(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|") and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize(
    ("runs", "text"),
    [
        ([3.0, 1.0, 2.0], "1 / **2** / 3"),
        ([20_209.4, 18_000.0], "18,000 / **19,105** / 20,209"),
        ([0.3333, 0.5], "0.33 / **0.42** / 0.50"),
        ([63.94], "63.9"),
        ([63.94, 63.91, None], "63.9"),  # they don't differ as written
        ([None], ""),
        ([], ""),
    ],
)
def test_a_cell_has_minimum_median_and_maximum(runs: list[float | None], text: str) -> None:
    assert shown(Spread.of(runs)) == text


def test_a_ratio_is_that_of_one_run() -> None:
    assert ratios([10.0, 30.0, None, 5.0], [5.0, 10.0, 1.0, 0.0]) == [2.0, 3.0, None, None]


def test_a_run_that_says_nothing_leaves_the_others_in_their_places() -> None:
    made = Section(dict(FACTS))
    made.add(0, "a", {"p50": 1.0})
    made.add(2, "a", {"p50": 3.0})
    assert made.values == {"a": {"p50": [1.0, None, 3.0]}}
    assert made.runs == 3


def test_engines_are_compared_with_ours_in_the_same_run() -> None:
    # given two runs, in one of which the machine was slow
    drained = section({"redeemonce": {"rate": [100.0, 40.0]}, "other": {"rate": [50.0, 10.0]}})

    # when
    rows = rows_of(page({"drain 300,000": drained}, plots=[]))

    # expect
    assert rows[0] == ["backlog", "engine", "rate, a second", "ours to it"]
    assert rows[1] == ["300,000", "redeemonce", "40 / **70** / 100", ""]
    assert rows[2] == ["300,000", "other", "10 / **30** / 50", "2 / **3** / 4"]


def test_sizes_are_compared_with_the_first() -> None:
    grown = section({"1": {"processor": [10.0]}, "100": {"processor": [11.0]}})
    rows = rows_of(page({"growth offers": grown}, plots=[]))
    assert rows[1:3] == [["offers", "1", "10", ""], ["offers", "100", "11", "1.10"]]


def test_smaller_amounts_come_first() -> None:
    sections = {f"drain {given}": section({"x": {"rate": [1.0]}}) for given in ("20,000", "3,000")}
    assert [row[0] for row in rows_of(page(sections, plots=[]))[1:3]] == ["3,000", "20,000"]


def test_only_plots_that_are_there_are_shown() -> None:
    drained = {"drain 10": section({"redeemonce": {"rate": [1.0]}})}
    assert "drain.svg" in page(drained, plots=["drain.svg"])
    assert "drain.svg" not in page(drained, plots=[])


def test_figures_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "docs" / "figures.json"
    figures = Figures(path)
    figures.sections["drain 10"] = section({"redeemonce": {"rate": [1.0, None, 20_209.4]}})
    figures.save()
    assert Figures(path).sections == figures.sections
    assert '"rate": [1.0, null, 20209.4]' in path.read_text("utf-8")


def test_a_page_made_again_says_the_same(tmp_path: Path) -> None:
    # given one that is another where it is written short first
    path = tmp_path / "figures.json"
    figures = Figures(path)
    figures.sections["drain 10"] = section({"redeemonce": {"rate": [123.4999996]}})

    # when
    figures.save()

    # then
    assert page(Figures(path).sections, plots=[]) == page(figures.sections, plots=[])


def test_rates_go_by_the_first_and_the_last_stamp() -> None:
    found = Results(4)
    found.stamps_ms.extend([1_000, 1_000, 1_500, 2_000])
    assert found.rate == pytest.approx(4.0)
    assert found.rate_of_second_half == pytest.approx(4.0)  # 1,500 and 2,000
    assert Results(0).rate == 0.0
