"""The sections of an offer, as people write them."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from schemas.codes import why_no_code
from schemas.placeholders import checked
from schemas.reminders import POCS_AT, POCS_CHANNEL, ReminderName
from schemas.requests import Id, LocalDate, Money, RealMoment, Service, Text

OFFER_ID_PATTERN = r"^[A-Za-z0-9._-]{1,64}$"
PERCENT_PATTERN = r"^[0-9]{1,3}(\.[0-9]{1,4})?$"
PREFIX_PATTERN = r"^[A-Z0-9]{1,16}$"
SAMPLE_PATTERN = r"^[A-Za-z0-9]{5,10}$"
FROM_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
TO_PATTERN = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: What the format-preserving encryption behind generated codes can do for every charset.
MAX_CODE_LENGTH = 24


def _readable_code(code: str) -> str:
    why = why_no_code(code)
    if why is not None:
        raise ValueError(why)
    return code


Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Days = Annotated[int, Field(ge=0, le=3650)]
DaysBefore = Annotated[int, Field(ge=0, le=365)]
Months = Annotated[int, Field(ge=1, le=120)]
Percent = Annotated[str, StringConstraints(pattern=PERCENT_PATTERN)]
Content = Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(checked)]


class Section(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, serialize_by_alias=True)


class FixedDate(Section):
    type: Literal["fixed_date"]
    at: RealMoment


class WithCampaign(Section):
    type: Literal["with_campaign"]


class Percentage(Section):
    type: Literal["percentage"]
    percent: Percent
    max_amount: Money | None = None

    @field_validator("percent")
    @classmethod
    def _in_range(cls, percent: str) -> str:
        if not 0 < Decimal(percent) <= 100:
            raise ValueError("a percentage above 0, up to 100, is expected")
        return percent


class FixedAmount(Section):
    type: Literal["fixed"]
    amount: Money
    currency: str


class Exclude(Section):
    skus: list[Id] = []
    categories: list[Text] = []
    brands: list[Text] = []
    customer_tags: list[Text] = []


class Products(Section):
    categories: list[Text] = []
    brands: list[Text] = []
    skus: list[Id] = []
    on_sale_items: bool = False
    exclude: Exclude = Exclude()


class UnlessReceived(Section):
    offers: Annotated[list[Id], Field(min_length=1)]
    months: Months = 6


class Resend(Section):
    content: Content


class IssueRules(Section):
    max_per_customer: Count | None = None
    min_gap_days: Days = 0
    max_total: Count | None = None
    unless_received: UnlessReceived | None = None
    resend: Resend | None = None


class StartOnIssue(Section):
    type: Literal["on_issue"]


class StartDaysAfterIssue(Section):
    type: Literal["days_after_issue"]
    days: Days


class StartFromDate(Section):
    type: Literal["from_date"]
    at: RealMoment


class BillRange(Section):
    """Both included."""

    min: Money | None = None
    max: Money | None = None


class OrgEntities(Section):
    """A till passes when it, its store, one of its zones or its concept is listed."""

    stores: list[Id] = []
    zones: list[Id] = []
    concepts: list[Id] = []
    tills: list[Id] = []


class Dates(Section):
    """Both included; an end that is absent is open."""

    from_: LocalDate | None = Field(None, alias="from")
    to: LocalDate | None = None


class When(Section):
    """A slot on the wall clock of the till's store; ``to`` at or before ``from`` is on the next
    day, and the slot belongs to the day on which it begins."""

    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] | None = None
    from_: Annotated[str, StringConstraints(pattern=FROM_PATTERN)] | None = Field(
        None, alias="from", description="included"
    )
    to: Annotated[str, StringConstraints(pattern=TO_PATTERN)] | None = Field(
        None, description="not included"
    )
    dates: Dates | None = None


class RedeemRules(Section):
    anyone_may_redeem: bool = False
    start: Annotated[
        StartOnIssue | StartDaysAfterIssue | StartFromDate, Field(discriminator="type")
    ] = StartOnIssue(type="on_issue")
    uses_per_coupon: Count | Literal["unlimited"] = 1
    max_per_customer: Count | None = None
    min_gap_days: Days = 0
    max_total: Count | None = None
    bill: BillRange | None = None
    org_entities: OrgEntities | None = None
    when: list[When] = []


class Budget(Section):
    discount: Money | None = None
    revenue_goal: Money | None = None


class UniqueCodes(Section):
    """``length`` includes the prefix; ``no_lookalikes``: what is generated has no 0 O 1 I L."""

    type: Literal["unique"]
    charset: Literal["digits", "alphanumeric"]
    length: Annotated[int, Field(ge=4, le=MAX_CODE_LENGTH)]
    prefix: Annotated[str, StringConstraints(pattern=PREFIX_PATTERN)] | None = None
    no_lookalikes: bool = False

    @model_validator(mode="after")
    def _room_for_codes(self) -> "UniqueCodes":
        if self.prefix is not None and self.length - len(self.prefix) < 2:
            raise ValueError(
                f"length {self.length} leaves fewer than 2 characters after prefix {self.prefix}"
            )
        if self.no_lookalikes and self.charset == "digits":
            raise ValueError(
                "no_lookalikes: digits have no lookalikes among themselves; leave it out, or take "
                "the charset alphanumeric"
            )
        return self


class CommonCode(Section):
    type: Literal["common"]
    code: Annotated[Id, AfterValidator(_readable_code)]


class UploadedCodes(Section):
    type: Literal["uploaded"]


class RandomisedCodes(Section):
    type: Literal["randomised"]
    sample: Annotated[str, StringConstraints(pattern=SAMPLE_PATTERN)]


class CouponWithOffer(Section):
    type: Literal["with_offer"]


class CouponDays(Section):
    type: Literal["days_after_issue"]
    days: Days


class CouponMonthEnds(Section):
    type: Literal["month_ends_after_issue"]
    months: Months


class Coupons(Section):
    delivery: Literal["ours", "third_party"] = "ours"
    codes: Annotated[
        UniqueCodes | CommonCode | UploadedCodes | RandomisedCodes, Field(discriminator="type")
    ]
    expiry: Annotated[
        CouponWithOffer | CouponDays | CouponMonthEnds, Field(discriminator="type")
    ] = CouponWithOffer(type="with_offer")


class ClaimedBy(Section):
    service: Service
    holder: Id
    ends_at: RealMoment | None = None


class Reminder(Section):
    """To the recipient of each coupon, so many days before it ends, by the organisation's clock."""

    days_before: DaysBefore
    at: Annotated[str, StringConstraints(pattern=FROM_PATTERN)]
    channel: Literal["sms", "email"]
    content: Content

    @property
    def name(self) -> ReminderName:
        return ReminderName(self.days_before, self.at, self.channel)


class PocReminder(Section):
    """To people of the organisation, so many days before the offer ends."""

    days_before: DaysBefore
    pocs: Annotated[list[Annotated[Text, StringConstraints(min_length=1)]], Field(min_length=1)]

    @property
    def name(self) -> ReminderName:
        return ReminderName(self.days_before, POCS_AT, POCS_CHANNEL)
