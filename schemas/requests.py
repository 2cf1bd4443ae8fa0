"""Requests, as tills and services send them, and how bytes become one."""

import json
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired

import orjson
from pydantic import (
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    with_config,
)
from typing_extensions import TypedDict

from schemas.codes import normalise, why_no_code
from schemas.money import MONEY_PATTERN, to_minor
from schemas.times import MOMENT_PATTERN, to_second
from schemas.topics import MAX_RECORD_BYTES, MAX_REQUEST_BYTES

REQUEST_ID_PATTERN = r"^[\x20-\x7e]{1,64}$"
CURRENCY_PATTERN = r"^[A-Z]{3}$"
RequestId = Annotated[
    str,
    StringConstraints(pattern=REQUEST_ID_PATTERN),
    Field(description="1 to 64 printable ASCII characters; a retry sends the same"),
]
Id = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Text = Annotated[str, StringConstraints(max_length=256)]
Money = Annotated[str, StringConstraints(pattern=MONEY_PATTERN), Field(examples=["1499.00"])]
Moment = Annotated[
    str, StringConstraints(pattern=MOMENT_PATTERN), Field(examples=["2026-11-21T18:04:11+05:30"])
]
Service = Literal["outbound", "dvs", "timeline", "loyalty", "third_party"]

#: Items of a list at the most: as many as a request of the largest size has room for, so that one
#: that is allowed is never refused. `fail_fast`: the first wrong item is said, not 100,000 of them.
MAX_LINES = MAX_REQUEST_BYTES // len('{"sku":"S","amount":"1"},')
MAX_LISTED = MAX_REQUEST_BYTES // len('"",')

_STRICT = ConfigDict(strict=True, extra="ignore")


@with_config(_STRICT)
class BillLine(TypedDict):
    sku: Id
    category: NotRequired[Text | None]
    brand: NotRequired[Text | None]
    quantity: NotRequired[Annotated[float, Field(ge=0, allow_inf_nan=False)]]
    amount: Annotated[Money, Field(description="the line's total, not its price")]
    on_sale: NotRequired[bool]


@with_config(_STRICT)
class Bill(TypedDict):
    number: Id
    amount: Money
    currency: Annotated[str, StringConstraints(pattern=CURRENCY_PATTERN)]
    lines: NotRequired[
        Annotated[list[BillLine], Field(max_length=MAX_LINES, fail_fast=True)] | None
    ]


@with_config(_STRICT)
class Issue(TypedDict):
    type: Literal["issue"]
    request_id: RequestId
    offer_id: Id
    customer_id: Id
    service: Service
    holder: Id
    occurred_at: Moment


@with_config(_STRICT)
class Resend(TypedDict):
    type: Literal["resend"]
    request_id: RequestId
    offer_id: Id
    customer_id: Id
    occurred_at: Moment


@with_config(_STRICT)
class Redeem(TypedDict):
    type: Literal["redeem", "validate"]
    request_id: RequestId
    code: Id
    customer_id: NotRequired[Id | None]
    customer_tags: NotRequired[
        Annotated[list[Text], Field(max_length=MAX_LISTED, fail_fast=True)] | None
    ]
    till_id: Id
    bill: Bill
    occurred_at: Moment


@with_config(_STRICT)
class Reverse(TypedDict):
    type: Literal["reverse"]
    request_id: RequestId
    redemption_id: RequestId
    code: Id
    customer_id: NotRequired[Id | None]
    till_id: NotRequired[Id | None]
    occurred_at: Moment


@with_config(_STRICT)
class Revoke(TypedDict):
    type: Literal["revoke"]
    request_id: RequestId
    offer_id: Id
    scope: Literal["unredeemed", "unissued", "customers"]
    customer_ids: NotRequired[
        Annotated[list[Id], Field(max_length=MAX_LISTED, fail_fast=True)] | None
    ]
    occurred_at: Moment


@with_config(_STRICT)
class OfferChange(TypedDict):
    """Create or edit: the offer is judged by `schemas.offers`, not here, to answer in full."""

    type: Literal["create", "edit"]
    request_id: RequestId
    offer_id: Id
    actor: Text
    offer: dict[str, Any]
    occurred_at: Moment


