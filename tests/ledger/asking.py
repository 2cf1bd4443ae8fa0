"""Requests to the offer ``o``, as services and tills write them, beside those of `tests.world`."""

from typing import Any

from streams.client import new_request
from tests.world import offer

Request = dict[str, Any]
#: How an offer sets no limit to the uses of a coupon.
UNLIMITED = {"uses_per_coupon": "unlimited"}


def edit(offer_id: str = "o", **sections: Any) -> Request:
    """The offer as it is to be from now on; who claimed it isn't changed unless said."""
    content = {"claim": None, **sections}
    return new_request("edit", offer_id=offer_id, actor="t", offer=offer(offer_id, **content))


def claim(service: str, holder: str, offer_id: str = "o", **more: Any) -> Request:
    named = {"offer_id": offer_id, "actor": "t", "service": service, "holder": holder}
    return new_request("claim", **{**named, **more})


def reverse(code: str, redemption_id: str, customer_id: str | None = "c-1", **more: Any) -> Request:
    return new_request(
        "reverse",
        **{"code": code, "redemption_id": redemption_id, "customer_id": customer_id,
           "till_id": "t-1", "occurred_at": "2026-11-23T12:00:00+05:30", **more},
    )  # fmt: skip


def revoke(scope: str, *customer_ids: str, offer_id: str = "o", **more: Any) -> Request:
    return new_request(
        "revoke",
        **{"offer_id": offer_id, "scope": scope, "customer_ids": list(customer_ids) or None,
           "occurred_at": "2026-11-22T00:00:00+05:30", **more},
    )  # fmt: skip


def upload(
    *codes: str, to: str | None = None, part: int = 1, parts: int = 1, **more: Any
) -> Request:
    """Codes for an offer; ``to``: whom they are for."""
    items = [{"code": code, "customer_id": to} if to else {"code": code} for code in codes]
    return _of_offer("upload_codes", codes=items, part=part, parts=parts, **more)


def audience(*customer_ids: str, part: int = 1, parts: int = 1, **more: Any) -> Request:
    return _of_offer(
        "set_audience", customer_ids=list(customer_ids), part=part, parts=parts, **more
    )


def stores(*store_ids: str, part: int = 1, parts: int = 1, **more: Any) -> Request:
    return _of_offer("set_stores", store_ids=list(store_ids), part=part, parts=parts, **more)


def export(count: int, **more: Any) -> Request:
    return _of_offer("export", count=count, **more)


def resend(customer_id: str, offer_id: str = "o", **more: Any) -> Request:
    asked = {"offer_id": offer_id, "customer_id": customer_id}
    return new_request("resend", **{**asked, "occurred_at": "2026-11-22T10:00:00+05:30", **more})


def _of_offer(kind: str, offer_id: str = "o", **more: Any) -> Request:
    at = "2026-11-21T09:00:00+05:30"
    return new_request(kind, **{"offer_id": offer_id, "actor": "t", "occurred_at": at, **more})
