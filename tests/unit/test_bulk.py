"""What bulk commands send and write: ids that stay the same, chunks cut down, files of codes."""

import csv
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from pyarrow import parquet

from schemas.reading import Reader, Unreadable
from schemas.topics import ISSUE, MAX_REQUEST_BYTES, OFFERS
from state.codes import Codes, Series
from streams.bulk import exports
from streams.bulk.conversation import UnderWay
from streams.bulk.issues import Counts, Note, Run
from streams.bulk.tables import Row
from streams.bulk.uploads import Chunk, CodeUpload, UploadRefused, chunks_of, parts_of
from streams.bulk.written import NotWritten, row_writer, whole, write_codes
from streams.settings import Settings

SETTINGS = Settings(_env_file=None, code_secret="a secret for tests")


def rows(count: int) -> Iterator[Row]:
    return ((number + 2, (f"CODE{number}",)) for number in range(count))


def refused(reason: str, **more: Any) -> dict[str, Any]:
    return {"outcome": "rejected", "reason": reason, "detail": None, "replayed": False, **more}


ACCEPTED = {"outcome": "accepted", "reason": None, "detail": None, "replayed": False}


# Requests under way -------------------------------------------------------------------------------


def test_an_outcome_belongs_to_a_request_by_its_place() -> None:
    # given
    place, other = ("issue.requests", 0, 7), ("issue.requests", 0, 3)
    said, before = ACCEPTED | {"request_id": "i"}, ACCEPTED | {"request_id": "i", "code": "x"}
    open_ = UnderWay[str]()
    open_.sent(1, "i", "mine")

    # when an outcome of the same id comes that a killed run asked for, and one of somebody else
    assert not [*open_.answered(other, before), *open_.answered(other, said | {"request_id": "j"})]
    assert list(open_.lies(1, place)) == []

    # expect
    assert list(open_.answered(place, {"dead_letter": True})) == []
    assert list(open_.answered(place, said)) == [("mine", said)]
    assert len(open_) == 0
    assert list(open_.answered(place, said)) == []


def test_an_outcome_may_be_faster_than_kafkas_word_where_its_request_lies() -> None:
    # given
    place, other = ("issue.requests", 0, 7), ("issue.requests", 0, 3)
    said = ACCEPTED | {"request_id": "i"}
    open_ = UnderWay[str]()
    open_.sent(1, "i", "mine")

    # when
    early = [*open_.answered(other, said | {"code": "x"}), *open_.answered(place, said)]

    # expect
    assert early == []
    assert list(open_.lies(1, place)) == [("mine", said)]
    assert len(open_) == 0


# Uploads ------------------------------------------------------------------------------------------


def test_a_second_run_of_a_file_sends_the_same_ids() -> None:
    # when
    first, second = (
        [chunk.request("o", "me", "digest") for chunk in chunks_of(rows(600))] for _ in range(2)
    )

    # expect
    ids = [request["request_id"] for request in first]
    assert [len(request["codes"]) for request in first] == [250, 250, 100]
    assert ids == [request["request_id"] for request in second]
    assert len(set(ids)) == 3
    (chunk,) = chunks_of(rows(1))
    others = [chunk.request(*other)["request_id"] for other in (("p", "me", "digest"),
              ("o", "me", "other"))]  # fmt: skip
    assert not {*others} & {*ids}


def test_chunks_are_requests_that_the_worker_can_read() -> None:
    # given
    chunk = Chunk(1, 2, ((2, ("save-1", "c-1")), (3, ("y-" * 64, "c-2"))))
    request = chunk.request("o", "me", "digest")

    # when
    read = Reader(OFFERS.types, "INR", 2).read(orjson.dumps(request))

    # expect
    assert not isinstance(read, Unreadable), read
    assert read["codes"] == [
        {"code": "save-1", "customer_id": "c-1"}, {"code": "Y" * 64, "customer_id": "c-2"},
    ]  # fmt: skip
    assert read["request_id"].endswith("-2")


