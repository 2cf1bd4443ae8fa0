"""Files of any size: every error with its line, in one reading, without holding the file."""

import resource
import time
from collections import deque
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from schemas.codes import normalise
from streams.bulk.tables import MOST_SHOWN, Checked, Errors, Table, TableChanged

CODES = (("code",), ("customer_id",))


def written(folder: Path, text: str | bytes, name: str = "codes.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def in_parquet(folder: Path, **columns: object) -> Path:
    path = folder / "customers.parquet"
    parquet.write_table(pa.table(columns), path)
    return path


def rows_of(path: Path, *columns: tuple[str, ...]) -> list[tuple[int, tuple[str, ...]]]:
    errors = Errors(path)
    rows = list(Table(path, *columns).rows(errors))
    assert errors.sentences() == []
    return rows


def errors_in(path: Path, *columns: tuple[str, ...]) -> list[str]:
    """What is wrong with a file of codes (or of these columns), without the file's name."""
    checked = Checked(Table(path, *(columns or CODES)), normalise)
    deque(checked.rows(), maxlen=0)
    return [sentence.removeprefix(f"{path}:") for sentence in checked.errors()]


def test_columns_come_in_the_order_they_are_asked_for_and_cells_are_stripped(
    tmp_path: Path,
) -> None:
    # given
    path = written(tmp_path, '\ufeffcustomer_id, code\nc-1, A-1 \n\n"c,2",B\n')

    # expect
    assert rows_of(path, *CODES) == [(2, ("A-1", "c-1")), (4, ("B", "c,2"))]
    assert rows_of(written(tmp_path, "code\nA\n"), *CODES) == [(2, ("A",))]


def test_every_error_is_named_with_its_line(tmp_path: Path) -> None:
    # given
    lines = [
        "code,customer_id", "ok-1,c-1", "no columns", "a,b,c", ",c-2", " - - ,c-3", "ok-2,",
        "x" * 65 + ",c-4", "y" * 64 + ",c-5", "y-" * 64 + ",c-6", "ok-3," + "c" * 65,
    ]  # fmt: skip

    # when
    found = errors_in(written(tmp_path, "\n".join(lines)))

    # expect
    characters = "1 to 64 characters are expected"
    assert found == [
        "3: 1 columns, 2 expected",
        "4: 3 columns, 2 expected",
        f"5: code: {characters}",
        f"6: code: {characters}",
        f"8: code: {characters}",
        f"10: code: {'Y' * 64} stands in line 9 too",  # as long as a code may be, once normalised
        f"11: customer_id: {characters}",
    ]


def test_codes_that_are_the_same_for_a_till_are_doubles(tmp_path: Path) -> None:
    # given
    path = written(tmp_path, "code\nSAVE-1\nother\nsave 1\nSave1\nOTHER \n")

    # expect
    assert errors_in(path) == [
        "4: code: SAVE1 stands in line 2 too",
        "5: code: SAVE1 stands in line 2 too",
        "6: code: OTHER stands in line 3 too",
    ]


def test_at_most_so_many_errors_are_shown_with_the_count_of_the_rest(tmp_path: Path) -> None:
    # given
    path = written(tmp_path, "code\n" + "twice\n" * 71 + "x" * 65 + "\n")

    # when
    found = errors_in(path)

    # expect
    assert len(found) == MOST_SHOWN + 1
    assert found[0] == "3: code: TWICE stands in line 2 too"
    assert found[-1] == " and 21 errors more"


HEADER = "1: the header must name the columns code, customer_id, each once"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", HEADER),
        ("customer_id\nc\n", HEADER),
        ("code,colour\nc,red\n", HEADER),
        ("code,code\nc,c\n", HEADER),
        ("code\n", "1: there is no row below the header"),
        (b"code\nA\nB\xff\nC\n", "3: code: not UTF-8"),
        ('code\nA\n"B\n', "3: unexpected end of data"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, content: str | bytes, error: str) -> None:
    assert errors_in(written(tmp_path, content)) == [error]


def test_parquet_is_read_by_rows(tmp_path: Path) -> None:
    # given
    texts = in_parquet(tmp_path, other=[1.5, 2.5], customer_id=["c-1", " c-2"])
    assert rows_of(texts, ("customer_id",)) == [(1, ("c-1",)), (2, ("c-2",))]

    # expect numbers to be taken as they are written
    numbers = in_parquet(tmp_path, customer_id=[7, 2**53 + 1])
    assert rows_of(numbers, ("customer_id",)) == [(1, ("7",)), (2, ("9007199254740993",))]


def test_errors_of_parquet_are_named_by_row(tmp_path: Path) -> None:
    # given
    repeated = pa.array(["c-1", None, "C-1", "c-1"]).dictionary_encode()
    path = in_parquet(tmp_path, customer_id=repeated)
    checked = Checked(Table(path, ("customer_id",)))

    # when
    rows = list(checked.rows())

    # expect
    assert [cells for _, cells in rows] == [("c-1",), ("C-1",), ("c-1",)]
    assert checked.errors() == [
        f"{path}:row 2: customer_id: 1 to 64 characters are expected",
        f"{path}:row 4: customer_id: c-1 stands in row 1 too",
    ]


@pytest.mark.parametrize("column", [[1.5], [[1]], [True]])
def test_a_parquet_column_of_something_else(tmp_path: Path, column: list[object]) -> None:
    found = errors_in(in_parquet(tmp_path, customer_id=column), ("customer_id",))
    assert found == ["row 1: customer_id: a column of texts or whole numbers is expected"]


def test_a_parquet_file_that_is_none(tmp_path: Path) -> None:
    missing = errors_in(in_parquet(tmp_path, customer=["c"]), ("customer_id",))
    broken = errors_in(written(tmp_path, "customer_id\nc\n", "x.parquet"), ("customer_id",))
    assert missing == ["row 1: the header must name the columns customer_id, each once"]
    assert broken[0].startswith("row 1: this Parquet file can't be read: ")


def test_a_file_that_changes_between_two_readings(tmp_path: Path) -> None:
    # given
    path = written(tmp_path, "code\nA\n")
    table = Table(path, *CODES)
    list(table.rows(Errors(path)))

    # when
    written(tmp_path, "code\nA\nB\n")

    # expect
    with pytest.raises(TableChanged, match="was changed while it was read"):
        list(table.rows(Errors(path)))


def test_a_million_lines_take_seconds_and_little_memory(tmp_path: Path) -> None:
    # given
    path = tmp_path / "million.csv"
    with path.open("w") as file:
        file.write("code\n")
        file.writelines(f"SAVE{n:08d}\n" for n in range(1_000_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    # when
    began = time.process_time()
    found = errors_in(path)
    seconds = time.process_time() - began

    # expect
    assert found == []
    assert seconds < 20  # some 2 where the machine is at rest
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert kilobytes < 100_000
