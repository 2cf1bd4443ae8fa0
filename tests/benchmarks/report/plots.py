"""The plots of the page: medians, with minimum and maximum as whiskers."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from tests.benchmarks.engines.ours import NAME
from tests.benchmarks.report.figures import Section, Spread
from tests.benchmarks.report.kinds import ALL, P50, P99, RATE, Column

_WIDTH_IN, _ROW_IN, _HEIGHT_IN = 8.0, 0.32, 3.0
_OURS, _OTHERS = "#0b6e4f", ("#c97b2a", "#3b6ea8", "#8a4f9e", "#7a7a7a")
_PLAIN = StrMethodFormatter("{x:,.0f}")
#: Sections of one kind, by what was given.
Sections = Mapping[str, Section]


def plot_all(sections: Mapping[str, Section], folder: Path) -> list[str]:
    """Draws what was measured; the names of the files, each after its kind of section."""
    matplotlib.rcParams.update({"font.size": 8, "svg.fonttype": "none", "axes.grid": True,
                                "grid.alpha": 0.3, "axes.axisbelow": True})  # fmt: skip
    drawn = []
    for kind, draw in _PLOTS.items():
        mine = {
            key.partition(" ")[2]: section
            for key, section in sections.items()
            if key.startswith(f"{kind} ") and section.values
        }
        if mine:
            drawn.append(f"{kind}.svg")
            matplotlib.rcParams["svg.hashsalt"] = kind  # the same figures make the same file
            figure = draw(mine)
            figure.savefig(folder / drawn[-1], format="svg", metadata={"Date": None})
    return drawn


def _bars(sections: Sections, columns: tuple[Column, ...]) -> Figure:
    """Lying bars of every row, a frame for each section."""
    rows = sum(len(section.values) * len(columns) + 2 for section in sections.values())
    figure = Figure((_WIDTH_IN, _ROW_IN * rows), layout="constrained")
    heights = [len(section.values) for section in sections.values()]
    frames = figure.subplots(len(sections), squeeze=False, height_ratios=heights)[:, 0]
    for frame, (given, section) in zip(frames, sections.items(), strict=True):
        labels = [(row, column) for row in section.values for column in columns]
        for place, (row, column) in enumerate(labels):
            if spread := _spread(section, row, column):
                colour = _OURS if row == NAME else _OTHERS[-1]
                frame.barh(
                    place, spread.median, color=colour, alpha=1 if column is columns[0] else 0.55
                )
                frame.errorbar(
                    spread.median, place, xerr=_whiskers([spread]), color="black", capsize=2
                )
                frame.text(
                    spread.maximum, place, f"  {spread.median:,.0f}", va="center", fontsize=7
                )
        names = [row if len(columns) == 1 else f"{row}: {column.name}" for row, column in labels]
        frame.set(yticks=range(len(labels)), yticklabels=names, title=given)
        frame.set_xlabel(columns[0].unit)
        frame.margins(x=0.1)
        frame.xaxis.set_major_formatter(_PLAIN)
        frame.invert_yaxis()
    return figure


def _drains(sections: Sections) -> Figure:
    return _bars({f"{given} redeems": one for given, one in sections.items()}, (RATE,))


def _waits(sections: Sections) -> Figure:
    return _bars({f"{given} a second": one for given, one in sections.items()}, (P50, P99))


def _curve(sections: Sections) -> Figure:
    """Waits by rate, a line for each engine's p50 and p99."""
    figure = Figure((_WIDTH_IN, _HEIGHT_IN), layout="constrained")
    frame = figure.subplots()
    engines = dict.fromkeys(row for section in sections.values() for row in section.values)
    for engine, colour in zip(engines, _colours(engines), strict=True):
        for column, style in ((P50, "-"), (P99, "--")):
            points = [
                (int(given.replace(",", "")), spread)
                for given, section in sections.items()
                if engine in section.values and (spread := _spread(section, engine, column))
            ]
            _line(frame, points, f"{engine}, {column.name}", colour, style)
    frame.set(xscale="log", yscale="log", xlabel="requests a second", ylabel="ms")
    rates = [int(given.replace(",", "")) for given in sections]
    frame.set_xticks(rates, list(sections))
    frame.minorticks_off()
    frame.yaxis.set_major_formatter(_PLAIN)
    figure.legend(loc="outside lower center", ncols=len(engines), fontsize=7)
    return figure


def _growth(sections: Sections) -> Figure:
    figure = Figure((_WIDTH_IN, _HEIGHT_IN), layout="constrained")
    frames = figure.subplots(1, len(sections), squeeze=False, sharey=True)[0]
    for frame, (grown, section) in zip(frames, sections.items(), strict=True):
        points = [
            (place, spread)
            for place, row in enumerate(section.values)
            if (spread := _spread(section, row, ALL))
        ]
        _line(frame, points, "", _OURS, "-")
        frame.set_xticks(range(len(section.values)), list(section.values), fontsize=7)
        frame.set_title(grown)
    frames[0].set(ylabel="µs of processor a decision", ylim=(0, None))
    return figure


def _line(
    frame: Axes, points: list[tuple[int, Spread]], label: str, colour: str, style: str
) -> None:
    spreads = [spread for _, spread in points]
    frame.errorbar(
        [at for at, _ in points], [spread.median for spread in spreads], _whiskers(spreads),
        label=label, color=colour, linestyle=style, marker="o", markersize=3, capsize=2,
    )  # fmt: skip


def _whiskers(spreads: list[Spread]) -> tuple[list[float], list[float]]:
    """From each median down to the minimum and up to the maximum."""
    return [s.median - s.minimum for s in spreads], [s.maximum - s.median for s in spreads]


def _colours(engines: Iterable[str]) -> list[str]:
    others = iter(_OTHERS)
    return [_OURS if engine == NAME else next(others) for engine in engines]


def _spread(section: Section, row: str, column: Column) -> Spread | None:
    return Spread.of(section.values[row].get(column.name, []))


_PLOTS: dict[str, Callable[[Sections], Figure]] = {
    "drain": _drains,
    "latency": _waits,
    "curve": _curve,
    "growth": _growth,
}
