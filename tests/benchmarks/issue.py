"""Millions of coupons issued from a backlog: how fast, and what each takes in Redis."""

import os
import shutil
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from redis import Redis

from schemas.topics import ISSUE
from state.keys import base
from tests.benchmarks import load
from tests.benchmarks.coupons import create_offers
from tests.benchmarks.engines.ours import NAME, Ours
from tests.benchmarks.ground import BenchmarkError, Ground
from tests.benchmarks.measuring.drain import drain
from tests.benchmarks.report.book import Book
from tests.benchmarks.report.kinds import BYTES, DISK, REDIS_MEMORY, REDIS_RESIDENT, REQUEST_BYTES
from tests.benchmarks.report.values import Values, of_drain
from tests.world import wait_for

_KEYS_AT_ONCE = 5_000
#: Thirty million request ids are freed aside.
_FREE_S = 300.0
#: What the topics and Redis' log take for a coupon at the most: while the log is written anew.
_DISK_BYTES_EACH = 1_000


class NoRoom(BenchmarkError):
    """The disk has no room for it; the message says how much it takes."""


def measure_issue(ground: Ground, book: Book, coupons: int, runs: int) -> None:
    needed, free = coupons * _DISK_BYTES_EACH, shutil.disk_usage(ground.folder).free
    if free < needed:
        raise NoRoom(
            f"{coupons:,} coupons may take {needed / 1e9:.0f} GB in {ground.folder}, where "
            f"{free / 1e9:.0f} GB are free: set TMPDIR to a folder with more"
        )
    chapter = book.begin("issue", f"{coupons:,}", ground)
    for run in range(runs):
        with ground.organisation(f"issue-{run}") as world:
            create_offers(world, 1)
            before = _settled(ground)
            requests = load.issues(load.other_customers(coupons))
            found = drain(ground, Ours(world, ISSUE), "issue", requests)
            found.results.insist()
            disk = {DISK: _size(ground.folder) / 1e9}
            memory = _memory(ground, world.settings.topic_prefix, before, coupons)
            chapter.add(run, NAME, {**of_drain(found), **memory, **disk})
            chapter.save()


def _memory(ground: Ground, prefix: str, before: int, coupons: int) -> Values:
    """What Redis took for so many coupons since it took ``before`` bytes.

    Forgets the organisation's requests, to see what they took.
    """
    with ground.redis() as redis:
        resident = int(_memory_of(redis)["used_memory_rss"])
        all_ = _settled(ground)
        requests = redis.scan_iter(f"{base(prefix)}requests:*", _KEYS_AT_ONCE)
        while keys := list(islice(requests, _KEYS_AT_ONCE)):
            redis.unlink(*keys)
    without = _settled(ground)
    return {
        BYTES: (without - before) / coupons,
        REQUEST_BYTES: (all_ - without) / coupons,
        REDIS_MEMORY: all_ / 1e9,
        REDIS_RESIDENT: resident / 1e9,
    }


def _settled(ground: Ground) -> int:
    """Bytes that Redis has for its data, once nothing is being freed or written to its log."""
    ground.calm()
    with ground.redis() as redis:
        wait_for("all is freed", lambda: not _memory_of(redis)["lazyfree_pending_objects"], _FREE_S)
        return int(_memory_of(redis)["used_memory"])


def _memory_of(redis: Redis) -> dict[str, Any]:
    return dict(redis.info("memory"))


def _size(folder: Path) -> int:
    """Bytes that its files take on the disk: Kafka's indexes have holes, and its files come and
    go."""
    size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                size += 512 * os.lstat(Path(place) / name).st_blocks
    return size
