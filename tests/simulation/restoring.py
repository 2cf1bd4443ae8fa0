"""A restore by the contract of `streams.recovery`, in as few steps as it has to have.

Close; fence every transactional id; wait until nothing is open; see whether what Redis holds can be
kept; merge what is committed and it hasn't decided; announce the epoch; open.
"""

from collections.abc import Iterator

from state.ledger import Fenced
from tests.simulation.broker_model import Broker, Said
from tests.simulation.counting import Offers
from tests.simulation.redis_model import Answer, Caller, Content, Link
from tests.simulation.shared import Shared


class Restore:
    """One worker's way to an open ledger."""

    def __init__(self, shared: Shared, caller: Caller, place: str) -> None:
        self._broker, self._redis = shared.broker, shared.redis
        self._fences, self._caller, self._place = shared.variation.restore_fences, caller, place

    def until_open(self) -> Offers:
        """The offers as they are then."""
        while True:
            stamp = self._caller.call("is it open?", self._look)
            if stamp is not None:
                return Offers(stamp)
            if self._caller.call("lock", self._lock, (), self._is_free):
                try:
                    self._restore()
                except Fenced:
                    continue

    def _look(self, _: str) -> int | None:
        """The stamp of the offers there are; None where it is closed."""
        return self._redis.content.stamp if self._redis.is_open else None

    def _is_free(self) -> bool:
        return self._redis.locked_by() in (None, self._place) or self._redis.is_open

    def _lock(self, _: str) -> bool:
        if self._redis.is_open:
            return False
        self._redis.lock(self._place)
        return True

    def _restore(self) -> None:
        call, broker = self._caller.call, self._broker
        call("close", lambda _: self._redis.write(self._redis.content._replace(opened=None)))
        for place in broker.transactions if self._fences else ():
            call(f"fence {place}", lambda _, place=place: broker.init(place))
        newest, kept = call("compare", self._compare, (), broker.nothing_open)
        if kept is not None:
            call("merge", lambda _: self._merge(newest, kept))
        call("announce", lambda _: setattr(broker, "epoch", newest + 1))
        call(f"open {newest + 1}", lambda _: self._open(newest + 1))

    def _compare(self, _: str) -> tuple[int, bool | None]:
        """Kafka's epoch, and whether Redis' content is kept; None: it lacks nothing."""
        content, newest = self._redis.content, self._broker.epoch
        if content.epoch == newest and all(
            content.applied(p) >= offset for p, offset in self._broker.committed.items()
        ):
            return newest, None
        return newest, 0 < content.epoch <= newest and (
            content.epoch == newest or all(self._stored_as_committed(content))
        )

    def _stored_as_committed(self, content: Content) -> Iterator[bool]:
        for partition, batches in content.kept.items():
            told = {said.offset: said for said in self._broker.outcomes[partition]}
            for batch in batches.values():
                for offset, answer in batch.items():
                    said = told.get(offset)
                    yield said is not None and answer == Answer(said.replayed, said.total)

    def _merge(self, epoch: int, keeps: bool) -> None:
        self._check_lock()
        held = self._redis.content
        before = held if keeps else Content(epoch=epoch, restorer=held.restorer)
        self._redis.write(merged(before, self._broker))

    def _open(self, epoch: int) -> None:
        self._check_lock()
        self._redis.open_for(epoch, self._broker.committed)

    def _check_lock(self) -> None:
        if self._redis.locked_by() != self._place:
            raise Fenced("another restorer took over")


def merged(before: Content, broker: Broker) -> Content:
    """With what the committed outcomes tell of requests that weren't decided before."""
    missing: list[Said] = [
        said
        for partition, outcomes in broker.outcomes.items()
        for said in outcomes
        if said.offset >= before.applied(partition) and not said.replayed
    ]
    remembered = {said.request_id: Answer(False, said.total) for said in missing}
    return before._replace(
        chain={
            p: before.chain.get(p, Link(0, 0))._replace(applied=max(before.applied(p), offset))
            for p, offset in broker.committed.items()
        },
        remembered=dict(sorted({**before.remembered, **remembered}.items())),
        accepted=before.accepted + sum(said.total is not None for said in missing),
    )
