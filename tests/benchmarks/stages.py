"""Where a redeem's time goes in the program: each stage of a batch by itself, without Kafka."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import orjson

from schemas.topics import REDEEM
from state.layout import Head
from state.ledger import Ledger, Transition
from streams.app import collect_seldom
from streams.batches import Part, Record
from streams.deciding import PIECE_RECORDS
from streams.outcomes import Outgoing
from streams.redeem import Redeeming
from tests.benchmarks import load
from tests.benchmarks.ground import BenchmarkError, Ground
from tests.benchmarks.instructions import create_at, issued_at
from tests.ledger.desk import Desk, judged_by

#: As the worker asks of one partition at once, from a backlog.
_A_CALL = PIECE_RECORDS["redeem"]


def measure_stages(ground: Ground, requests: int) -> dict[str, float]:
    """Microseconds a redeem, each of a customer of their own, by stage."""
    settings = ground.settings("stages")
    ledger = Ledger(settings.redis_url, settings.topic_prefix)
    desk = Desk(settings, ledger)
    create_at(desk, 1)
    bodies = [body for _, body in load.redeems(issued_at(desk, requests, 1))]
    collect_seldom()  # as a worker does
    work, outgoing = Redeeming(settings, desk.catalogue), Outgoing(REDEEM, settings)
    claim, seconds = ledger.claim(), defaultdict[str, float](float)

    @contextmanager
    def of(stage: str) -> Iterator[None]:
        began = time.process_time()
        yield
        seconds[stage] += time.process_time() - began

    for first in range(0, requests, _A_CALL):
        some = enumerate(bodies[first : first + _A_CALL], first)
        records = [Record(offset, b"c", body) for offset, body in some]
        part = Part(0, claim, first, first, first + len(records), records)
        head = Head(
            REDEEM.name, 0, claim, first, first, part.to, settings.now_ms(), ledger.memory_days,
            desk.catalogue.stamp,
        )  # fmt: skip
        with of("read and judge"):  # one after the other, as an agent does
            judged = judged_by(work, ((one.offset, work.reader.read(one.value)) for one in records))
        with of("pack"):
            packed = ledger._packed([(head, judged.operations)])
        with of("ask"):
            answers = ledger._ask(Transition.REDEEM, packed)
        with of("unpack"):
            [decisions] = ledger.read(answers)
        with of("word"):  # and write, one after the other
            worded = work.worded(judged.kept, decisions)
            written = [
                outgoing.outcome(part, record, body)
                for record, (body, _) in zip(records, worded, strict=True)
            ]
        said = {orjson.loads(one.value or b"")["outcome"] for one in written}
        if said != {"accepted"}:
            raise BenchmarkError(f"not all were accepted: {said}")
    return {stage: spent / requests * 1e6 for stage, spent in seconds.items()}
