"""How bytes become a request, and what is said of those that don't."""

import json
import re
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from schemas.codes import normalise, why_no_code
from schemas.money import MONEY_PATTERN, to_minor
from schemas.requests import ADAPTERS, CURRENCY_PATTERN, REQUEST_ID_PATTERN, REQUESTS
from schemas.times import MOMENT_PATTERN, to_second
from schemas.topics import MAX_RECORD_BYTES, MAX_REQUEST_BYTES

_REQUEST_ID = re.compile(REQUEST_ID_PATTERN)
_DETAIL_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes that are no request. ``request_id`` and ``type`` are given where they could be read."""

    detail: str
    request_id: str | None = None
    type: str | None = None


class Reader:
    """Reads the requests of one lane: types it carries, amounts in the organisation's currency."""

    def __init__(self, types: tuple[str, ...], currency: str, decimals: int) -> None:
        self._validate = {name: ADAPTERS[name].validator.validate_python for name in types}
        self._currency, self._decimals = currency, decimals

    def read(self, value: bytes | None) -> dict[str, Any] | Unreadable:
        """A request as a dict of its known fields, a code normalised. Added: ``second``; ``plain``,
        whether its texts stand in JSON as they are, with nothing escaped; and ``amount_minor`` and
        ``line_minors`` where there is a bill.

        Whatever is wrong comes back as an `Unreadable` whose detail begins with the field.
        """
        content = value or b""
        size = len(content)
        if size > MAX_RECORD_BYTES:  # of no topic that was made with the registry's settings
            return Unreadable(_too_large(size))
        try:
            found = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            return _not_json(content, str(error))
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
            request["plain"] = b"\\" not in content
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
        decimals, lines = self._decimals, bill.get("lines")
        try:
            request["amount_minor"] = to_minor(bill["amount"], decimals)
            if lines:
                request["line_minors"] = [to_minor(line["amount"], decimals) for line in lines]
        except ValueError:
            self._refuse_amount(bill["amount"], "bill.amount")
            for number, line in enumerate(lines or ()):
                self._refuse_amount(line["amount"], f"bill.lines.{number}.amount")

    def _refuse_amount(self, amount: str, field: str) -> None:
        """Where it is wrong."""
        try:
            to_minor(amount, self._decimals)
        except ValueError as error:
            raise _Wrong(f"{field}: {error}") from None


#: Types with fields that are right by themselves and may be wrong together.
_CONTRADICTABLE = {"revoke", "create", "edit", "upload_codes", "set_audience", "set_stores"}
#: Of an offer, so deep at the most. It needs a few; what writes JSON stops at 254, and what reads
#: it only later.
MAX_DEPTH = 64


def _contradiction(request: dict[str, Any]) -> str | None:
    """What is wrong between fields that are right by themselves."""
    if "offer" in request and is_deeper(request["offer"], MAX_DEPTH):
        return f"offer: is nested more than {MAX_DEPTH} deep"
    customers_named = request["type"] != "revoke" or request.get("customer_ids")
    if request.get("scope") == "customers" and not customers_named:
        return "customer_ids: the scope 'customers' needs at least one"
    if request.get("part", 1) > request.get("parts", 1):
        return f"part: {request['part']} is more than the {request['parts']} parts there are"
    for i, item in enumerate(request.get("codes", ())):
        if (why := why_no_code(item["code"])) is not None:
            return f"codes.{i}.code: {why}"
    return None


def is_deeper(content: Any, most: int) -> bool:
    """Whether lists and objects lie in each other more than so many deep."""
    level = [content]
    for _ in range(most):
        level = [
            inner
            for outer in level
            if type(outer) in (dict, list)
            for inner in (outer.values() if type(outer) is dict else outer)
        ]
        if not level:
            return False
    return any(type(one) in (dict, list) for one in level)


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
    more = error.get("ctx", {})
    return _MEANING.get(more.get("pattern")) or str(more.get("error") or error["msg"])


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
