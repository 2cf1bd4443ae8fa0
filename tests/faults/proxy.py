"""A TCP proxy before a server: the network between workers and it, which can fail in many ways."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

_CHUNK = 1 << 16


@dataclass
class Trap:
    """Waits for one request of a kind; then it, or only its reply, is lost with the connection."""

    matches: Callable[[bytes], bool]
    loses: str  # "request" or "reply"
    sprung: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """Listens on ``port`` of this machine, and speaks to ``target``, another one."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._cut = False
        self._trap: Trap | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True, name="proxy").start()
        self.port: int = self._do(self._serve())

    def cut(self) -> None:
        """Every connection ends at once; new ones are refused."""
        self._cut = True
        self._do(self._drop_all())

    def stall(self) -> None:
        """Connections stay, and nothing comes through: as with a cable pulled out."""
        self._do(self._set(passing=False))

    def mend(self) -> None:
        self._cut = False
        self._do(self._set(passing=True))

    def point_to(self, target: int) -> None:
        """Speak to another server from now on."""
        self.target = target
        self._do(self._drop_all())

    def lay(self, trap: Trap) -> Trap:
        self._trap = trap
        return trap

    def close(self) -> None:
        self.cut()
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)

    # On the proxy's own thread -------------------------------------------------------------------

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _serve(self) -> int:
        self._passing = asyncio.Event()
        self._passing.set()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _set(self, passing: bool) -> None:
        if passing:
            self._passing.set()
        else:
            self._passing.clear()

    async def _drop_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _end(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        try:
            to_server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, to_server[1]}
        self._writers |= both
        losing: list[Trap] = []
        pumps = [
            asyncio.create_task(self._requests(reader, to_server[1], losing)),
            asyncio.create_task(self._replies(to_server[0], writer, losing)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass  # the proxy ends; a stream's server calls that an error
        finally:
            for each in both:
                each.transport.abort()
            for pump in pumps:
                pump.cancel()
            self._writers -= both
        await asyncio.gather(*pumps, return_exceptions=True)

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: list[Trap]
    ) -> None:
        while chunk := await reader.read(_CHUNK):
            await self._passing.wait()
            trap = self._trap
            if trap is not None and trap.matches(chunk):
                self._trap = None
                if trap.loses == "request":
                    trap.sprung.set()
                    return
                losing.append(trap)
            writer.write(chunk)
            await writer.drain()

    async def _replies(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: list[Trap]
    ) -> None:
        while chunk := await reader.read(_CHUNK):
            await self._passing.wait()
            if losing:
                losing[0].sprung.set()
                return
            writer.write(chunk)
            await writer.drain()


def kafka_request(api_key: int) -> Callable[[bytes], bool]:
    """Matches a request of Kafka's protocol: its frame begins with a length and that number."""
    return lambda chunk: chunk[4:6] == api_key.to_bytes(2, "big")


def script_call(chunk: bytes) -> bool:
    """Matches a call of a script in Redis."""
    return b"EVAL" in chunk[:64]
