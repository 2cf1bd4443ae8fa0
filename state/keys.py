"""Names in Redis: every key of the ledger begins the same, under one hash tag.

What each key holds stands at the top of ``lua/prelude.lua``.
"""

from functools import lru_cache
from zlib import crc32

#: Which letter tells the lanes apart in the keys of remembered requests.
LANE_LETTERS = {"offers": b"o", "issue": b"i", "redeem": b"r", "revoke": b"k", "reminders": b"m"}


def base(prefix: str) -> str:
    """How all keys of an organisation's ledger begin. The braces keep it in one Cluster slot."""
    return f"{prefix}{{{prefix}ledger}}:"


def spread(name: bytes) -> bytes:
    """A key of a growing table: 4 bytes of hash that place it, then the name."""
    return crc32(name).to_bytes(4, "big") + name


def customer_key(number: int, customer_id: str) -> bytes:
    """One customer's record of the offer with this number."""
    return spread(b"%d:%s" % (number, customer_id.encode()))


def code_key(code: str) -> bytes:
    """An uploaded code, normalised."""
    return spread(code.encode())


def request_key(lane: str, offer: int | str, request_id: str) -> bytes:
    """A remembered request; ``offer`` is the offer's number, or its id where it may have none."""
    return request_scope(lane, offer) + request_id.encode()


@lru_cache(maxsize=65_536)
def request_scope(lane: str, offer: int | str) -> bytes:
    """How the names of one offer's requests begin."""
    return b"%s%s\0" % (LANE_LETTERS[lane], str(offer).encode())
