"""The worker's pages: offers for people, `/health` for the orchestrator, `/metrics` for graphs."""

import html
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
from aiohttp import web
from mode import Service
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from redis.exceptions import RedisError

from state.ledger import Ledger, LedgerAway
from streams.code_space import code_space
from streams.encryption import refused
from streams.guard import LIMITS, guarded
from streams.metrics import Metrics
from streams.restart import leave
from streams.settings import read_settings
from streams.summary import summary

_PAGE = """<!doctype html><meta charset=utf-8><title>Offers</title>
<style>body{{font:15px system-ui;margin:2em}}td,th{{padding:.3em .8em;text-align:left}}
td.n{{text-align:right}}tr:nth-child(even){{background:#f4f4f4}}</style>
<h1>Offers</h1><p>{count} offers</p>
<table><tr><th>Offer<th>Name<th>Expiry<th>Claimed by<th>Issued<th>Redeemed<th>Rate</tr>
{rows}</table>"""

_CODE_SPACES_S = 15.0


class Pages(Service):
    """Serves on ``port`` until stopped. ``ready`` says whether the worker decides."""

    def __init__(
        self, port: int, ledger: Ledger, metrics: Metrics, ready: Callable[[], str | None],
        **more: Any,
    ) -> None:  # fmt: skip
        super().__init__(**more)
        self._port, self._ledger, self._metrics, self._ready = port, ledger, metrics, ready
        self._look_again = 0.0

    async def on_start(self) -> None:
        await self._look_in()
        application = guarded(read_settings().operator_token)
        application.router.add_get("/", self._page)
        application.router.add_get("/offers", self._offers)
        application.router.add_get("/offers/{offer_id}", self._offer)
        application.router.add_get("/health", self._health)
        application.router.add_get("/metrics", self._figures)
        self._runner = web.AppRunner(application, access_log=None, **LIMITS)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, port=self._port, shutdown_timeout=1).start()
        except OSError as error:
            leave(
                f"The web pages can't use port {self._port} ({error.strerror}): another worker or "
                "program has it. Set REDEEMONCE_WEB_PORT to a free one for this worker."
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
        waiting_for = self._ready()
        body = {"status": "ready"} if waiting_for is None else {"status": waiting_for}
        return _json(body, 200 if waiting_for is None else 503)

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

    async def _offers(self, _: web.Request) -> web.Response:
        try:
            return _json(await self._summaries())
        except LedgerAway as away:
            return _json({"error": str(away)}, 503)

    async def _offer(self, request: web.Request) -> web.Response:
        try:
            fields = await self._ledger.in_thread(
                self._ledger.offer, request.match_info["offer_id"]
            )
        except LedgerAway as away:
            return _json({"error": str(away)}, 503)
        if not fields:
            return _json({"error": "no such offer"}, 404)
        return _json(summary(fields) | {"code_space": code_space(fields)})

    async def _page(self, _: web.Request) -> web.Response:
        try:
            offers = await self._summaries()
        except LedgerAway as away:
            return web.Response(text=str(away), status=503)
        rows = "\n".join(_row(offer) for offer in offers)
        page = _PAGE.format(count=len(offers), rows=rows)
        return web.Response(text=page, content_type="text/html")

    async def _summaries(self) -> list[dict[str, Any]]:
        _, changed = await self._ledger.in_thread(self._ledger.changed_offers)
        return [summary(fields) for fields in changed]


def _row(offer: dict[str, Any]) -> str:
    claim, expiry = offer["offer"]["claim"], offer["offer"]["expiry"]
    rate = offer["redemption_rate"]
    texts = [
        offer["offer_id"],
        offer["name"],
        expiry.get("at", "with campaign"),
        f"{claim['service']} {claim['holder']}" if claim else "",
    ]
    numbers = [offer["issued"], offer["redeemed"], "" if rate is None else f"{rate:.2%}"]
    cells = [f"<td>{html.escape(text)}" for text in texts]
    return "<tr>" + "".join(cells + [f"<td class=n>{number}" for number in numbers])


def _json(content: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(content), status=status, content_type="application/json")
