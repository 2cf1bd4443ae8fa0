"""A request's content in 8 bytes, to tell a till's retry from another request of the same id."""

import hashlib
from typing import Any

import orjson


def fingerprint(*content: Any) -> bytes:
    """8 bytes for the normalised content, ``occurred_at`` left out: a retry may have a new one."""
    written = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(written, digest_size=8).digest()
