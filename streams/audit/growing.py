"""Where a growing table keeps a key: the same linear hashing that every look-up goes by."""

#: Entries for each bucket.
LOAD = 32


class Buckets:
    """Of a table with so many entries."""

    def __init__(self, entries: int) -> None:
        self.count = max(1, -(-entries // LOAD))
        self._level = 1 << (self.count.bit_length() - 1)

    def of(self, key: bytes) -> int:
        """In which a look-up of this key looks."""
        place = int.from_bytes(key[:4], "big")
        bucket = place % (2 * self._level)
        return bucket if bucket < self.count else place % self._level
