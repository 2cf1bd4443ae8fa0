"""Which engines there are, and how each is set up to be at its best."""

from collections.abc import Callable

from tests.benchmarks.engines.built import bare_loop, kafka_streams, plain_faust, quix_streams
from tests.benchmarks.engines.engine import Engine
from tests.benchmarks.engines.ours import Ours

ENGINES = ("ours", "streams", "quix", "faust", "bare")
#: An engine of a run, given ours: that has the ledger with the coupons in it.
Entrant = Callable[[Ours], Engine]

#: It takes a second for a thousand redeems, and gets no more than these.
_FAUST_RECORDS = 20_000
#: Milliseconds: a backlog goes fastest with few commits, waits are shortest with many.
_STREAMS_FOR_BACKLOG, _STREAMS_FOR_WAITS, _STREAMS_BY_DEFAULT = 1_000, 20, None
#: Seconds. Its default is the first, which is also how long its waits would be.
_QUIX_FOR_BACKLOG, _QUIX_FOR_WAITS = 5.0, 0.1


def for_backlog(name: str, records: int) -> tuple[Entrant, int]:
    """As it drains a backlog best, and how many redeems of it the engine gets."""
    match name:
        case "ours":
            return _ours, records
        case "streams":
            return _always(kafka_streams(_STREAMS_FOR_BACKLOG)), records
        case "quix":
            return _always(quix_streams(_QUIX_FOR_BACKLOG)), records
        case "bare":
            return _always(bare_loop()), records
    return _always(plain_faust()), min(records, _FAUST_RECORDS)


def for_waits(name: str) -> list[Entrant]:
    """The best last. None for Faust, which falls behind even at 2,800 a second."""
    match name:
        case "ours":
            return [_ours]
        case "streams":
            return [
                _always(kafka_streams(_STREAMS_BY_DEFAULT)),
                _always(kafka_streams(_STREAMS_FOR_WAITS)),
            ]
        case "quix":
            return [_always(quix_streams(_QUIX_FOR_WAITS))]
        case "bare":
            return [_always(bare_loop())]
    return []


def _ours(ours: Ours) -> Engine:
    return ours


def _always(engine: Engine) -> Entrant:
    return lambda _: engine
