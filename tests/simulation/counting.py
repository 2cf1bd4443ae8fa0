"""The least a lane can decide: redemptions of one offer, counted up to a cap."""

from collections.abc import Iterator
from typing import Any

from schemas.topics import REDEEM
from state.ledger import Decided, Transition
from streams.outcomes import body_of
from streams.work import Plain, Worded
from tests.simulation.redis_model import Operation


class _Reader:
    def read(self, value: bytes) -> dict[str, Any]:
        return {"request_id": value.decode()}


class Counting(Plain):
    """A lane's work as `Decider` wants it. A request is its id."""

    lane, transition, judges_by_offers, reader = REDEEM, Transition.REDEEM, True, _Reader()

    def judge(self, offset: int, request: dict[str, Any]) -> tuple[Any, str]:
        return Operation(offset, request["request_id"]), request["request_id"]

    def worded(self, kept: list[str], decisions: list[Decided]) -> Iterator[Worded]:
        for request_id, decided in zip(kept, decisions, strict=True):
            said = {
                "request_id": request_id,
                "outcome": "rejected" if decided.content[0] is None else "accepted",
                "reason": None,
                "total": decided.content[0],
                "replayed": decided.replayed,
            }
            yield body_of(said), ()


class Offers:
    """What of the catalogue the decider looks at: up to which change it knows the offers."""

    def __init__(self, stamp: int) -> None:
        self.stamp = stamp
