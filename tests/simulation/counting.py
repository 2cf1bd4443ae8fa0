"""The least a lane can decide: redemptions of one offer, counted up to a cap."""

from collections.abc import Sequence
from typing import Any

from schemas.topics import REDEEM
from state.ledger import Decided, Transition
from tests.simulation.redis_model import Operation


class _Reader:
    def read(self, value: bytes) -> dict[str, Any]:
        return {"request_id": value.decode()}


class Counting:
    """A lane's work as `Decider` wants it. A request is its id."""

    lane, transition, judges_by_offers, reader = REDEEM, Transition.REDEEM, True, _Reader()

    def judge(self, requests: list[tuple[int, dict[str, Any]]]) -> Sequence[Operation]:
        return [Operation(offset, request["request_id"]) for offset, request in requests]

    def outcomes(
        self, requests: list[dict[str, Any]], decisions: list[Decided]
    ) -> list[dict[str, Any]]:
        return [
            {
                "request_id": request["request_id"],
                "outcome": "rejected" if decided.content[0] is None else "accepted",
                "reason": None,
                "total": decided.content[0],
                "replayed": decided.replayed,
            }
            for request, decided in zip(requests, decisions, strict=True)
        ]


class Offers:
    """What of the catalogue the decider looks at: up to which change it knows the offers."""

    def __init__(self, stamp: int) -> None:
        self.stamp = stamp
