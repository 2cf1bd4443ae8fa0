"""Calls of scripts, each sent before those before it are answered."""

import asyncio
from contextlib import suppress
from typing import Any

from redis.asyncio.connection import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, NoScriptError, ResponseError

from state.connecting import TIMEOUT_S, first_words_async
from state.scripts import Script


class Ahead:
    """A connection that somebody alone sends on. The next call lies in Redis' socket while it works
    on this one, so that it never waits for a thread of ours. A connection that fails does so for
    all that wait on it; the next call makes another."""

    def __init__(self, url: str) -> None:
        self._pool: Any = ConnectionPool.from_url(
            url,
            socket_timeout=None,  # how long a call may take is said below
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
            redis_connect_func=first_words_async,
        )
        self._connection: Any = None
        self._reading = asyncio.Lock()  # who waits for it gets it in the order of the calls
        self._unanswered = 0
        self._known: set[str] = set()  # scripts that the server has had on this connection

    async def ask(self, script: Script, base: str, *arguments: bytes) -> "asyncio.Future[Any]":
        """Send a call. The future has its answer, or redis' error, or TimeoutError."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                connection = await self._send(script, base, *arguments)
        except Exception as error:
            failed: asyncio.Future[Any] = loop.create_future()
            failed.set_exception(error)
            return failed
        self._unanswered += 1
        return loop.create_task(self._answer(connection, script))

    async def _send(self, script: Script, *arguments: Any) -> Any:
        connection = self._connection
        if connection is None or await self._has_ended(connection):
            connection = self._connection = self._pool.make_connection()
            self._known.clear()
            await connection.connect()
        call = ("EVALSHA", script.sha) if script.sha in self._known else ("EVAL", script.text)
        packed = connection.pack_command(*call, 1, *arguments)
        await connection.send_packed_command(packed, check_health=False)
        self._known.add(script.sha)
        return connection

    async def _has_ended(self, connection: Any) -> bool:
        """Also where the server, or what stands before it, ended it while nobody asked anything."""
        if connection.is_connected and not self._unanswered:
            with suppress(ConnectionError):
                if await connection.can_read():
                    await connection.disconnect(nowait=True)
        return not connection.is_connected

    async def _answer(self, connection: Any, script: Script) -> Any:
        try:
            async with self._reading, asyncio.timeout(TIMEOUT_S):
                return await connection.read_response()
        except NoScriptError:  # somebody had them all forgotten
            self._known.discard(script.sha)
            raise
        except ResponseError:
            raise
        except BaseException:  # or the next one would read this answer as its own
            await connection.disconnect(nowait=True)
            raise
        finally:
            self._unanswered -= 1