def test_what_is_not_taken_of_a_chunk_is_sent_again_under_an_id_of_its_own() -> None:
    # given
    upload = CodeUpload(SETTINGS, "o", "me", "digest")
    chunk = Chunk(4, 1, ((2, ("save-1",)), (3, ("Save 2",)), (4, ("save-3",))))

    # when
    again = upload.count(chunk, refused("code_taken", taken=["SAVE2"]))

    # expect
    assert again == Chunk(4, 2, ((2, ("save-1",)), (4, ("save-3",))))
    assert upload.refused == [(3, "code: Save 2 is taken")]
    first, second = (each.request("o", "me", "digest")["request_id"] for each in (chunk, again))
    assert second == f"{first}-2"

    # when one more was taken meanwhile, and the last is accepted
    last = upload.count(again, refused("code_taken", taken=["SAVE1"]))
    assert last == Chunk(4, 3, ((4, ("save-3",)),))
    assert upload.count(last, ACCEPTED | {"replayed": True}) is None

    # expect
    assert (upload.uploaded, upload.replayed, upload.not_uploaded) == (1, 1, 2)


def test_a_chunk_of_which_nothing_is_left_is_not_sent_again() -> None:
    upload = CodeUpload(SETTINGS, "o", "me", "digest")
    chunk = Chunk(1, 1, ((2, ("a",)), (3, ("b",))))
    assert upload.count(chunk, refused("code_taken", taken=["A", "B"])) is None
    assert [line for line, _ in upload.refused] == [2, 3]


def test_a_chunk_refused_for_another_reason_is_refused_as_a_whole() -> None:
    # given
    upload = CodeUpload(SETTINGS, "o", "me", "digest")
    chunk = Chunk(1, 1, ((2, ("a",)), (3, ("b",))))

    # when
    again = upload.count(chunk, refused("code_taken", taken=["ELSE"]))

    # expect
    assert again is None
    assert upload.not_uploaded == 2
    assert upload.refused == [(2, "to line 3: refused, code_taken")]


@pytest.mark.parametrize("reason", ["upload_not_allowed", "offer_not_found"])
def test_an_offer_that_takes_no_codes_ends_the_upload(reason: str) -> None:
    upload = CodeUpload(SETTINGS, "o", "me", "digest")
    with pytest.raises(UploadRefused):
        upload.count(Chunk(1, 1, ((2, ("a",)),)), refused(reason))


def test_parts_fit_into_a_record_whatever_they_are_made_of() -> None:
    # given
    longest = [f"{n:05d}" + "\U0001f600" * 59 for n in range(9_000)]

    # when
    plain = list(parts_of(f"c-{n}" for n in range(20_001)))
    long = list(parts_of(longest))

    # expect
    assert [len(part) for part in plain] == [10_000, 10_000, 1]
    assert [value for part in long for value in part] == longest
    assert max(len(orjson.dumps(part)) for part in long) < MAX_REQUEST_BYTES - 10_000
    assert list(parts_of([])) == []


# Issue --------------------------------------------------------------------------------------------


def test_an_issue_request_has_the_same_id_in_each_start_of_a_run_and_in_no_other() -> None:
    # given
    run = Run("o", "dvs", "h", "one")
    others = (Run("o", "dvs", "h", "two"), Run("p", "dvs", "h", "one"))

    # expect
    request = run.request("c-1")
    assert not isinstance(Reader(ISSUE.types, "INR", 2).read(orjson.dumps(request)), Unreadable)
    assert Run("o", "dvs", "h", "one").request_id("c-1") == request["request_id"]
    assert run.request_id("c-2") != request["request_id"]
    assert all(other.request_id("c-1") != request["request_id"] for other in others)


def noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Note:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked = {"run": Run("o", "dvs", "h", "one"), "digest": "d", "created_at": 1, **more}
    return Note.of(SETTINGS, **asked)


