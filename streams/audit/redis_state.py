"""The ledger as it lies in Redis: read plainly, apart from everything that decides."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import msgpack
import redis

from state import keys
from streams.audit.verdict import AuditError
from streams.settings import Settings

_KEYS_A_CALL = 250
_FIELDS_A_CALL = 5_000
_TIMEOUT_S = 30.0
#: Keys that stand alone; the others are a kind and what follows its colon.
SINGLE = {"open", "epoch", "layout", "restorer", "readers", "catalogue", "stamp", "numbers",
          "claims", "leads", "offer_codes", "campaigns", "sizes", "buckets", "planned",
          "calls"}  # fmt: skip


class RedisState:
    """Reads one organisation's ledger."""

    def __init__(self, settings: Settings) -> None:
        self.base = keys.base(settings.topic_prefix).encode()
        self._client: Any = redis.Redis.from_url(
            settings.redis_url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=5.0
        )

    def close(self) -> None:
        self._client.close()

    def names(self) -> dict[str, list[str]]:
        """Every key of the ledger: by its kind, what follows (for those alone: nothing)."""
        found: dict[str, list[str]] = defaultdict(list)
        pattern = b"".join(b"\\%c" % c if c in b"*?[]\\" else b"%c" % c for c in self.base)
        begin = len(self.base)
        try:
            for key in self._client.scan_iter(match=pattern + b"*", count=5_000):
                kind, _, rest = key[begin:].decode(errors="replace").partition(":")
                found[kind].append(rest)
        except redis.exceptions.RedisError as error:
            raise _away(error) from error
        return found

    def number(self, name: str) -> int:
        """A counter; 0 where there is none."""
        return int(self._call("GET", name) or 0)

    def hash(self, name: str) -> dict[bytes, bytes]:
        return dict(self._call("HGETALL", name))

    def strings(self, names: Iterable[str]) -> dict[str, bytes]:
        """Of these keys, what is there."""
        wanted = list(names)
        found = self._pipelined("GET", ((name,) for name in wanted))
        return {name: value for name, value in zip(wanted, found, strict=True) if value is not None}

    def members(self, name: str) -> set[str]:
        """Of a sorted set."""
        return {member.decode() for member in self._call("ZRANGE", name, 0, -1)}

    def sets(self, names: Iterable[str]) -> Iterator[tuple[str, set[str]]]:
        """Sets by their names."""
        for name in names:
            yield name, {member.decode() for member in self._call("SMEMBERS", name)}

    def applied(self, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Of (lane, partition): below which offset all requests are decided, 0 where none was."""
        wanted = list(places)
        found = self._pipelined(
            "HGET", ((f"chain:{lane}:{partition}", "applied") for lane, partition in wanted)
        )
        return {place: int(applied or 0) for place, applied in zip(wanted, found, strict=True)}

    def hashes(self, names: Iterable[str]) -> Iterator[tuple[str, dict[bytes, bytes]]]:
        """Hashes by their names, many in one round trip."""
        chunk: list[str] = []
        for name in names:
            chunk.append(name)
            if len(chunk) == _KEYS_A_CALL:
                yield from zip(chunk, self._hashes(chunk), strict=True)
                chunk = []
        yield from zip(chunk, self._hashes(chunk), strict=True)

    def _hashes(self, names: list[str]) -> list[dict[bytes, bytes]]:
        return self._pipelined("HGETALL", ((name,) for name in names)) if names else []

    def scanned(self, name: str) -> Iterator[dict[bytes, bytes]]:
        """A hash of any size, some thousand fields at a time; some may come twice."""
        cursor: Any = None
        while cursor != 0:
            cursor, fields = self._call("HSCAN", name, cursor or 0, "COUNT", _FIELDS_A_CALL)
            yield fields

    def size(self, name: str) -> int:
        """How many fields a hash has."""
        return int(self._call("HLEN", name))

    def _call(self, command: str, name: str, *more: Any) -> Any:
        return self._pipelined(command, [(name, *more)])[0]

    def _pipelined(self, command: str, calls: Iterable[tuple[Any, ...]]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for name, *more in calls:
            pipeline.execute_command(command, self.base + name.encode(), *more)
        try:
            return list(pipeline.execute())
        except redis.exceptions.RedisError as error:
            raise _away(error) from error


def unpacked(packed: bytes) -> Any:
    """A field as the ledger writes it."""
    return msgpack.unpackb(packed)


def _away(error: Exception) -> AuditError:
    return AuditError(f"Redis can't be read: {error}")
