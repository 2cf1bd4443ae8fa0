"""Files that commands write: whole or not at all, CSV or Parquet by their suffix."""

import csv
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streams.bulk import FileError
from streams.bulk.tables import is_parquet

_ROWS_A_GROUP = 65_536


class NotWritten(FileError):
    """A file can't be written; the message says why."""


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to, beside that of the file; it becomes the file when all went well."""
    part = path.with_name(f"{path.name}.part")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise NotWritten(f"{path} can't be written: {error.strerror or error}") from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise


class RowWriter(Protocol):
    def write(self, row: tuple[str | None, ...]) -> None: ...


@contextmanager
def row_writer(path: Path, part: Path, columns: tuple[str, ...]) -> Iterator[RowWriter]:
    """Writes ``part`` as what ``path`` is by its suffix."""
    writer = _ParquetRows(part, columns) if is_parquet(path) else _CsvRows(part, columns)
    try:
        yield writer
    finally:
        writer.close()


class _CsvRows:
    def __init__(self, part: Path, columns: tuple[str, ...]) -> None:
        self._file = part.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self.write(columns)

    def write(self, row: tuple[str | None, ...]) -> None:
        self._writer.writerow(row)

    def close(self) -> None:
        self._file.close()


class _ParquetRows:
    def __init__(self, part: Path, columns: tuple[str, ...]) -> None:
        self._writer = _parquet(part, columns)
        self._rows: list[tuple[str | None, ...]] = []

    def write(self, row: tuple[str | None, ...]) -> None:
        self._rows.append(row)
        if len(self._rows) == _ROWS_A_GROUP:
            self._flush()

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        columns = [pa.array(column, pa.string()) for column in zip(*self._rows, strict=True)]
        self._writer.write_table(pa.table(columns, schema=self._writer.schema))
        self._rows.clear()


def write_codes(path: Path, part: Path, blocks: Iterable[NDArray[np.bytes_]]) -> Iterator[int]:
    """Writes blocks of codes of one length, one code a row; gives how many are written."""
    return _parquet_codes(part, blocks) if is_parquet(path) else _csv_codes(part, blocks)


def _csv_codes(part: Path, blocks: Iterable[NDArray[np.bytes_]]) -> Iterator[int]:
    done = 0
    with part.open("wb") as file:
        file.write(b"code\n")
        for block in blocks:
            width = block.dtype.itemsize
            lines = np.full((len(block), width + 1), ord("\n"), np.uint8)
            lines[:, :width] = block.view(np.uint8).reshape(len(block), width)
            file.write(lines.data)
            done += len(block)
            yield done


def _parquet_codes(part: Path, blocks: Iterable[NDArray[np.bytes_]]) -> Iterator[int]:
    import pyarrow as pa

    done = 0
    with _parquet(part, ("code",)) as writer:
        for block in blocks:
            offsets = np.arange(len(block) + 1, dtype=np.int32) * np.int32(block.dtype.itemsize)
            codes = pa.StringArray.from_buffers(
                len(block), pa.py_buffer(offsets), pa.py_buffer(block)
            )
            writer.write_table(pa.table([codes], schema=writer.schema))
            done += len(block)
            yield done


def _parquet(part: Path, columns: tuple[str, ...]) -> Any:
    # It takes a while to load, and only those who want Parquet need it.
    import pyarrow as pa
    from pyarrow import parquet

    return parquet.ParquetWriter(part, pa.schema([(name, pa.string()) for name in columns]))
