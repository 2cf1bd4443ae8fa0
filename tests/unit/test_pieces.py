"""A batch is decided in calls that are small, by records and by bytes."""

from itertools import pairwise

import pytest

from streams.batches import Part, Record, fitting
from streams.deciding import PIECE_BYTES, pieces_of


def record(offset: int, size: int) -> Record:
    return Record(offset, b"k", b"x" * (size - 1))


@pytest.mark.parametrize(
    ("sizes", "limit", "count"),
    [
        ([10, 10, 10], 30, 3),
        ([10, 10, 10], 29, 2),
        ([10, 10, 10], 10, 1),
        ([99, 10], 10, 1),  # one that is too much by itself is taken by itself
        ([10, 99, 10], 20, 1),
        ([], 10, 0),
    ],
)
def test_so_many_records_fit(sizes: list[int], limit: int, count: int) -> None:
    records = [record(offset, size) for offset, size in enumerate(sizes)]
    assert fitting(records, limit) == count


def testpieces_of_follow_each_other_without_a_gap() -> None:
    # given records with a hole in their offsets, two of them large
    sizes = [100, 100, PIECE_BYTES, 100, 3 * PIECE_BYTES, 100, 100, 100]
    records = [record(10 + 2 * number, size) for number, size in enumerate(sizes)]
    part = Part(3, 7, from_=9, to=99, records=records)

    # when
    pieces = list(pieces_of([part], most=2))

    # expect
    counts = [len(piece.part.records) for piece in pieces]
    assert counts == [2, 1, 1, 1, 2, 1]
    assert [each for piece in pieces for each in piece.part.records] == records
    assert pieces[0].part.from_ == 9
    assert pieces[-1].part.to == 99
    for one, next_ in pairwise(pieces):
        assert one.part.to == next_.part.from_ == one.part.records[-1].offset + 1
    assert {(p.committed, p.part.partition, p.part.claim) for p in pieces} == {(9, 3, 7)}
