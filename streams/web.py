"""The worker's web server: pages for people, their JSON, `/health` for the orchestrator, `/metrics`
for graphs."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.resources import files
from typing import Any

import orjson
from aiohttp import web
from mode import Service
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from redis.exceptions import RedisError

from schemas.topics import REDEEM
from state.ledger import Ledger, LedgerAway
from streams.broker import BrokerError, look_up
from streams.code_space import code_space
from streams.encryption import refused
from streams.guard import LIMITS, guarded
from streams.metrics import Metrics
from streams.pages.api import Api, as_json
from streams.restart import leave
from streams.settings import Settings

_CODE_SPACES_S = 15.0
#: In which Kafka and Redis have to say that they are there: a probe doesn't wait for long.
_ANSWER_S = 2.0
_KINDS = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}


class Pages(Service):
    """Serves until stopped. ``ready`` says what the worker waits for, None where it decides."""

    def __init__(
        self, settings: Settings, ledger: Ledger, metrics: Metrics,
        ready: Callable[[], str | None], **more: Any,
    ) -> None:  # fmt: skip
        super().__init__(**more)
        self._settings, self._ledger = settings, ledger
        self._metrics, self._ready = metrics, ready
        self._look_again = 0.0
        folder = files("streams.pages") / "static"
        self._files = {one.name: one.read_bytes() for one in folder.iterdir()}

    async def on_start(self) -> None:
        await self._look_in()
        settings = self._settings
        application = guarded(settings.who_operates(), settings.pages_open)
        application.router.add_get("/", self._file)
        application.router.add_get("/pages/{name}", self._file)
        Api(settings, self._ledger).add_to(application.router)
        application.router.add_get("/health", self._health)
        application.router.add_get("/metrics", self._figures)
        self._runner = web.AppRunner(application, access_log=None, **LIMITS)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, port=settings.web_port, shutdown_timeout=1).start()
        except OSError as error:
            leave(
                f"The web pages can't use port {settings.web_port} ({error.strerror}): another "
                "worker or program has it. Set REDEEMONCE_WEB_PORT to a free one for this worker."
            )

    async def on_stop(self) -> None:
        await self._runner.cleanup()

    async def _look_in(self) -> None:
        """Before anything else: a Redis that refuses us is for people to mend, not to wait for."""
        try:
            await self._ledger.in_thread(self._ledger.is_open)
        except (LedgerAway, RedisError) as error:
            if refused(error):
                leave(f"Redis can't be used: {error.__cause__ or error}")

    async def _health(self, _: web.Request) -> web.Response:
        waiting_for = self._ready() or await self._missing()
        body = {"status": "ready"} if waiting_for is None else {"status": waiting_for}
        return as_json(body, 200 if waiting_for is None else 503)

    async def _missing(self) -> str | None:
        """What a worker that has begun can't decide without, and doesn't find now."""
        topic = self._settings.topic(REDEEM.requests)
        kafka = asyncio.to_thread(look_up, self._settings, topic, _ANSWER_S / 2)
        try:
            async with asyncio.timeout(_ANSWER_S):
                whole, _ = await asyncio.gather(self._ledger.in_thread(self._ledger.is_open), kafka)
        except TimeoutError:
            return f"waiting for Kafka or Redis, silent for {_ANSWER_S:g} s"
        except (BrokerError, LedgerAway) as away:
            return str(away)
        return None if whole else "waiting for a whole ledger"

    async def _figures(self, _: web.Request) -> web.Response:
        with suppress(LedgerAway):  # what the worker counts itself is shown in any case
            await self._look_at_code_spaces()
        return web.Response(
            body=generate_latest(self._metrics.registry),
            headers={"Content-Type": CONTENT_TYPE_LATEST},
        )

    async def _look_at_code_spaces(self) -> None:
        """Every so often, not at every scrape: it reads all offers."""
        if time.monotonic() < self._look_again:
            return
        self._look_again = time.monotonic() + _CODE_SPACES_S
        _, found = await self._ledger.in_thread(self._ledger.changed_offers)
        spaces = {
            orjson.loads(fields[b"definition"])["offer_id"]: code_space(fields) for fields in found
        }
        self._metrics.guessable(
            {
                offer_id: space["issued"] / space["possible"]
                for offer_id, space in spaces.items()
                if space and space["guessable"]
            }
        )

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info.get("name", "index.html")
        content = self._files.get(name)
        if content is None:
            raise web.HTTPNotFound
        kind = _KINDS[name.rpartition(".")[2]]
        return web.Response(body=content, content_type=kind, charset="utf-8")
