"""The OpenAPI description of the JSON interface."""

from typing import Any

from schemas.publish import published

_SERVICES = ["outbound", "dvs", "timeline", "loyalty", "third_party"]


def described() -> dict[str, Any]:
    """An OpenAPI 3.1 document; schemas of offers and requests are those of `docs/schemas.json`."""
    schemas = published()
    definitions: dict[str, Any] = {}
    offer = _moved(schemas["offer"], "Offer", definitions)
    requests = [_moved(one, name, definitions) for name, one in schemas["requests"].items()]
    return {
        "openapi": "3.1.0",
        "info": {"title": "redeemonce", "version": "1"},
        "paths": {
            "/offers": {"get": _get("Offers as they are now", _list_of("Summary"), _FILTERS)},
            "/offers/{offer_id}": {
                "get": _get("One offer: what it is, and how it is going", _ref("Details"), [_ID])
            },
            "/offers/{offer_id}/history": {
                "get": _get("Who changed what and when", {"type": "array"}, [_ID])
            },
            "/api/me": {"get": _get("Whose token this is, and what they may do", {})},
            "/api/schema": {"get": _get("The JSON Schema of an offer", {})},
            "/api/proposals": {
                "get": _get("Offers that wait for approval", {"type": "array"}),
                "post": _post("Propose an offer, or an edit of one", offer),
            },
            "/api/proposals/{offer_id}/approve": {
                "post": _post("Let what somebody else proposed take effect", _DIGEST, [_ID])
            },
            "/api/proposals/{offer_id}/withdraw": {
                "post": _post("Give a proposal up", _DIGEST, [_ID])
            },
            "/api/preview": {"post": _post("An offer in words, or what is wrong with it", offer)},
            "/api/requests": {
                "post": _post(
                    "Send requests through their topics, and wait for their outcomes",
                    {"oneOf": [*requests, {"type": "array", "items": {"oneOf": requests}}]},
                )
            },
            "/health": {"get": _get("200: the worker decides; 503: what it waits for", {})},
            "/metrics": {"get": {"summary": "For Prometheus", "responses": _said({})}},
        },
        "components": {
            "schemas": definitions | {"Summary": _SUMMARY, "Details": _DETAILS},
            "securitySchemes": {"operator": {"type": "http", "scheme": "bearer"}},
        },
    }


def _moved(schema: dict[str, Any], name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """A reference to a schema whose own definitions stand among all others."""
    inner = {key: part for key, part in schema.items() if key != "$defs"}
    definitions |= {
        f"{name}.{key}": _rewritten(part, name) for key, part in schema.get("$defs", {}).items()
    }
    definitions[name] = _rewritten(inner, name)
    return _ref(name)


def _rewritten(part: Any, name: str) -> Any:
    if isinstance(part, dict):
        return {key: _rewritten(inner, name) for key, inner in part.items()}
    if isinstance(part, list):
        return [_rewritten(inner, name) for inner in part]
    if isinstance(part, str) and part.startswith("#/$defs/"):
        return f"#/components/schemas/{name}.{part.removeprefix('#/$defs/')}"
    return part


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _list_of(name: str) -> dict[str, Any]:
    return {"type": "array", "items": _ref(name)}


def _said(schema: dict[str, Any]) -> dict[str, Any]:
    return {"200": {"description": "OK", "content": {"application/json": {"schema": schema}}}}


def _get(summary: str, schema: dict[str, Any], parameters: Any = ()) -> dict[str, Any]:
    return {"summary": summary, "parameters": list(parameters), "responses": _said(schema)}


def _post(summary: str, body: dict[str, Any], parameters: Any = ()) -> dict[str, Any]:
    return {
        "summary": summary,
        "parameters": list(parameters),
        "security": [{"operator": []}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": _said({})
        | {
            "401": {"description": "no right token"},
            "403": {"description": "another role is needed"},
            "409": {"description": "somebody else was faster, or has to do it"},
            "503": {"description": "Kafka or Redis doesn't answer"},
        },
    }


def _query(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


_ID = {"name": "offer_id", "in": "path", "required": True, "schema": {"type": "string"}}
_DIGEST = {
    "type": "object",
    "required": ["digest"],
    "properties": {"digest": {"type": "string", "description": "of the proposal looked at"}},
}
_FILTERS = [
    _query("search", "part of the name or id, in any case", type="string"),
    _query("active", "only offers that have not ended", type="boolean"),
    _query("sort", "the newest first", type="string", enum=["created", "modified"]),
    _query("org_entity_type", "one type a request", type="string",
           enum=["till", "store", "zone", "concept"]),
    _query("org_entity_ids", "commas between; offers tagged with one of them", type="string"),
    _query("created_in", "offers made inside this service", type="string", enum=_SERVICES),
    _query("limit", "of how many", type="integer"),
    _query("offset", "after how many", type="integer"),
]  # fmt: skip
_TEXT, _NUMBER = {"type": "string"}, {"type": "integer"}
_MAYBE = {"type": ["string", "null"]}
_SUMMARY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "offer_id": _TEXT, "name": _TEXT, "version": _NUMBER, "issued": _NUMBER,
        "redeemed": _NUMBER, "redemption_rate": {"type": ["number", "null"]},
        "last_issued_at": _MAYBE, "last_redeemed_at": _MAYBE, "created_at": _TEXT,
        "created_by": _TEXT, "modified_at": _TEXT, "modified_by": _TEXT, "discount": _TEXT,
        "expiry": _TEXT, "claimed_by": _MAYBE, "ends": {"type": ["integer", "null"]},
        "offer": {"$ref": "#/components/schemas/Offer"},
    },
}  # fmt: skip
_DETAILS: dict[str, Any] = {
    "allOf": [
        {"$ref": "#/components/schemas/Summary"},
        {
            "type": "object",
            "properties": {
                "code_space": {"type": ["object", "null"]},
                "in_words": {"type": "array"},
                "closed": {
                    "type": "boolean",
                    "description": "What wasn't issued is revoked, so nothing more is",
                },
                "decided": {"type": "object"},
            },
        },
    ]
}
