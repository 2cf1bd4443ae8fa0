"""The JSON behind the pages, and for anybody else; openapi.py describes it."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from aiohttp import web

from schemas.offers import Offer, errors_of
from schemas.publish import published
from schemas.reading import MAX_DEPTH, is_deeper
from schemas.requests import REQUESTS
from schemas.topics import REMIND, lane_of
from state.ledger import Ledger, LedgerAway
from state.records import counts_of
from streams.broker import BrokerError
from streams.code_space import code_space
from streams.guard import needs
from streams.history import history
from streams.operators import Operator, Role
from streams.pages.desk import MOST_REQUESTS, Conflict, Desk
from streams.pages.directory import BadQuery, Directory, Query, listed
from streams.pages.openapi import described
from streams.pages.tallies import told
from streams.settings import Settings
from streams.words import by_part, in_words

T = TypeVar("T")
#: Of lists and objects in a body: an offer that a worker would read, in a request, in a list.
_MOST_DEEP = MAX_DEPTH + 2
#: Workers remind by themselves.
_ASKED_FOR = [name for name in REQUESTS if lane_of(name) is not REMIND]


class Api:
    """Handlers, by what they show and what they change."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings, self._ledger = settings, ledger
        self._directory = Directory(ledger, settings.now_ms)
        self._desk = Desk(settings)

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/offers", self._offers)
        router.add_get("/offers/{offer_id}", self._offer)
        router.add_get("/offers/{offer_id}/history", self._history)
        router.add_get("/openapi.json", self._openapi)
        router.add_get("/api/me", self._me)
        router.add_get("/api/schema", self._schema)
        router.add_get("/api/proposals", self._proposals)
        router.add_post("/api/preview", self._preview)
        router.add_post("/api/requests", needs(Role.MANAGE, self._ask))
        router.add_post("/api/proposals", needs(Role.MANAGE, self._propose))
        router.add_post("/api/proposals/{offer_id}/approve", needs(Role.APPROVE, self._approve))
        router.add_post("/api/proposals/{offer_id}/withdraw", needs(Role.MANAGE, self._withdraw))

    async def _in_thread(self, call: Callable[..., T], *arguments: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._desk.threads, call, *arguments)

    # Looking -------------------------------------------------------------------------------------

    async def _offers(self, request: web.Request) -> web.Response:
        try:
            query = Query.of(request.query)
        except BadQuery as error:
            return as_json({"error": str(error)}, 400)
        try:
            found = await self._ledger.in_thread(self._directory.find, query)
        except LedgerAway as away:
            return as_json({"error": str(away)}, 503)
        answer = as_json(found.offers)
        answer.headers["X-Total-Count"] = str(found.total)
        return answer

    async def _offer(self, request: web.Request) -> web.Response:
        def look() -> dict[str, Any] | None:
            fields = self._ledger.offer(request.match_info["offer_id"])
            if not fields:
                return None
            one = listed(fields)
            offer = Offer.model_validate(one["offer"])
            return one | {
                "code_space": code_space(fields),
                "in_words": self._in_words(offer),
                "closed": bool(counts_of(fields.get(b"counts")).closed),
                "decided": told(self._ledger.tallies(int(fields[b"number"]))),
            }

        try:
            found = await self._ledger.in_thread(look)
        except LedgerAway as away:
            return as_json({"error": str(away)}, 503)
        return as_json({"error": "no such offer"}, 404) if found is None else as_json(found)

    def _in_words(self, offer: Offer) -> list[tuple[str, list[str]]]:
        return by_part(in_words(offer, self._settings.currency, self._settings.now_ms() // 1_000))

    async def _history(self, request: web.Request) -> web.Response:
        try:
            offer_id = request.match_info["offer_id"]
            return as_json(await self._in_thread(history, self._settings, offer_id))
        except BrokerError as error:
            return as_json({"error": str(error)}, 503)

    async def _me(self, request: web.Request) -> web.Response:
        operator: Operator | None = request["operator"]
        settings = self._settings
        return as_json(
            {
                "name": operator.name if operator else None,
                "roles": sorted(role.value for role in operator.roles) if operator else [],
                "approval": settings.approval,
                "currency": settings.currency,
                "time_zone": settings.time_zone,
                "pocs": settings.known_pocs,
            }
        )

    async def _schema(self, _: web.Request) -> web.Response:
        return as_json(published()["offer"])

    async def _openapi(self, _: web.Request) -> web.Response:
        return as_json(described())

    async def _proposals(self, _: web.Request) -> web.Response:
        return await self._answered(self._desk.proposals)

    # Changing ------------------------------------------------------------------------------------

    async def _preview(self, request: web.Request) -> web.Response:
        """What an offer says in words, or everything that is wrong with it."""
        content = await _read(request)
        offer, wrong = errors_of(content, self._settings.currency, self._settings.known_pocs)
        errors = [{"field": path, "error": sentence} for path, sentence in wrong]
        words = self._in_words(offer) if offer else []
        return as_json({"errors": errors, "in_words": words})

    async def _ask(self, request: web.Request) -> web.Response:
        """One request or a list of them, and what became of each."""
        content = await _read(request)
        wanted = content if isinstance(content, list) else [content]
        if len(wanted) > MOST_REQUESTS:
            return as_json({"error": f"more than {MOST_REQUESTS} requests"}, 400)
        for number, one in enumerate(wanted):
            if type(one) is not dict or one.get("type") not in _ASKED_FOR:
                text = f"request {number}: type: one of {', '.join(_ASKED_FOR)} is expected"
                return as_json({"error": text}, 400)
        return await self._answered(self._desk.ask, wanted, request["operator"])

    async def _propose(self, request: web.Request) -> web.Response:
        content = await _read(request)
        offer, wrong = errors_of(content, self._settings.currency, self._settings.known_pocs)
        if offer is None:
            errors = [{"field": path, "error": sentence} for path, sentence in wrong]
            return as_json({"error": "not an offer", "errors": errors}, 422)
        try:
            known = await self._ledger.in_thread(self._ledger.offer, offer.offer_id)
        except LedgerAway as away:
            return as_json({"error": str(away)}, 503)
        kind = "edit" if known else "create"
        return await self._answered(self._desk.propose, kind, content, request["operator"])

    async def _approve(self, request: web.Request) -> web.Response:
        digest, offer_id = _digest(await _read(request)), request.match_info["offer_id"]
        return await self._answered(self._desk.approve, offer_id, digest, request["operator"])

    async def _withdraw(self, request: web.Request) -> web.Response:
        digest, offer_id = _digest(await _read(request)), request.match_info["offer_id"]
        return await self._answered(self._desk.withdraw, offer_id, digest)

    async def _answered(self, call: Callable[..., Any], *arguments: Any) -> web.Response:
        try:
            return as_json(await self._in_thread(call, *arguments))
        except Conflict as conflict:
            return as_json({"error": str(conflict)}, 409)
        except (BrokerError, LedgerAway) as away:
            return as_json({"error": str(away)}, 503)


async def _read(request: web.Request) -> Any:
    try:
        content = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise _bad(f"not JSON: {error}") from None
    if is_deeper(content, _MOST_DEEP):
        raise _bad(f"nested more than {_MOST_DEEP} deep")
    return content


def _bad(error: str) -> web.HTTPBadRequest:
    said = orjson.dumps({"error": error}).decode()
    return web.HTTPBadRequest(text=said, content_type="application/json")


def _digest(content: Any) -> str:
    return str(content.get("digest")) if type(content) is dict else ""


def as_json(content: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(content), status=status, content_type="application/json")
