"""Requests, as tills and services send them."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, TypeAdapter, with_config
from typing_extensions import TypedDict

from schemas.money import MONEY_PATTERN
from schemas.reminders import NAME_PATTERN
from schemas.times import DATE_PATTERN, MOMENT_PATTERN, day_of, to_second
from schemas.topics import MAX_REQUEST_BYTES

REQUEST_ID_PATTERN = r"^[\x20-\x7e]{1,64}$"
CURRENCY_PATTERN = r"^[A-Z]{3}$"


def _real_moment(written: str) -> str:
    to_second(written)
    return written


def _real_day(written: str) -> str:
    day_of(written)
    return written


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
#: One that there is, too. Of ``occurred_at`` the reader says so: it needs the second anyway.
RealMoment = Annotated[Moment, AfterValidator(_real_moment)]
LocalDate = Annotated[str, StringConstraints(pattern=DATE_PATTERN), AfterValidator(_real_day)]
Service = Literal["outbound", "dvs", "timeline", "loyalty", "third_party"]

#: Items of a list at the most: as many as a request of the largest size has room for, so that one
#: that is allowed is never refused. `fail_fast`: the first wrong item is said, not 100,000 of them.
MAX_LINES = MAX_REQUEST_BYTES // len('{"sku":"S","amount":"1"},')
MAX_LISTED = MAX_REQUEST_BYTES // len('"",')
#: Of the coupons of an offer, 1,024 each.
MAX_RUNS = 2**40

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
    approved_by: NotRequired[Text | None]
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
    ends_at: NotRequired[RealMoment | None]
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


@with_config(_STRICT)
class Remind(TypedDict):
    """Written by a worker when a reminder is due: to the recipients of a run of coupons, or to POCs
    of the offer, for what ends on a day."""

    type: Literal["remind", "remind_pocs"]
    request_id: RequestId
    offer_id: Id
    reminder: Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
    ends_on: LocalDate
    run: Annotated[int, Field(ge=0, le=MAX_RUNS)]
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
    "remind": Remind,
    "remind_pocs": Remind,
}
_BY_SHAPE = {shape: TypeAdapter(shape) for shape in set(REQUESTS.values())}
#: By the name of a type; types of one shape share it.
ADAPTERS: dict[str, TypeAdapter[Any]] = {name: _BY_SHAPE[REQUESTS[name]] for name in REQUESTS}


def json_schemas() -> dict[str, Any]:
    """JSON Schema of every request type, by its name."""
    return {name: adapter.json_schema() for name, adapter in ADAPTERS.items()}
