"""The description of the JSON interface is one, and describes the routes there are."""

from aiohttp import web
from openapi_spec_validator import validate

from state.ledger import Ledger
from streams.pages.api import Api
from streams.pages.openapi import described
from tests.unit.audit_story import SETTINGS

#: Of the server around the pages.
_BESIDE = {("get", "/health"), ("get", "/metrics")}


def test_it_is_an_openapi_document() -> None:
    validate(described())  # type: ignore[arg-type]


def test_every_route_is_described_and_no_other() -> None:
    application = web.Application()
    Api(SETTINGS, Ledger(SETTINGS.redis_url, "")).add_to(application.router)
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in application.router.routes()
        if route.resource is not None and route.method not in ("HEAD", "OPTIONS")
    }
    routes.discard(("get", "/openapi.json"))
    told = {(method, path) for path, methods in described()["paths"].items() for method in methods}
    assert told == routes | _BESIDE
