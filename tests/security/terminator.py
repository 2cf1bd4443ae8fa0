"""TLS in front of a server that was built without it: as people put stunnel there."""

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path
from threading import Thread


class Terminator:
    """Listens with the folder's server certificate, asks for a client's, and passes bytes on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "Terminator":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def listen(self, port: int, to_port: int) -> None:
        context = ssl.create_default_context(
            ssl.Purpose.CLIENT_AUTH, cafile=self._folder / "ours-ca.crt"
        )
        context.load_cert_chain(self._folder / "server.crt", self._folder / "server.key")
        context.verify_mode = ssl.CERT_REQUIRED

        async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            inside = await asyncio.open_connection("127.0.0.1", to_port)
            await asyncio.gather(_pass(reader, inside[1]), _pass(inside[0], writer))

        async def begin() -> None:
            await asyncio.start_server(passed_on, "127.0.0.1", port, ssl=context)

        asyncio.run_coroutine_threadsafe(begin(), self._loop).result(10)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while said := await reader.read(65_536):
            writer.write(said)
            await writer.drain()
    writer.close()
