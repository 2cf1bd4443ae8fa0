"""All codes of a randomised series of ten characters: how fast they are made, and none is double.

`python -m tests.benchmarks.every_code` makes 36**5 = 60,466,176 codes as `redeemonce codes` does,
writes them to a CSV file, reads that again and counts every code by its characters.
"""

import json
import resource
import tempfile
import time
from pathlib import Path

import click
import numpy as np

from state.codes import Codes, Series
from streams.bulk.exports import blocks
from streams.bulk.written import write_codes

LEAD, CHARSET, LENGTH = "SUMME", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", 10
HEADER = b"code\n"
ROWS = 1_000_000


def main() -> None:
    series = Series.of("summer", LEAD, CHARSET, LENGTH)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "codes.csv"
        began, processor = time.perf_counter(), time.process_time()
        for _ in write_codes(path, path, blocks(Codes("a secret"), series, 0, series.space)):
            pass
        seconds, processor = time.perf_counter() - began, time.process_time() - processor
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        seen = seen_in(path, series.space)
        size_mb = path.stat().st_size / 1e6
    click.echo(
        json.dumps(
            {
                "codes": series.space,
                "distinct": int(np.count_nonzero(seen)),
                "seconds": round(seconds, 2),
                "processor_seconds": round(processor, 2),
                "peak_mb": round(peak_mb),
                "file_mb": round(size_mb),
            }
        )
    )


def seen_in(path: Path, space: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """How often each possible code is in the file, up to 255."""
    value = np.full(256, 255, np.uint8)
    value[np.frombuffer(CHARSET.encode(), np.uint8)] = np.arange(len(CHARSET), dtype=np.uint8)
    places = len(CHARSET) ** np.arange(LENGTH - len(LEAD) - 1, -1, -1)
    seen = np.zeros(space, np.uint8)
    with path.open("rb") as file:
        assert file.readline() == HEADER
        while rows := file.read(ROWS * (LENGTH + 1)):
            lines = np.frombuffer(rows, np.uint8).reshape(-1, LENGTH + 1)
            assert (lines[:, -1] == ord("\n")).all()
            assert (lines[:, : len(LEAD)] == np.frombuffer(LEAD.encode(), np.uint8)).all()
            digits = value[lines[:, len(LEAD) : -1]]
            assert (digits < len(CHARSET)).all()
            np.add.at(seen, digits.astype(np.int64) @ places, 1)
    return seen


if __name__ == "__main__":
    main()
