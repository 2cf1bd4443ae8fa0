"""What must be so of the outcomes when a world has come to rest."""

from collections import defaultdict

from tests.simulation.broker_model import Said
from tests.simulation.redis_model import Content
from tests.simulation.restoring import merged
from tests.simulation.shared import Shared
from tests.simulation.violation import Violation


def check_all_said(shared: Shared, cap: int) -> None:
    """Raises `Violation` by the first promise that was not kept."""
    broker, redis = shared.broker, shared.redis
    for partition in broker.requests:
        if broker.committed[partition] != broker.end(partition):
            raise Violation(f"partition {partition} stands still at {broker.committed[partition]}")
    if not broker.nothing_open():
        raise Violation("a transaction was left open")
    by_id: dict[str, list[Said]] = defaultdict(list)
    for partition, records in broker.requests.items():
        ids = {offset: value.decode() for offset, value in records}
        for said in broker.outcomes[partition]:
            if ids[said.offset] != said.request_id:
                raise Violation(f"{said} is another request's outcome")
            by_id[said.request_id].append(said)
    for request_id, all_said in by_id.items():
        if len({said.total for said in all_said}) > 1:
            raise Violation(f"{request_id} was decided more than once: {all_said}")
        if sum(not said.replayed for said in all_said) != 1:
            raise Violation(f"{request_id} was not told as new exactly once: {all_said}")
    totals = sorted(said[0].total for said in by_id.values() if said[0].total is not None)
    due = list(range(1, min(cap, len(by_id)) + 1))
    # What Redis lost before it was committed, others may have counted already.
    if len(totals) != len(due) or totals[-1:] > due[-1:] or not (redis.losses or totals == due):
        raise Violation(f"the accepted have the totals {totals}, not {due}")
    # Where nothing came any more after it lost writes, nobody has noticed yet.
    kept, told = redis.content, merged(Content(), broker)
    same = (kept.accepted, dict(kept.remembered)) == (told.accepted, dict(told.remembered))
    if redis.is_open and not same:
        raise Violation("Redis holds another state than the outcomes tell")