@with_config(_STRICT)
class Claim(TypedDict):
    type: Literal["claim"]
    request_id: RequestId
    offer_id: Id
    actor: Text
    service: Service
    holder: Id
    ends_at: NotRequired[Moment | None]
    occurred_at: Moment


Part = Annotated[int, Field(ge=1, le=100_000)]
#: Items of one part of an upload at the most.
MAX_ITEMS = 10_000


class UploadedCode(TypedDict):
    code: Id
    customer_id: NotRequired[Id | None]


@with_config(_STRICT)
class UploadCodes(TypedDict):
    """Codes for an offer; they are there with the last part, beside those that were."""

    type: Literal["upload_codes"]
    request_id: RequestId
    offer_id: Id
    actor: Text
    part: Part
    parts: Part
    codes: Annotated[list[UploadedCode], Field(max_length=MAX_ITEMS, fail_fast=True)]
    occurred_at: Moment


@with_config(_STRICT)
class SetAudience(TypedDict):
    """The customers an offer may be issued to, in place of those before."""

    type: Literal["set_audience"]
    request_id: RequestId
    offer_id: Id
    actor: Text
    part: Part
    parts: Part
    customer_ids: Annotated[list[Id], Field(max_length=MAX_ITEMS, fail_fast=True)]
    occurred_at: Moment


@with_config(_STRICT)
class SetStores(TypedDict):
    """The stores where an offer is redeemed, in place of those before."""

    type: Literal["set_stores"]
    request_id: RequestId
    offer_id: Id
    actor: Text
    part: Part
    parts: Part
    store_ids: Annotated[list[Id], Field(max_length=MAX_ITEMS, fail_fast=True)]
    occurred_at: Moment


@with_config(_STRICT)
class Export(TypedDict):
    """The offer's next codes, issued without a recipient."""

    type: Literal["export"]
    request_id: RequestId
    offer_id: Id
    actor: Text
    count: Annotated[int, Field(ge=1, le=1_000_000_000)]
    occurred_at: Moment


REQUESTS: dict[str, Any] = {
    "issue": Issue,
    "resend": Resend,
    "redeem": Redeem,
    "validate": Redeem,
    "reverse": Reverse,
    "revoke": Revoke,
    "create": OfferChange,
    "edit": OfferChange,
    "claim": Claim,
    "export": Export,
    "upload_codes": UploadCodes,
    "set_audience": SetAudience,
    "set_stores": SetStores,
}
_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    shape: TypeAdapter(shape) for shape in set(REQUESTS.values())
}
_VALIDATE = {name: _ADAPTERS[shape].validator.validate_python for name, shape in REQUESTS.items()}
_REQUEST_ID = re.compile(REQUEST_ID_PATTERN)
_DETAIL_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes that are no request. ``request_id`` and ``type`` are given where they could be read."""

    detail: str
    request_id: str | None = None
    type: str | None = None


def json_schemas() -> dict[str, Any]:
    """JSON Schema of every request type, by its name."""
    return {name: _ADAPTERS[shape].json_schema() for name, shape in REQUESTS.items()}


class Reader:
    """Reads the requests of one lane: types it carries, amounts in the organisation's currency."""

    def __init__(self, types: tuple[str, ...], currency: str, decimals: int) -> None:
        self._validate = {name: _VALIDATE[name] for name in types}
        self._currency, self._decimals = currency, decimals

    def read(self, value: bytes | None) -> dict[str, Any] | Unreadable:
        """A request as a dict of its known fields, ``second`` and (redeem) ``amount_minor`` added,
        a code normalised.

        Whatever is wrong comes back as an `Unreadable` whose detail begins with the field.
        """
        size = len(value or b"")
        if size > MAX_RECORD_BYTES:  # of no topic that was made with the registry's settings
            return Unreadable(_too_large(size))
        try:
            found = orjson.loads(value or b"")
        except orjson.JSONDecodeError as error:
            return _not_json(value or b"", str(error))
        if type(found) is not dict:
            return Unreadable("not a request: a JSON object is expected")
        kind = found.get("type")
        validate = self._validate.get(kind) if type(kind) is str else None
        if validate is None:
            return _unreadable(
                found, f"type: {_shown(kind)} is not one of {', '.join(self._validate)}"
            )
        try:
            request: dict[str, Any] = validate(found)
            request["second"] = to_second(request["occurred_at"])
            if "code" in request:
                request["code"] = normalise(request["code"])
            if "bill" in request:
                self._read_amounts(request)
        except ValidationError as error:
            return _unreadable(found, first_error(error))
        except _Wrong as error:
            return _unreadable(found, str(error))
        except (ValueError, OverflowError) as error:
            return _unreadable(found, f"occurred_at: {error}")
        wrong = None
        if size > MAX_REQUEST_BYTES:
            wrong = _too_large(size)
        elif kind in _CONTRADICTABLE:
            wrong = _contradiction(request)
        return request if wrong is None else _unreadable(found, wrong)

    def _read_amounts(self, request: dict[str, Any]) -> None:
        bill = request["bill"]
        if bill["currency"] != self._currency:
            raise _Wrong(
                f"bill.currency: {bill['currency']} is not the organisation's {self._currency}"
            )
        request["amount_minor"] = self._minor(bill["amount"], "bill.amount")
        lines = bill.get("lines")
        if lines:
            request["line_minors"] = [
                self._minor(line["amount"], f"bill.lines.{i}.amount")
                for i, line in enumerate(lines)
            ]

    def _minor(self, amount: str, field: str) -> int:
        try:
            return to_minor(amount, self._decimals)
        except ValueError as error:
            raise _Wrong(f"{field}: {error}") from None


