"""Which bytes are a request, by the contract's page alone."""

import json
import re
from datetime import datetime
from typing import Any, NamedTuple

import orjson

SERVICES = ("outbound", "dvs", "timeline", "loyalty", "third_party")
SCOPES = ("unredeemed", "unissued", "customers")
TYPES = {
    "offers": ("create", "edit", "claim", "export", "upload_codes", "set_audience", "set_stores"),
    "issue": ("issue", "resend"),
    "redeem": ("redeem", "validate", "reverse"),
    "revoke": ("revoke",),
    "reminders": ("remind", "remind_pocs"),
}
#: Of each type: fields that are texts of 1 to 64 characters; those in brackets may be absent.
TEXTS = {
    "issue": "offer_id customer_id holder",
    "resend": "offer_id customer_id",
    "redeem": "code till_id [customer_id]",
    "validate": "code till_id [customer_id]",
    "reverse": "redemption_id code [customer_id] [till_id]",
    "revoke": "offer_id",
    "remind": "offer_id reminder ends_on",
    "remind_pocs": "offer_id reminder ends_on",
}
_REQUEST_ID = re.compile(r"[\x20-\x7e]{1,64}")
_MONEY = re.compile(r"[0-9]{1,10}(\.[0-9]{1,2})?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Reading(NamedTuple):
    """``right``: None where this page doesn't tell. ``named``: whether a request id can be read,
    None where that depends on who reads."""

    right: bool | None
    named: bool | None
    request: dict[str, Any]


def read(lane: str, value: bytes | None) -> Reading:
    try:
        found = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return Reading(False, None, _roughly(value or b""))
    if not isinstance(found, dict):
        return Reading(False, False, {})
    request_id = found.get("request_id")
    named = isinstance(request_id, str) and _REQUEST_ID.fullmatch(request_id) is not None
    right = named and _is_moment(found.get("occurred_at")) and _is_right(lane, found)
    return Reading(right, named, found)


def _roughly(value: bytes) -> dict[str, Any]:
    """Python's own reader takes some of what isn't JSON."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_right(lane: str, found: dict[str, Any]) -> bool | None:
    kind = found.get("type")
    if kind not in TYPES[lane]:
        return False
    if lane == "offers":  # what an offer is, is another page
        return None
    if not all(_has_text(found, name) for name in TEXTS[kind].split()):
        return False
    if kind == "issue":
        return found.get("service") in SERVICES
    if kind == "revoke":
        return _is_revoke(found)
    if kind in ("redeem", "validate"):
        return _is_bill(found.get("bill")) and _are_texts(found.get("customer_tags"))
    return True


def _has_text(found: dict[str, Any], name: str) -> bool:
    content = found.get(name.strip("[]"))
    if content is None:
        return name.startswith("[")
    return isinstance(content, str) and 1 <= len(content) <= 64


def _is_moment(moment: Any) -> bool:
    if not isinstance(moment, str) or _MOMENT.fullmatch(moment) is None:
        return False
    try:
        return 1990 <= datetime.fromisoformat(moment.upper()).year <= 2199
    except ValueError:
        return False


def _is_bill(bill: Any) -> bool | None:
    if not isinstance(bill, dict) or not _has_text(bill, "number"):
        return False
    amount = bill.get("amount")
    if not isinstance(amount, str) or _MONEY.fullmatch(amount) is None:
        return False
    return bill.get("currency") == "INR" and (None if bill.get("lines") else True)


def _are_texts(texts: Any) -> bool:
    return texts is None or (
        isinstance(texts, list) and all(isinstance(text, str) for text in texts)
    )


def _is_revoke(found: dict[str, Any]) -> bool:
    customers = found.get("customer_ids")
    return (
        found.get("scope") in SCOPES
        and _are_texts(customers)
        and (found["scope"] != "customers" or bool(customers))
    )
