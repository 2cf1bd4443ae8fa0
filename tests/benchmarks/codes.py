"""All codes of a series, made some times: each time by a program of its own, for its memory."""

import json
import subprocess
import sys

from tests.benchmarks.engines.ours import NAME
from tests.benchmarks.measuring.results import NotExact
from tests.benchmarks.report.book import Book
from tests.benchmarks.report.kinds import ALL, MEMORY, RATE


def measure_codes(book: Book, runs: int) -> None:
    program = [sys.executable, "-m", "tests.benchmarks.every_code"]
    chapter = None
    for run in range(runs):
        made = json.loads(subprocess.check_output(program))
        count = made["codes"]
        if made["distinct"] != count:
            raise NotExact(f"of {count:,} codes only {made['distinct']:,} are distinct")
        chapter = chapter or book.begin("codes", f"{count:,}")
        each_us = 1e6 * made["processor_seconds"] / count
        found = {RATE: count / made["seconds"], ALL: each_us, MEMORY: made["peak_mb"]}
        chapter.add(run, NAME, found)
        chapter.save()
