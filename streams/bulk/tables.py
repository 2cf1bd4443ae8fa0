"""Tables that people hand in: CSV with a header, or Parquet by the file's suffix. They are read row
by row, as often as needed, and never held whole."""

import csv
import hashlib
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from streams.bulk import FileError

#: (line of a CSV or row of a Parquet file, from 1; the cells of the wanted columns)
Row = tuple[int, tuple[str, ...]]

MOST_SHOWN = 50
MOST_CHARACTERS = 64
_PARQUET_ROWS = 65_536


class TableChanged(FileError):
    """The file is another one than when it was read first."""


@dataclass
class Errors:
    """The first errors of a file, each with its line, and how many there are in all."""

    path: Path
    count: int = 0
    kept: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, why: str) -> None:
        self.count += 1
        if len(self.kept) < MOST_SHOWN:
            self.kept.append((line, why))

    def merge(self, other: "Errors") -> None:
        """Those of another reading of the same file, in the order of the lines."""
        self.count += other.count
        self.kept = sorted([*self.kept, *other.kept])[:MOST_SHOWN]

    def sentences(self) -> list[str]:
        place = "row " if is_parquet(self.path) else ""
        shown = [f"{self.path}:{place}{line}: {why}" for line, why in self.kept]
        rest = self.count - len(self.kept)
        return [*shown, f"{self.path}: and {rest:,} errors more"] if rest else shown


@dataclass
class Table:
    """A file with these columns. Where an optional one is missing, rows are shorter."""

    path: Path
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    #: The columns of a row, in its order; known once the header was read.
    names: tuple[str, ...] = ()
    _version: tuple[int, int] | None = None

    def rows(self, errors: Errors) -> Iterator[Row]:
        """All rows that can be read, cells stripped. Raises `TableChanged` the second time."""
        found = self.path.stat()
        version = (found.st_size, found.st_mtime_ns)
        if self._version not in (None, version):
            raise TableChanged(f"{self.path} was changed while it was read; start again")
        self._version = version
        return self._parquet_rows(errors) if is_parquet(self.path) else self._csv_rows(errors)

    def digest(self) -> str:
        """Of the file's content, in hexadecimal."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _csv_rows(self, errors: Errors) -> Iterator[Row]:
        # What is not UTF-8 comes through as surrogates, so that its line can be named.
        with self.path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.reader(file, strict=True)
            try:
                header = [name.strip() for name in next(reader, [])]
                pick = self._picker(header, errors)
                if pick is None:
                    return
                for cells in reader:
                    if len(cells) == len(header):
                        yield reader.line_num, pick([cell.strip() for cell in cells])
                    elif cells:
                        why = f"{len(cells)} columns, {len(header)} expected"
                        errors.add(reader.line_num, why)
            except csv.Error as error:
                errors.add(reader.line_num, str(error))

    def _parquet_rows(self, errors: Errors) -> Iterator[Row]:
        # It takes a while to load, and only those who hand in Parquet need it.
        import pyarrow as pa
        from pyarrow import parquet

        try:
            with parquet.ParquetFile(self.path) as file:
                if self._picker(file.schema_arrow.names, errors, others_too=True) is None:
                    return
                for name in self.names:
                    if not _is_text(file.schema_arrow.field(name).type):
                        errors.add(1, f"{name}: a column of texts or whole numbers is expected")
                        return
                batches = file.iter_batches(_PARQUET_ROWS, columns=list(self.names))
                yield from enumerate(chain.from_iterable(map(_cells, batches)), 1)
        except (pa.ArrowException, OSError) as error:
            errors.add(1, f"this Parquet file can't be read: {error}")

    def _picker(
        self, header: list[str], errors: Errors, others_too: bool = False
    ) -> Callable[[list[str]], tuple[str, ...]] | None:
        """What takes the wanted cells out of a row, in the order of the columns as declared."""
        known = (*self.required, *self.optional)
        unknown = not others_too and set(header) - set(known)
        if set(self.required) - set(header) or unknown or len(set(header)) < len(header):
            wanted = ", ".join(sorted(known))
            errors.add(1, f"the header must name the columns {wanted}, each once")
            return None
        self.names = tuple(name for name in known if name in header)
        places = [header.index(name) for name in self.names]
        if len(places) == 1:
            return lambda cells: (cells[places[0]],)
        return itemgetter(*places)


def is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet"


def _is_text(type_: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(type_):
        type_ = type_.value_type
    texts = (types.is_string, types.is_large_string, types.is_string_view, types.is_integer)
    return any(is_(type_) for is_ in texts)


def _cells(batch: Any) -> Iterator[tuple[str, ...]]:
    columns = [column.cast("string").to_pylist() for column in batch.columns]
    texts = [[(cell or "").strip() for cell in column] for column in columns]
    return zip(*texts, strict=True)


class Checked:
    """A table's first reading: what is wrong with which line. Of a row nothing is kept but a hash
    of its first cell, which must not stand twice (compared as ``plain`` makes it) and must be
    nothing that ``why_not`` has a sentence about."""

    def __init__(
        self,
        table: Table,
        plain: Callable[[str], str] = str,
        why_not: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self.table, self._plain, self._why_not = table, plain, why_not
        self._errors = Errors(table.path)
        self._hashes = array("q")

    @property
    def count(self) -> int:
        return len(self._hashes)

    def rows(self) -> Iterator[Row]:
        """The rows without error."""
        plain, note = self._plain, self._hashes.append
        for line, cells in self.table.rows(self._errors):
            text = plain(cells[0])
            if _fits(text) and all(map(_fits, filter(None, cells[1:]))):
                if (why := self._why_not(text)) is not None:
                    self._errors.add(line, f"{self.table.names[0]}: {why}")
                    continue
                note(hash(text))
                yield line, cells
            else:
                self._refuse(line, (text, *cells[1:]))

    def _refuse(self, line: int, cells: tuple[str, ...]) -> None:
        for name, cell in zip(self.table.names, cells, strict=True):
            if not _is_utf8(cell):
                self._errors.add(line, f"{name}: not UTF-8")
            elif not _fits(cell) and (cell or name in self.table.required):
                self._errors.add(line, f"{name}: 1 to {MOST_CHARACTERS} characters are expected")

    def errors(self) -> list[str]:
        """Every error as a sentence, once all rows were read."""
        if not self._errors.count and not self.count:
            self._errors.add(1, "there is no row below the header")
        suspects = self._suspects()
        if suspects:
            self._errors.merge(self._doubles(suspects))
        return self._errors.sentences()

    def _suspects(self) -> set[int]:
        """Hashes that are there twice: almost always because a cell is."""
        hashes = np.sort(np.array(self._hashes, np.int64))
        return set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())

    def _doubles(self, suspects: set[int]) -> Errors:
        found, first = Errors(self.table.path), dict[str, int]()
        name, place = self.table.names[0], "row" if is_parquet(self.table.path) else "line"
        for line, cells in self.table.rows(Errors(self.table.path)):
            text = self._plain(cells[0])
            if hash(text) in suspects and first.setdefault(text, line) != line:
                found.add(line, f"{name}: {text} stands in {place} {first[text]} too")
        return found


def _fits(cell: str) -> bool:
    return 0 < len(cell) <= MOST_CHARACTERS and (cell.isascii() or _is_utf8(cell))


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
