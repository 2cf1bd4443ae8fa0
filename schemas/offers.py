"""An offer: one discount, its rules, and all coupons under it."""

import re
from collections.abc import Collection
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError

from schemas.codes import normalise
from schemas.offer_checks import wrong_in
from schemas.offer_sections import (
    FROM_PATTERN,
    OFFER_ID_PATTERN,
    PERCENT_PATTERN,
    PREFIX_PATTERN,
    SAMPLE_PATTERN,
    TO_PATTERN,
    Budget,
    ClaimedBy,
    Coupons,
    FixedAmount,
    FixedDate,
    IssueRules,
    Percentage,
    PocReminder,
    Products,
    RandomisedCodes,
    RedeemRules,
    Reminder,
    Section,
    UniqueCodes,
    WithCampaign,
)
from schemas.reading import explain
from schemas.requests import Service, Text
from schemas.times import DATE_PATTERN

DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CHARSETS = {"digits": DIGITS, "alphanumeric": DIGITS + LETTERS}
LOOKALIKES = "0O1IL"


class Offer(Section):
    """An offer as people write it (YAML or JSON). Sections that are absent set no limit.

    Whether its rules agree with each other is asked when it is created or edited (`errors_of`).
    """

    offer_id: Annotated[str, StringConstraints(pattern=OFFER_ID_PATTERN)]
    name: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    offer_code: Annotated[str, StringConstraints(pattern=OFFER_ID_PATTERN)] | None = None
    owner: Text | None = None
    purpose: Text | None = None
    tags: list[Text] = Field([])
    created_in: Service | None = None
    expiry: Annotated[FixedDate | WithCampaign, Field(discriminator="type")]
    discount: Annotated[Percentage | FixedAmount, Field(discriminator="type")]
    products: Products = Products()
    issue: IssueRules = IssueRules()
    redeem: RedeemRules = RedeemRules()
    budget: Budget = Budget()
    coupons: Coupons
    reminders: list[Reminder] = Field([])
    poc_reminders: list[PocReminder] = Field([])
    claim: ClaimedBy | None = None


def charset_of(codes: UniqueCodes | RandomisedCodes) -> str:
    """The characters that the generated part of a code is made of."""
    if codes.type == "unique":
        charset = CHARSETS[codes.charset]
        return "".join(c for c in charset if not (codes.no_lookalikes and c in LOOKALIKES))
    sample = normalise(codes.sample)
    if sample.isdigit():
        return DIGITS
    return LETTERS if sample.isalpha() else DIGITS + LETTERS


def lead_of_sample(sample: str) -> str:
    """How all codes made from a sample begin: its first half, rounded down."""
    return normalise(sample)[: len(sample) // 2]


def errors_of(
    content: Any, currency: str, pocs: Collection[str] = ()
) -> tuple[Offer | None, list[tuple[str, str]]]:
    """The offer, or every error as (path with dots, sentence): first those of single fields, and
    where there is none, those between them. ``pocs``: those there are, empty for any."""
    try:
        offer = Offer.model_validate(content)
    except ValidationError as error:
        places: dict[str, list[str]] = {}
        for one in error.errors(include_url=False, include_input=False):
            path, sentence = _place(one)
            places.setdefault(path, []).append(sentence)
        return None, [(path, _either(sentences)) for path, sentences in places.items()]
    wrong = list(wrong_in(offer, currency, pocs))
    return (None if wrong else offer), wrong


def shape_of(content: Any) -> Offer | None:
    """The offer where each field is right by itself, whatever they are together."""
    try:
        return Offer.model_validate(content)
    except ValidationError:
        return None


#: What pydantic puts into a path where a section has one of several shapes.
_UNION_TAG = re.compile(
    "(fixed_date|with_campaign|percentage|fixed|unique|common|uploaded|randomised|with_offer|"
    "days_after_issue|month_ends_after_issue|on_issue|from_date)$|constrained-|literal\\["
)
#: What a pattern means, in words.
_MEANING = {
    OFFER_ID_PATTERN: "1 to 64 of the characters A-Z a-z 0-9 . _ - are expected",
    PERCENT_PATTERN: "a decimal string such as '12.5' is expected",
    PREFIX_PATTERN: "1 to 16 of the characters A-Z 0-9 are expected",
    SAMPLE_PATTERN: "5 to 10 of the characters A-Z a-z 0-9 are expected",
    FROM_PATTERN: "a time of day such as '09:30' is expected",
    TO_PATTERN: "a time of day such as '18:00', up to '24:00', is expected",
    DATE_PATTERN: "a date such as '2026-11-21' is expected",
}


def _either(sentences: list[str]) -> str:
    """What a field that may be one of several things is told of each."""
    return ", or ".join([sentences[0], *(one[0].lower() + one[1:] for one in sentences[1:])])


def _place(error: Any) -> tuple[str, str]:
    """Path and sentence; a validator's ``path: sentence`` names the place inside its section."""
    path = [str(part) for part in error["loc"] if not _UNION_TAG.match(str(part))]
    message = _MEANING.get(error.get("ctx", {}).get("pattern")) or explain(error)
    message = message.removeprefix("Value error, ")
    inner, colon, rest = message.partition(": ")
    if error["type"] == "value_error" and colon and inner.isidentifier():
        return ".".join([*path, inner]), rest
    return ".".join(path), message