#: Types with fields that are right by themselves and may be wrong together.
_CONTRADICTABLE = {"revoke", "upload_codes", "set_audience", "set_stores"}


def _contradiction(request: dict[str, Any]) -> str | None:
    """What is wrong between fields that are right by themselves."""
    customers_named = request["type"] != "revoke" or request.get("customer_ids")
    if request.get("scope") == "customers" and not customers_named:
        return "customer_ids: the scope 'customers' needs at least one"
    if request.get("part", 1) > request.get("parts", 1):
        return f"part: {request['part']} is more than the {request['parts']} parts there are"
    for i, item in enumerate(request.get("codes", ())):
        if (why := why_no_code(item["code"])) is not None:
            return f"codes.{i}.code: {why}"
    return None


def _too_large(size: int) -> str:
    return f"request: {size:,} bytes are more than the {MAX_REQUEST_BYTES:,} that are allowed"


class _Wrong(Exception):
    """A field that is wrong in a way pydantic doesn't see."""


#: What a pattern means, in words.
_MEANING = {
    MONEY_PATTERN: "a decimal string such as '1499.00' is expected",
    MOMENT_PATTERN: "a moment with offset such as '2026-11-21T10:00:00+05:30' is expected",
    CURRENCY_PATTERN: "three capital letters such as 'INR' are expected",
    REQUEST_ID_PATTERN: "1 to 64 printable ASCII characters are expected",
}


def explain(error: Any) -> str:
    """One of pydantic's errors in words that name what is expected."""
    return _MEANING.get(error.get("ctx", {}).get("pattern")) or str(error["msg"])


def first_error(error: ValidationError) -> str:
    """``field: what is wrong`` of the first error."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'request'}: {explain(first)}"[:_DETAIL_LENGTH]


def _unreadable(found: dict[str, Any], detail: str) -> Unreadable:
    request_id, kind = found.get("request_id"), found.get("type")
    return Unreadable(
        detail[:_DETAIL_LENGTH],
        request_id if type(request_id) is str and _REQUEST_ID.fullmatch(request_id) else None,
        kind if type(kind) is str and kind in REQUESTS else None,
    )


def _not_json(value: bytes, why: str) -> Unreadable:
    """Python's own reader takes some of what isn't JSON (lone surrogates, NaN): name the field."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return Unreadable(f"not JSON: {why}"[:_DETAIL_LENGTH])
    if type(found) is not dict:
        return Unreadable(f"not JSON: {why}"[:_DETAIL_LENGTH])
    for name, content in found.items():
        try:
            orjson.dumps(content)
            json.dumps(content, allow_nan=False)
        except (ValueError, TypeError, RecursionError):
            return _unreadable(found, f"{_shown(name)}: not JSON: {why}")
    return _unreadable(found, f"not JSON: {why}")


def _shown(value: object) -> str:
    return ascii(value)[:80].strip("'") if isinstance(value, str) else type(value).__name__
