"""Where a growing table keeps a key: the same linear hashing that every look-up goes by."""

from collections.abc import Mapping

#: Entries for each bucket.
LOAD = 32


class Buckets:
    """Of a table with so many of them; without a count, of one with so many entries."""

    def __init__(self, entries: int, count: int | None = None) -> None:
        self.count = count or max(1, -(-entries // LOAD))
        self._level = 1 << (self.count.bit_length() - 1)

    def of(self, key: bytes) -> int:
        """In which a look-up of this key looks."""
        place = int.from_bytes(key[:4], "big")
        bucket = place % (2 * self._level)
        return bucket if bucket < self.count else place % self._level


class Tables:
    """What `sizes` and `buckets` say of the tables that grow."""

    def __init__(self, sizes: Mapping[bytes, bytes], counts: Mapping[bytes, bytes]) -> None:
        self._sizes, self._counts = sizes, counts

    def entries(self, name: str) -> int:
        return int(self._sizes.get(name.encode(), 0))

    def buckets(self, name: str) -> Buckets:
        return Buckets(self.entries(name), int(self._counts.get(name.encode(), 0)))
