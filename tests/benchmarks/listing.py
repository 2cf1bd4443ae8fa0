"""How long a page of offers takes a worker that has thousands of them."""

import statistics
import time
from collections.abc import Callable

from state.ledger import Ledger
from streams.pages.directory import Directory, Query
from tests.benchmarks.ground import Ground
from tests.benchmarks.instructions import create_at
from tests.ledger.desk import Desk

#: As the page asks for them.
_QUERY = Query.of({"limit": "50"})
_LOOKS = 20


def measure_listing(ground: Ground, count: int) -> dict[str, float]:
    """Milliseconds, of the first look and the median of later ones."""
    settings = ground.settings("listing")
    ledger = Ledger(settings.redis_url, settings.topic_prefix)
    desk = Desk(settings, ledger)
    create_at(desk, count)
    directory = Directory(ledger, settings.now_ms)

    def look() -> None:
        found = directory.find(_QUERY)
        assert (found.total, len(found.offers)) == (count, 50)

    return {
        "the first time": _milliseconds(look),
        "later": statistics.median(_milliseconds(look) for _ in range(_LOOKS)),
    }


def _milliseconds(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return 1_000 * (time.perf_counter() - began)