def test_a_note_says_how_far_a_run_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    note, counts = noted(tmp_path, monkeypatch), Counts()
    for said in (ACCEPTED, refused("customer_limit_reached"), ACCEPTED):
        counts.count(said)
        note.keep(counts, said)

    # when
    note.keep(counts, None)

    # expect
    found = noted(tmp_path, monkeypatch).read()
    assert found == Counts(3, 0, Counter({"issued": 2, "customer_limit_reached": 1}))
    assert (found.issued, found.rejected) == (2, {"customer_limit_reached": 1})
    for other in ({"created_at": 2}, {"digest": "e"}, {"run": Run("o", "dvs", "h", "two")}):
        assert noted(tmp_path, monkeypatch, **other).read() == Counts()


def test_a_note_ends_before_what_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    note, counts = noted(tmp_path, monkeypatch), Counts()
    counts.count(ACCEPTED)
    note.keep(counts, None)

    # when
    counts.count(refused("offer_not_found"))
    note.keep(counts, refused("offer_not_found"))
    note.keep(counts, None)

    # expect
    assert noted(tmp_path, monkeypatch).read().customers == 1


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"customers": "x"}', b"\xff"])
def test_a_damaged_note_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    # given
    note = noted(tmp_path, monkeypatch)
    note.keep(Counts(5), None)
    (file,) = tmp_path.glob("redeemonce/issue/*")

    # when
    file.write_bytes(damage)

    # expect
    assert noted(tmp_path, monkeypatch).read() == Counts()


# Files --------------------------------------------------------------------------------------------


def read_back(path: Path) -> list[tuple[Any, ...]]:
    """The rows of a file that was written, the header first."""
    if path.suffix == ".parquet":
        table = parquet.read_table(path)
        columns = [column.to_pylist() for column in table.columns]
        return [tuple(table.column_names), *zip(*columns, strict=True)]
    with path.open(newline="") as file:
        return [tuple(row) for row in csv.reader(file)]


@pytest.mark.parametrize("name", ["codes.csv", "codes.parquet"])
@pytest.mark.parametrize("length", [6, 12], ids=["shuffled", "encrypted"])
def test_an_export_has_the_code_of_each_serial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, length: int
) -> None:
    # given
    monkeypatch.setattr(exports, "_BLOCK", 700)
    codes, path = Codes("secret"), tmp_path / name
    series = Series.of("o", "SAVE", "0123456789", length)
    first, count = (50, 40) if length == 6 else (10**7, 2_000)

    # when
    with whole(path) as part:
        blocks = exports.blocks(codes, series, first, count)
        done = list(write_codes(path, part, blocks))

    # expect
    expected = codes.encode([(series, first + number) for number in range(count)])
    assert read_back(path) == [("code",), *((code,) for code in expected)]
    assert done == ([40] if length == 6 else [700, 1_400, 2_000])
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_rows_are_written_as_they_are(tmp_path: Path, name: str) -> None:
    # given
    path, columns = tmp_path / name, ("customer_id", "reason")
    wanted = [("c,1", None), ('c"2', "codes_exhausted"), ("c\u00e93", None)]
    many = [(f"c-{number}", None) for number in range(70_000)]  # more than one group of rows

    # when
    with whole(path) as part, row_writer(path, part, columns) as writer:
        for row in (*wanted, *many):
            writer.write(row)

    # expect
    absent = None if name == "out.parquet" else ""
    found = read_back(path)
    assert found[:4] == [columns, *((one, reason or absent) for one, reason in wanted)]
    assert len(found) == 70_004


def test_a_file_that_was_not_finished_is_not_there(tmp_path: Path) -> None:
    # when
    with suppress(ZeroDivisionError), whole(tmp_path / "codes.csv") as part:
        part.write_text("half")
        raise ZeroDivisionError

    # expect
    assert os.listdir(tmp_path) == []


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "codes.csv"
    block = np.array([b"A"])
    with pytest.raises(NotWritten, match="No such file"), whole(path) as part:
        list(write_codes(path, part, [block]))
