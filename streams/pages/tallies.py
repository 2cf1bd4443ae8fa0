"""What was decided of an offer, as its page shows it."""

from collections import Counter
from typing import Any

from schemas.times import written_day
from schemas.topics import OFFERS, REVOKE

#: What a customer or till was refused, rather than somebody who manages the offer.
_REFUSED = ("issue", "resend", "redeem", "reverse")
#: What its history lists.
_CHANGES = (*OFFERS.types, *REVOKE.types)


def told(tallies: dict[tuple[int, str, str], int]) -> dict[str, Any]:
    """``refused``: by type and reason, the most frequent first; ``by_day``: issues, redemptions and
    reversals of each day on which there were any; ``changes``: how many there are in its history,
    so that who shows that knows when to read it again."""
    refused: Counter[tuple[str, str]] = Counter()
    by_day: dict[int, dict[str, int]] = {}
    changes = 0
    for (day, kind, result), count in tallies.items():
        if result != "accepted":
            if kind in _REFUSED:
                refused[kind, result] += count
        elif kind in ("issue", "redeem", "reverse"):
            by_day.setdefault(day, {"issue": 0, "redeem": 0, "reverse": 0})[kind] += count
        elif kind in _CHANGES:
            changes += count
    return {
        "refused": [
            {"type": kind, "reason": reason, "count": count}
            for (kind, reason), count in refused.most_common()
        ],
        "by_day": [{"day": written_day(day), **by_day[day]} for day in sorted(by_day)],
        "changes": changes,
    }
