"""What holds for every web page, whoever adds one: who may change something, how much is taken."""

import hmac
from typing import Any

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from pydantic import SecretStr

from streams.encryption import revealed

#: Bytes. A search with a few hundred org entities is a tenth of that.
MAX_LINE_BYTES = MAX_FIELD_BYTES = 8_192
MAX_BODY_BYTES = 65_536
#: How the web server is made, so that nobody makes it read more than that.
LIMITS: dict[str, Any] = {
    "max_line_size": MAX_LINE_BYTES,
    "max_field_size": MAX_FIELD_BYTES,
    "lingering_time": 1.0,  # seconds in which a body that nobody reads is thrown away
}
_LOOKING = (hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS)
_HEADERS = {
    "Server": "redeemonce",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    # Nothing from elsewhere, and no script that isn't a file of ours: an offer's name is text.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; "
        "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
}


def guarded(operator_token: SecretStr | None) -> web.Application:
    """An application without pages yet. Whatever would change something needs the token:
    401 without it, 403 where none is set."""
    token = revealed(operator_token).encode()

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method not in _LOOKING:
            _let_in(request, token)
        if (request.content_length or 0) > MAX_BODY_BYTES:
            raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES, request.content_length or 0)
        return await handler(request)

    application = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[guard])
    application.on_response_prepare.append(_add_headers)
    return application


def _let_in(request: web.Request, token: bytes) -> None:
    if not token:
        raise web.HTTPForbidden(
            text="Nobody may change anything here: REDEEMONCE_OPERATOR_TOKEN is not set\n"
        )
    scheme, _, said = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    given = said.strip().encode(errors="surrogateescape")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given, token):
        raise web.HTTPUnauthorized(
            headers={hdrs.WWW_AUTHENTICATE: 'Bearer realm="redeemonce"'},
            text="This needs the operator's token: Authorization: Bearer …\n",
        )


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
