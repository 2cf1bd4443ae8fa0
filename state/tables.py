"""Growing tables of the ledger (linear hashing), as `lua/tables.lua` has them, and the generations
in which it remembers requests."""

from collections.abc import Callable

#: The name of the bucket in which a key lies.
BucketOf = Callable[[bytes], bytes]


def buckets_of(name: bytes, count: int) -> BucketOf:
    """Of a table with this full name and so many buckets.

    A key begins with 4 bytes of hash, see `state.keys.spread`.
    """
    level = 1 << (count.bit_length() - 1)

    def bucket_of(key: bytes) -> bytes:
        place = int.from_bytes(key[:4], "big") & (2 * level - 1)
        return b"%s:%d" % (name, place if place < count else place & (level - 1))

    return bucket_of


def generation_of(moment: int, memory_days: int) -> int:
    """In which a request decided at that moment (milliseconds since 1970) is remembered."""
    return moment // (memory_days * 86_400_000)


def remembered_at(moment: int, memory_days: int) -> range:
    """The generations that a worker looks into: its clock may be behind another's."""
    present = generation_of(moment, memory_days)
    return range(present - 1, present + 2)


def seconds_to_live(memory_days: int) -> int:
    """Of a generation, once it is written to."""
    return (2 * memory_days + 1) * 86_400
