"""Calls of Redis by whoever reads or writes the ledger, and how they fail."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import msgpack
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from state import keys
from state.connecting import TIMEOUT_S, first_words

T = TypeVar("T")
#: Errors of a server that may get over them: decide nothing, ask again.
_PASSING = (
    "OOM", "MISCONF", "READONLY", "LOADING", "NOREPLICAS", "MASTERDOWN", "TRYAGAIN", "BUSY",
    "NOSCRIPT",
)  # fmt: skip


class LedgerError(Exception):
    """The ledger did not decide."""


class LedgerAway(LedgerError):
    """Redis doesn't answer, or can't write. Ask again: a call that was applied answers the same."""


class Closed(LedgerError):
    """This server isn't the one that restore opened last, or nobody opened it."""


class Fenced(LedgerError):
    """Another worker has claimed the partition since."""


class Behind(LedgerError):
    """Redis lost writes: it knows less than Kafka has committed, or half of an offer. The ledger is
    closed now."""


class Stale(LedgerError):
    """An offer changed since the batch was judged: read it and judge again."""


class Decided(NamedTuple):
    """A decision as the ledger gave it: see `state.layout.Decision` and what follows there."""

    replayed: bool
    content: list[Any]


def decided(packed: bytes) -> Decided:
    # Not by the constructor of a NamedTuple: a Python function, it takes twice as long.
    if packed[:1] == b"1":
        return tuple.__new__(Decided, (True, msgpack.unpackb(packed[1:])))
    return tuple.__new__(Decided, (False, msgpack.unpackb(packed)))


class Calls:
    """A connection to one organisation's ledger, and a thread on which its calls may be made."""

    def __init__(self, url: str, prefix: str) -> None:
        self.client: Any = redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
            redis_connect_func=first_words,
        )
        self.base = keys.base(prefix)
        self._pack = msgpack.Packer(use_bin_type=False, autoreset=True).pack
        self._thread = ThreadPoolExecutor(1, "ledger")

    def in_thread(self, call: Callable[..., T], *arguments: Any) -> "asyncio.Future[T]":
        """Start one of the blocking calls; they are answered in their order."""
        return asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)

    def _answered(self, call: Callable[[], T]) -> T:
        with errors_of_redis():
            return call()


@contextmanager
def errors_of_redis() -> Iterator[None]:
    """Those that may pass are `LedgerAway`."""
    try:
        yield
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError) as error:
        raise LedgerAway(f"Redis doesn't answer: {error}") from error
    except TimeoutError as error:
        raise LedgerAway(f"Redis doesn't answer within {TIMEOUT_S:.0f} s") from error
    except redis.exceptions.ResponseError as error:
        code, _, words = str(error).partition(" ")
        if error.status_code is not None:  # the client knows this one, and has taken it off
            code, words = error.status_code, str(error)
        if code.rstrip(":") in _PASSING:
            raise LedgerAway(f"Redis can't write: {code} {words}") from error
        raise
