"""A batch is decided in calls that are small, by records and by bytes."""

from itertools import pairwise

import pytest

from streams.batches import Part, Record, divided, fitting
from streams.deciding import PIECE_BYTES


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


def test_pieces_follow_each_other_without_a_gap() -> None:
    # given records with a hole in their offsets, two of them large
    sizes = [100, 100, PIECE_BYTES, 100, 3 * PIECE_BYTES, 100, 100, 100]
    records = [record(10 + 2 * number, size) for number, size in enumerate(sizes)]
    part = Part(3, 7, committed=8, from_=9, to=99, records=records)

    # when
    pieces = [piece for [piece] in divided([part], 2, PIECE_BYTES)]

    # expect
    counts = [len(piece.records) for piece in pieces]
    assert counts == [2, 1, 1, 1, 2, 1]
    assert [each for piece in pieces for each in piece.records] == records
    assert pieces[0].from_ == 9
    assert pieces[-1].to == 99
    for one, next_ in pairwise(pieces):
        assert one.to == next_.from_ == one.records[-1].offset + 1
    assert {(p.committed, p.partition, p.claim) for p in pieces} == {(8, 3, 7)}


@pytest.mark.parametrize(
    ("lengths", "most", "expected"),
    [
        ([3, 2], 10, [[3, 2]]),
        ([3, 2], 4, [[3, 1], [1]]),
        ([3, 2], 5, [[3, 2]]),
        ([5, 2], 2, [[2], [2], [1, 1], [1]]),
        ([5, 2], 4, [[4], [1, 2]]),
        ([4, 2], 4, [[4], [2]]),
        ([1, 1, 1], 2, [[1, 1], [1]]),
        ([], 2, []),
    ],
)
def test_shares_have_so_many_records(
    lengths: list[int], most: int, expected: list[list[int]]
) -> None:
    parts = [
        Part(p, 7, 0, 0, 50, [record(10 + n, 5) for n in range(length)])
        for p, length in enumerate(lengths)
    ]
    found = list(divided(parts, most))
    assert [[len(part.records) for part in share] for share in found] == expected


@pytest.mark.parametrize(
    ("lengths", "most", "expected"),
    [
        ([3, 2, 9], 14, [[3, 2, 9]]),
        ([3, 2, 9], 13, [[3, 2, 8], [1]]),
        ([12, 1], 99, [[10], [2, 1]]),
        ([1, 12, 1], 99, [[1, 10], [2, 1]]),
        ([], 5, []),
    ],
)
def test_what_is_asked_together_has_one_part_of_a_partition_and_so_many_bytes_of_it(
    lengths: list[int], most: int, expected: list[list[int]]
) -> None:
    parts = [
        Part(p, 7, 0, 0, 50, [record(n, 5) for n in range(length)])
        for p, length in enumerate(lengths)
    ]
    found = list(divided(parts, most, most_bytes=50))
    assert [[len(part.records) for part in some] for some in found] == expected
    for some in found:
        partitions = [part.partition for part in some]
        assert len(set(partitions)) == len(partitions)
