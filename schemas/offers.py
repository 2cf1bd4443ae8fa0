"""An offer: one discount, its rules, and all coupons under it."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from schemas.money import decimals_of, to_minor
from schemas.requests import Id, Moment, Money, Service, Text, explain
from schemas.times import to_second

OFFER_ID_PATTERN = r"^[A-Za-z0-9._-]{1,64}$"
DIGITS = "0123456789"
ALPHANUMERIC = DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CHARSETS = {"digits": DIGITS, "alphanumeric": ALPHANUMERIC}
#: What the format-preserving encryption behind generated codes can do for every charset.
MAX_CODE_LENGTH = 24


def _real(moment: str) -> str:
    to_second(moment)
    return moment


RealMoment = Annotated[Moment, AfterValidator(_real)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Days = Annotated[int, Field(ge=0, le=3650)]
Percent = Annotated[str, StringConstraints(pattern=r"^\d{1,3}(\.\d{1,4})?$")]


class _Section(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class FixedDate(_Section):
    type: Literal["fixed_date"]
    at: RealMoment


class WithCampaign(_Section):
    type: Literal["with_campaign"]


class Percentage(_Section):
    type: Literal["percentage"]
    percent: Percent
    max_amount: Money | None = None

    @field_validator("percent")
    @classmethod
    def _in_range(cls, percent: str) -> str:
        if not 0 < Decimal(percent) <= 100:
            raise ValueError("a percentage above 0, up to 100, is expected")
        return percent


class FixedAmount(_Section):
    type: Literal["fixed"]
    amount: Money
    currency: str


class Exclude(_Section):
    skus: list[Id] = []
    categories: list[Text] = []
    brands: list[Text] = []
    customer_tags: list[Text] = []


class Products(_Section):
    categories: list[Text] = []
    brands: list[Text] = []
    skus: list[Id] = []
    on_sale_items: bool = False
    exclude: Exclude = Exclude()


class UnlessReceived(_Section):
    offers: list[Id]
    months: Annotated[int, Field(ge=1, le=120)] = 6


class Resend(_Section):
    content: str


class IssueRules(_Section):
    max_per_customer: Count | None = None
    min_gap_days: Days = 0
    max_total: Count | None = None
    unless_received: UnlessReceived | None = None
    resend: Resend | None = None


class StartOnIssue(_Section):
    type: Literal["on_issue"]


class StartDaysAfterIssue(_Section):
    type: Literal["days_after_issue"]
    days: Days


class StartFromDate(_Section):
    type: Literal["from_date"]
    at: RealMoment


Start = Annotated[StartOnIssue | StartDaysAfterIssue | StartFromDate, Field(discriminator="type")]


class BillRange(_Section):
    min: Money | None = None
    max: Money | None = None


class OrgEntities(_Section):
    stores: list[Id] = []
    zones: list[Id] = []
    concepts: list[Id] = []
    tills: list[Id] = []


class RedeemRules(_Section):
    anyone_may_redeem: bool = False
    start: Start = StartOnIssue(type="on_issue")
    uses_per_coupon: Count | Literal["unlimited"] = 1
    max_per_customer: Count | None = None
    min_gap_days: Days = 0
    max_total: Count | None = None
    bill: BillRange | None = None
    org_entities: OrgEntities | None = None
    when: list[dict[str, Any]] = []


class Budget(_Section):
    discount: Money | None = None
    revenue_goal: Money | None = None


class UniqueCodes(_Section):
    type: Literal["unique"]
    charset: Literal["digits", "alphanumeric"]
    length: Annotated[int, Field(ge=4, le=MAX_CODE_LENGTH)]
    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,16}$")] | None = None

    @model_validator(mode="after")
    def _room_for_codes(self) -> "UniqueCodes":
        if self.prefix is not None and self.length - len(self.prefix) < 2:
            raise ValueError(
                f"length {self.length} leaves fewer than 2 characters after prefix {self.prefix}"
            )
        return self


class CommonCode(_Section):
    type: Literal["common"]
    code: Id


class UploadedCodes(_Section):
    type: Literal["uploaded"]


class RandomisedCodes(_Section):
    type: Literal["randomised"]
    sample: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{5,10}$")]


class CouponWithOffer(_Section):
    type: Literal["with_offer"]


class CouponDays(_Section):
    type: Literal["days_after_issue"]
    days: Days


class CouponMonthEnds(_Section):
    type: Literal["month_ends_after_issue"]
    months: Annotated[int, Field(ge=1, le=120)]


class Coupons(_Section):
    delivery: Literal["ours", "third_party"] = "ours"
    codes: Annotated[
        UniqueCodes | CommonCode | UploadedCodes | RandomisedCodes, Field(discriminator="type")
    ]
    expiry: Annotated[
        CouponWithOffer | CouponDays | CouponMonthEnds, Field(discriminator="type")
    ] = CouponWithOffer(type="with_offer")


class ClaimedBy(_Section):
    service: Service
    holder: Id
    ends_at: RealMoment | None = None


class Offer(_Section):
    """An offer as people write it (YAML or JSON). Sections that are absent set no limit."""

    offer_id: Annotated[str, StringConstraints(pattern=OFFER_ID_PATTERN)]
    name: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    offer_code: Annotated[str, StringConstraints(pattern=OFFER_ID_PATTERN)] | None = None
    owner: Text | None = None
    purpose: Text | None = None
    tags: list[Text] = []
    created_in: Service | None = None
    expiry: Annotated[FixedDate | WithCampaign, Field(discriminator="type")]
    discount: Annotated[Percentage | FixedAmount, Field(discriminator="type")]
    products: Products = Products()
    issue: IssueRules = IssueRules()
    redeem: RedeemRules = RedeemRules()
    budget: Budget = Budget()
    coupons: Coupons
    reminders: list[dict[str, Any]] = []
    poc_reminders: list[dict[str, Any]] = []
    claim: ClaimedBy | None = None

    @field_validator("discount")
    @classmethod
    def _in_our_currency(cls, discount: Any, info: ValidationInfo) -> Any:
        currency = (info.context or {}).get("currency")
        if currency is None:
            return discount
        if discount.type == "fixed":
            if discount.currency != currency:
                raise ValueError(
                    f"currency: {discount.currency} is not the organisation's {currency}"
                )
            to_minor(discount.amount, decimals_of(currency))
        elif discount.max_amount is not None:
            to_minor(discount.max_amount, decimals_of(currency))
        return discount

    @model_validator(mode="after")
    def _can_be_redeemed(self) -> "Offer":
        redeem = self.redeem
        if redeem.min_gap_days and redeem.uses_per_coupon == 1 and redeem.max_per_customer == 1:
            raise ValueError(
                "redeem.min_gap_days: a coupon can be used only once and a customer can redeem "
                "only once, so there is nothing to keep apart; raise max_per_customer or leave the "
                "gap out"
            )
        start, expiry = redeem.start, self.expiry
        if (
            isinstance(start, StartFromDate)
            and isinstance(expiry, FixedDate)
            and to_second(start.at) > to_second(expiry.at)
        ):
            raise ValueError("redeem.start: begins after the offer has expired")
        return self


#: Rules that are read but not built: an offer that sets one is refused, by this name.
_NOT_BUILT: tuple[str, ...] = (
    *("products.categories", "products.brands", "products.skus", "products.exclude"),
    *("issue.unless_received", "issue.resend", "redeem.bill", "redeem.org_entities", "redeem.when"),
    *("budget", "reminders", "poc_reminders"),
)


def not_built(offer: Offer) -> Iterator[tuple[str, str]]:
    """(path, sentence) of each rule the offer uses that nothing enforces yet."""
    for path in _NOT_BUILT:
        value: Any = offer
        default: Any = Offer.model_fields[path.split(".")[0]].get_default()
        for name in path.split("."):
            value = getattr(value, name)
        for name in path.split(".")[1:]:
            default = getattr(default, name)
        if value != default:
            yield path, f"the rule {path} is not supported"
    coupons = offer.coupons
    for path, found, built in (
        ("coupons.delivery", coupons.delivery, "ours"),
        ("coupons.codes", coupons.codes.type, "unique"),
        ("coupons.expiry", coupons.expiry.type, "with_offer"),
    ):
        if found != built:
            yield path, f"the rule {path} {found} is not supported, only {built}"


def errors_of(content: Any, currency: str) -> tuple[Offer | None, list[tuple[str, str]]]:
    """The offer, or every error as (path with dots, sentence)."""
    try:
        offer = Offer.model_validate(content, context={"currency": currency})
    except ValidationError as error:
        return None, [_place(one) for one in error.errors(include_url=False, include_input=False)]
    wrong = list(not_built(offer))
    return (None if wrong else offer), wrong


#: What pydantic puts into a path where a section has one of several shapes.
_UNION_TAG = re.compile(
    "(fixed_date|with_campaign|percentage|fixed|unique|common|uploaded|randomised|with_offer|"
    "days_after_issue|month_ends_after_issue|on_issue|from_date)$|constrained-|literal\\["
)


def _place(error: Any) -> tuple[str, str]:
    """Path and sentence; a validator's ``path: sentence`` names the place inside its section."""
    path = [str(part) for part in error["loc"] if not _UNION_TAG.match(str(part))]
    message = explain(error).removeprefix("Value error, ")
    inner, colon, rest = message.partition(": ")
    if error["type"] == "value_error" and colon and " " not in inner:
        return ".".join([*path, inner]), rest
    return ".".join(path), message
