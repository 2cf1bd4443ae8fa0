"""An offer and how it is going, as the web pages and the commands show it."""

from typing import Any

import msgpack

from schemas.times import utc_moment
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
        **counts_of(fields),
        "created_at": utc_moment(int(fields[b"created_at"])),
        "created_by": fields[b"created_by"].decode(),
        "modified_at": utc_moment(int(fields[b"modified_at"])),
        "modified_by": fields[b"modified_by"].decode(),
        "offer": offer,
    }


def counts_of(fields: dict[bytes, bytes]) -> dict[str, Any]:
    """How an offer is going, of those fields of its hash that `Ledger.counts` reads."""
    issued, redeemed = total_issued(fields), int(fields.get(b"redeemed", 0))
    return {
        "issued": issued,
        "redeemed": redeemed,
        "redemption_rate": round(redeemed / issued, 6) if issued else None,
        "last_issued_at": _moment(fields.get(b"last_issued")),
        "last_redeemed_at": _moment(fields.get(b"last_redeemed")),
    }


def total_issued(fields: dict[bytes, bytes]) -> int:
    """How many coupons were issued. What a loss made nobody's counts in serials only."""
    return int(fields.get(b"issued", 0)) - int(fields.get(b"skipped", 0))


def _moment(milliseconds: bytes | None) -> str | None:
    return None if milliseconds is None else utc_moment(int(milliseconds))
