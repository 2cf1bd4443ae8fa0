"""Outcomes: what was decided about a request. JSON in the topics; these shapes give its schema."""

from typing import Any, Literal, NotRequired

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from schemas.reasons import Reason


class Source(TypedDict):
    """The request's place in its topic. The outcome lies in the partition of the same number."""

    topic: str
    partition: int
    offset: int


class Discount(TypedDict):
    """Decimal strings; ``lines`` has one for each line of the bill and sums to ``amount``."""

    amount: str
    currency: str
    lines: list[str]


class Totals(TypedDict):
    """Counts after the decision, of redemptions (or issues) still standing; null: not counted."""

    coupon: NotRequired[int]
    customer: int | None
    offer: int


class ResentCoupon(TypedDict):
    coupon_id: str
    code: str
    starts_at: str
    expires_at: str | None
    content: str


class LedgerChange(TypedDict):
    """What the decision changed in the ledger: from these, restore makes the ledger again.

    ``sequence`` counts an offer's remembered decisions from 1; ``fingerprint`` (hex) stands for
    the request's content; ``day`` is the organisation's local day (0 is 1970-01-01); times are
    whole seconds since 1970, money whole minor units. ``first`` and ``count`` are a run of serials,
    ``stock`` how many free codes of an uploaded stock are gone.
    """

    sequence: int
    fingerprint: str
    day: NotRequired[int]
    starts: NotRequired[int]
    expires: NotRequired[int | None]
    discount_minor: NotRequired[int]
    bill_minor: NotRequired[int]
    issued: NotRequired[dict[str, int | None]]
    issued_codes: NotRequired[int]
    watermark: NotRequired[int | None]
    revoked: NotRequired[list[int]]
    stock: NotRequired[int | None]
    first: NotRequired[int]
    count: NotRequired[int]
    ranges: NotRequired[list[list[int]]]
    codes: NotRequired[list[list[str]]]
    customers: NotRequired[list[str]]
    stores: NotRequired[list[str]]
    stores_now: NotRequired[dict[str, Any] | None]


class Outcome(TypedDict):
    request_id: str
    type: str
    outcome: Literal["accepted", "rejected"]
    reason: Reason | None
    detail: str | None
    replayed: bool
    source: Source
    decided_at: str
    occurred_at: NotRequired[str]
    offer_id: NotRequired[str | None]
    offer_version: NotRequired[int]
    customer_id: NotRequired[str | None]
    code: NotRequired[str]
    coupon_id: NotRequired[str | None]
    starts_at: NotRequired[str]
    expires_at: NotRequired[str | None]
    discount: NotRequired[Discount | None]
    totals: NotRequired[Totals]
    bill: NotRequired[dict[str, str]]
    till_id: NotRequired[str | None]
    redemption_id: NotRequired[str]
    scope: NotRequired[str]
    revoked: NotRequired[int | None]
    coupons: NotRequired[list[ResentCoupon]]
    content: NotRequired[str]
    first: NotRequired[int]
    first_code: NotRequired[str]
    count: NotRequired[int]
    part: NotRequired[int]
    parts: NotRequired[int]
    items: NotRequired[int]
    complete: NotRequired[bool]
    total: NotRequired[int]
    taken: NotRequired[list[str]]
    offer: NotRequired[dict[str, Any]]
    ledger: NotRequired[LedgerChange]


def json_schema() -> dict[str, Any]:
    return TypeAdapter(Outcome).json_schema()
