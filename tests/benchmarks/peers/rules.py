"""The five rules of the peers in Python, and what they say; how each keeps its counts is its own.

The request id seen, the coupon used, the customer's count, the gap since the customer's last, the
offer's total. Only the standard library: each peer has an environment of its own.
"""

from datetime import datetime
from typing import Any

CUSTOMER_LIMIT, MIN_GAP_S, OFFER_LIMIT = 50, 0, 100_000_000
_REPEATED = ("request_id", "type", "occurred_at", "offer_id", "customer_id", "code", "till_id")


def moment(request: dict[str, Any]) -> float:
    """Seconds since 1970."""
    return datetime.fromisoformat(request["occurred_at"]).timestamp()


def refusal(used: bool, count: int, last: float | None, at: float, total: int) -> str | None:
    """The first rule that refuses. ``count``, ``last``: of the customer; ``total``: the offer's."""
    if used:
        return "coupon_redeemed"
    if count >= CUSTOMER_LIMIT:
        return "customer_limit_reached"
    if last is not None and at - last < MIN_GAP_S:
        return "gap_not_elapsed"
    return "offer_limit_reached" if total >= OFFER_LIMIT else None


def outcome(request: dict[str, Any], reason: str | None, total: int) -> dict[str, Any]:
    return {
        **{name: request[name] for name in _REPEATED},
        "outcome": "rejected" if reason else "accepted",
        "reason": reason,
        "bill": {name: request["bill"][name] for name in ("number", "amount", "currency")},
        "total": total,
    }
