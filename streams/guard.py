"""What holds for every web page, whoever adds one: who may change something, how much is taken."""

from typing import Any

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from streams.operators import Operator, Operators, Role

#: Bytes. A search with a few hundred org entities is a tenth of that.
MAX_LINE_BYTES = MAX_FIELD_BYTES = 8_192
MAX_BODY_BYTES = 65_536
#: How the web server is made, so that nobody makes it read more than that.
LIMITS: dict[str, Any] = {
    "max_line_size": MAX_LINE_BYTES,
    "max_field_size": MAX_FIELD_BYTES,
    "lingering_time": 1.0,  # seconds in which a body that nobody reads is thrown away
}
#: What orchestrators and browsers ask for before anybody has said who they are.
_PUBLIC = ("/", "/health", "/metrics")
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


def guarded(operators: Operators, open_to_all: bool = True) -> web.Application:
    """An application without pages yet. Whatever would change something needs a token: 401 without
    a right one, 403 where nobody has any. Who it is stands in the request as ``operator``.

    ``open_to_all``: looking needs none.
    """

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        changes = request.method not in _LOOKING
        request["operator"] = operators.who(request.headers.get(hdrs.AUTHORIZATION, ""))
        if changes and not operators:
            raise web.HTTPForbidden(
                text="Nobody may change anything here: REDEEMONCE_OPERATOR_TOKEN is not set\n"
            )
        public = request.path in _PUBLIC or request.path.startswith("/pages/")
        needed = changes or not (open_to_all or public)
        if needed and request["operator"] is None:
            raise web.HTTPUnauthorized(
                headers={hdrs.WWW_AUTHENTICATE: 'Bearer realm="redeemonce"'},
                text="This needs an operator's token: Authorization: Bearer …\n",
            )
        if (request.content_length or 0) > MAX_BODY_BYTES:
            raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES, request.content_length or 0)
        return await handler(request)

    application = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[guard])
    application.on_response_prepare.append(_add_headers)
    return application


def needs(role: Role, handler: Handler) -> Handler:
    """The handler, for those who have the role; 403 for others."""

    async def checked(request: web.Request) -> web.StreamResponse:
        operator: Operator | None = request["operator"]
        if operator is None or not operator.may(role):
            raise web.HTTPForbidden(text=f"This needs the role {role.value}\n")
        return await handler(request)

    return checked


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
