"""`docs/BENCHMARKS.md`, made from `figures.json`."""

from collections.abc import Iterable, Iterator, Sequence

from tests.benchmarks.engines.ours import NAME
from tests.benchmarks.ground import PARTITIONS
from tests.benchmarks.report.figures import Runs, Section, Spread, ratios, written
from tests.benchmarks.report.kinds import KINDS, Column, Kind

_HEAD = f"""# Benchmarks

Written by `make bench` and the commands named below from [figures.json](benchmarks/figures.json),
not by hand. A figure is the minimum / **median** / maximum of its runs. Engines take turns in a
run, another one first in each; a ratio is that of two figures of one run. All get the same requests
with the same keys, packed with lz4, in {PARTITIONS} partitions. Results are read as committed and
counted: what isn't one accepted result for each request stands in the tables.

`{NAME}` is one real worker with everything on, its Redis with `appendfsync always`, and looks at
all that an offer can say. The others look at five rules: the request id seen, the coupon used, the
customer's count and gap, the offer's total. [Their sources](../tests/benchmarks/peers). The bare
loop is no engine but a measure: those five rules in one Python process, which waits for each call
of the same Redis, with nothing against faults around them.

Engine, Redis, Kafka, and what sends and reads, share the machine's cores; "busy with others" is how
many of them did anything but the engine's work meanwhile. Microseconds of processor for each
decision are also seconds for a million of them.
"""


def page(sections: dict[str, Section], plots: Sequence[str]) -> str:
    """``plots``: names of files in `docs/benchmarks`, each named after its kind of section."""
    parts = [_HEAD]
    for kind in KINDS:
        keys = sorted((key for key in sections if _name(key) == kind.name), key=_amount)
        mine = {key: sections[key] for key in keys}
        if not mine:
            continue
        parts.append(f"## {kind.title}\n\n{kind.about}\n")
        parts.append("\n".join(_table(kind, kind.columns, mine)) + "\n")
        parts += [
            f"![{kind.title}](benchmarks/{name})\n" for name in plots if name == f"{kind.name}.svg"
        ]
        if kind.details:
            parts.append("\n".join(_table(kind, kind.details, mine)) + "\n")
        parts.append("\n".join(_measured(key, one) for key, one in mine.items()) + "\n")
    parts.append("\n".join(_machines(sections)))
    return "\n".join(parts)


def _name(key: str) -> str:
    return key.partition(" ")[0]


def _given(key: str) -> str:
    return key.partition(" ")[2]


def _amount(key: str) -> int:
    """Of sections by how many records: the smaller first. Others stay in their order."""
    digits = _given(key).replace(",", "")
    return int(digits) if digits.isdecimal() else 0


def _table(kind: Kind, columns: Iterable[Column], sections: dict[str, Section]) -> Iterator[str]:
    columns = [one for one in columns if _is_measured(one, sections)]
    compared = [one for one in kind.columns if one.compared and kind.ratio]
    heads = [kind.given, *([kind.row] if kind.row else [])]
    for column in columns:
        heads.append(f"{column.name}, {column.unit}" if column.unit else column.name)
        if column in compared:
            heads.append(kind.ratio)
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for key, section in sections.items():
        first = next(iter(section.values), "")
        for row in section.values:
            cells = [_given(key), *([row] if kind.row else [])]
            for column in columns:
                runs = section.values[row].get(column.name, [])
                cells.append(shown(Spread.of(runs)))
                if column in compared:
                    cells.append(shown(Spread.of(_ratios(kind, section, first, row, column))))
            yield f"| {' | '.join(cells)} |"


def _is_measured(column: Column, sections: dict[str, Section]) -> bool:
    return any(column.name in row for one in sections.values() for row in one.values.values())


def _ratios(kind: Kind, section: Section, first: str, row: str, column: Column) -> Runs:
    mine = section.values[row].get(column.name, [])
    if kind.ratio == "to the first":
        other = section.values[first].get(column.name, [])
        return [] if row == first else ratios(mine, other)
    ours = section.values.get(NAME, {}).get(column.name, [])
    return [] if row == NAME else ratios(ours, mine)


def shown(spread: Spread | None) -> str:
    """Minimum, median and maximum; one value where they don't differ as written."""
    if spread is None:
        return ""
    low, middle, high = map(written, spread)
    return middle if low == middle == high else f"{low} / **{middle}** / {high}"


def _measured(key: str, section: Section) -> str:
    said = section.facts
    runs = f"{section.runs} run{'s' if section.runs > 1 else ''}"
    when = f"{said['at']}, commit {said['commit']}, load {said['load']} before"
    return f"- {key}: {runs}, {when}: `{said['command']}`"


def _machines(sections: dict[str, Section]) -> Iterator[str]:
    """Each once, with what was measured on it."""
    yield "## Machine and versions\n"
    found: dict[str, list[str]] = {}
    for key, section in sections.items():
        versions = ", ".join(f"{name} {each}" for name, each in section.facts["versions"].items())
        found.setdefault(f"{section.facts['machine']}; {versions}", []).append(key)
    for machine, keys in found.items():
        yield f"- {machine}" + (f" ({', '.join(keys)})" if len(found) > 1 else "")
    yield ""
