"""An offer and how it is going, as the web pages and the commands show it."""

from typing import Any

import msgpack

from schemas.times import utc_moment
from state.records import Counts, counts_of
from streams.offers import as_written


def summary(fields: dict[bytes, bytes]) -> dict[str, Any]:
    """An offer's hash as the JSON of `/offers`: what it is, and how it is going."""
    claim, stores = (
        msgpack.unpackb(fields[name]) if name in fields else None for name in (b"claim", b"stores")
    )
    offer = as_written(
        fields[b"definition"],
        fields[b"lead"].decode(),
        fields[b"offer_code"].decode(),
        claim,
        stores,
    )
    return {
        "offer_id": offer["offer_id"],
        "name": offer["name"],
        "version": int(fields[b"version"]),
        **going(counts_of(fields.get(b"counts"))),
        "created_at": utc_moment(int(fields[b"created_at"])),
        "created_by": fields[b"created_by"].decode(),
        "modified_at": utc_moment(int(fields[b"modified_at"])),
        "modified_by": fields[b"modified_by"].decode(),
        "offer": offer,
    }


def going(counts: Counts) -> dict[str, Any]:
    """How an offer is going."""
    issued = total_issued(counts)
    return {
        "issued": issued,
        "redeemed": counts.redeemed,
        "redemption_rate": round(counts.redeemed / issued, 6) if issued else None,
        "last_issued_at": _moment(counts.last_issued),
        "last_redeemed_at": _moment(counts.last_redeemed),
    }


def total_issued(counts: Counts) -> int:
    """How many coupons were issued. What a loss made nobody's counts in serials only."""
    return counts.issued - counts.skipped


def _moment(milliseconds: int | bool) -> str | None:
    return utc_moment(milliseconds) if milliseconds else None
