"""The offers as this worker judges by them: read from the ledger, compiled once a version."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgpack
import orjson

from schemas.codes import normalise
from schemas.money import to_minor
from schemas.offer_sections import RandomisedCodes, UniqueCodes
from schemas.offers import CHARSETS, Offer, charset_of, lead_of_sample
from schemas.org import OrgEntity
from schemas.times import Calendar, to_second
from state.codes import Codes, Series
from state.eligibility import Eligibility
from state.records import Rules

#: A longer code may stand for more, but none is given: what is beyond can't be told to the ledger.
_MOST_SERIALS = 2**53


@dataclass(frozen=True, slots=True)
class CompiledOffer:
    """``codes``: generated, common or uploaded. ``series`` of generated ones, ``lead``: how their
    codes begin, or the whole of a common one."""

    offer_id: str
    number: int
    version: int
    codes: str
    lead: str
    series: Series | None
    eligibility: Eligibility
    start: Any
    expiry: Any
    resend_content: str
    excluding_offers: tuple[str, ...]
    excluding_months: int
    name: str
    reminders: dict[str, str]  # their texts, by their names
    poc_reminders: dict[str, list[str]]  # their POCs
    ends: int | None  # seconds
    campaign_ends: int | None

    @classmethod
    def of(
        cls,
        offer: Offer,
        number: int,
        version: int,
        lead: str,
        decimals: int,
        calendar: Calendar,
        campaign_ends: int | None,
    ) -> "CompiledOffer":
        """``campaign_ends``: of the campaign that claimed it, seconds."""
        kind, excluding, expiry = kind_of(offer), offer.issue.unless_received, offer.expiry
        return cls(
            offer.offer_id,
            number,
            version,
            kind,
            lead,
            series_of(offer, lead) if kind == "generated" else None,
            Eligibility.of(offer, decimals, calendar),
            offer.redeem.start,
            offer.coupons.expiry,
            offer.issue.resend.content if offer.issue.resend else "",
            tuple(excluding.offers) if excluding else (),
            excluding.months if excluding else 0,
            offer.name,
            {str(one.name): one.content for one in offer.reminders},
            {str(one.name): one.pocs for one in offer.poc_reminders},
            to_second(expiry.at) if expiry.type == "fixed_date" else campaign_ends,
            campaign_ends,
        )

    def starts(self, calendar: Calendar, second: int, day: int) -> int:
        """From which second a coupon issued at this second, on this day, can be redeemed."""
        start = self.start
        if start.type == "days_after_issue":
            return calendar.first_second(day + start.days)
        return to_second(start.at) if start.type == "from_date" else second

    def expires(self, calendar: Calendar, day: int) -> int | None:
        """The last second of a coupon issued on this day by its own rule; None: with the offer."""
        expiry = self.expiry
        if expiry.type == "days_after_issue":
            return calendar.last_second(day + expiry.days)
        if expiry.type == "month_ends_after_issue":
            return calendar.last_second(calendar.month_end(day, expiry.months - 1))
        return None


def series_of(offer: Offer, lead: str) -> Series:
    """What the generated codes of an offer have in common."""
    codes = offer.coupons.codes
    assert isinstance(codes, UniqueCodes | RandomisedCodes)
    length = codes.length if isinstance(codes, UniqueCodes) else len(codes.sample)
    return Series.of(offer.offer_id, lead, charset_of(codes), length)


def kind_of(offer: Offer) -> str:
    """How the ledger treats an offer's codes: generated, common or uploaded."""
    codes = offer.coupons.codes.type
    return "generated" if codes in ("unique", "randomised") else codes


class Catalogue:
    """All offers by id and by what their codes begin with. ``stamp``: of the newest change;
    ``tills``: where tills stand, kept by whoever reads that topic."""

    def __init__(self, codes: Codes, calendar: Calendar, decimals: int) -> None:
        self.codes, self.calendar, self.decimals = codes, calendar, decimals
        self.tills: dict[str, OrgEntity] = {}
        self.forget()

    def forget(self) -> None:
        """Know no offer, as at first."""
        self.stamp = 0
        self._offers: dict[str, CompiledOffer] = {}
        self._uploaded: dict[int, CompiledOffer] = {}
        self._common: dict[str, CompiledOffer] = {}
        self._by_lead: dict[int, dict[str, CompiledOffer]] = defaultdict(dict)
        self._lead_lengths: dict[int, list[int]] = {}

    def __iter__(self) -> Iterator[CompiledOffer]:
        return iter(self._offers.values())

    def __len__(self) -> int:
        return len(self._offers)

    def get(self, offer_id: str) -> CompiledOffer | None:
        return self._offers.get(offer_id)

    def learn(self, stamp: int, changed: list[dict[bytes, bytes]]) -> None:
        """Take in the hashes (as in Redis) of offers changed up to this stamp."""
        for fields in changed:
            self._learn(fields)
        self.stamp = stamp

    def _learn(self, fields: dict[bytes, bytes]) -> None:
        compiled = CompiledOffer.of(
            offer_in(fields),
            int(fields[b"number"]),
            int(fields[b"version"]),
            fields[b"lead"].decode(),
            self.decimals,
            self.calendar,
            (msgpack.unpackb(fields[b"claim"])["ends_at"] or None) if b"claim" in fields else None,
        )
        self._offers[compiled.offer_id] = compiled
        series = compiled.series
        if series is not None:
            by_lead = self._by_lead[series.length]
            by_lead[series.lead] = compiled
            self._lead_lengths[series.length] = sorted({len(lead) for lead in by_lead})
        elif compiled.codes == "common":
            self._common[compiled.lead] = compiled
        else:
            self._uploaded[compiled.number] = compiled

    def offer_of_code(self, code: str) -> CompiledOffer | None:
        """The offer whose codes look like this (normalised) one. At most one does."""
        by_lead = self._by_lead.get(len(code))
        if by_lead:
            for length in self._lead_lengths[len(code)]:
                found = by_lead.get(code[:length])
                if found is not None:
                    return found
        return self._common.get(code)

    def to_look_up(self, codes: list[str]) -> list[str]:
        """Which of these codes, normalised, may have been uploaded."""
        return [code for code in codes if self.offer_of_code(code) is None]

    @property
    def has_uploads(self) -> bool:
        """Whether a code may be one that was uploaded."""
        return bool(self._uploaded)

    def uploaded_to(self, number: int | None) -> CompiledOffer | None:
        """The offer of this number, where codes were uploaded to it."""
        return self._uploaded.get(number or 0)

    def serials_of(self, codes: list[tuple[Series, str]]) -> list[int | None]:
        """For each normalised code of a series the serial it stands for, if any. All at once,
        which costs hardly more than one."""
        return [
            serial if serial is not None and serial < _MOST_SERIALS else None
            for serial in self.codes.decode(codes)
        ]

    def code_of(self, offer: CompiledOffer, serial: int) -> str:
        """The code of one coupon, unless it was uploaded."""
        if offer.series is None:
            return offer.lead
        return self.codes.encode([(offer.series, serial)])[0]


def offer_in(fields: dict[bytes, bytes]) -> Offer:
    """The offer in a hash as in Redis, its uploaded stores put in."""
    definition = orjson.loads(fields[b"definition"])
    if b"stores" in fields:
        put_stores(definition, msgpack.unpackb(fields[b"stores"]))
    return Offer.model_validate(definition)


def put_stores(definition: dict[str, Any], stores: list[str]) -> None:
    """Uploaded stores stand in place of those of the definition."""
    places = definition["redeem"].get("org_entities") or {}
    definition["redeem"]["org_entities"] = {**places, "stores": stores}


def rules_of(offer: Offer, decimals: int) -> Rules:
    """But for how many codes are possible, which goes by the lead that the offer gets."""
    issue, redeem, expiry, budget = offer.issue, offer.redeem, offer.expiry, offer.budget

    def minor(amount: str | None) -> int | bool:
        return False if amount is None else to_minor(amount, decimals)

    return Rules(
        ends_at=to_second(expiry.at) if expiry.type == "fixed_date" else False,
        with_campaign=expiry.type == "with_campaign",
        codes=kind_of(offer),
        third_party=offer.coupons.delivery == "third_party",
        issue_per_customer=issue.max_per_customer or False,
        issue_gap_days=issue.min_gap_days,
        issue_total=issue.max_total or False,
        resend=issue.resend is not None,
        anyone_may_redeem=redeem.anyone_may_redeem,
        uses_per_coupon=False if redeem.uses_per_coupon == "unlimited" else redeem.uses_per_coupon,
        redeem_per_customer=redeem.max_per_customer or False,
        redeem_gap_days=redeem.min_gap_days,
        redeem_total=redeem.max_total or False,
        budget_discount=minor(budget.discount),
        revenue_goal=minor(budget.revenue_goal),
    )


def fixed_codes(offer: Offer) -> str:
    """What of an offer's codes no edit can change, but for a generated prefix."""
    codes = offer.coupons.codes
    if codes.type == "unique":
        lookalikes = " no_lookalikes" if codes.no_lookalikes else ""
        return f"unique {codes.charset} {codes.length}{lookalikes}"
    if codes.type == "common":
        return f"common {normalise(codes.code)}"
    if codes.type == "randomised":
        return f"randomised {normalise(codes.sample)}"
    return "uploaded"


def code_length(offer: Offer) -> int:
    """Characters (of a common one: bytes) of the offer's codes, 0 where they are uploaded."""
    codes = offer.coupons.codes
    if codes.type == "uploaded":
        return 0
    if codes.type == "unique":
        return codes.length
    return len(normalise(codes.code if codes.type == "common" else codes.sample).encode())


def lead_candidates(offer: Offer) -> list[str] | None:
    """How the offer's codes may begin, best first; the first free one becomes its own. None where
    its codes have nothing in common."""
    codes = offer.coupons.codes
    if codes.type == "uploaded":
        return None
    if codes.type == "common":
        return [normalise(codes.code)]
    if codes.type == "randomised":
        return [lead_of_sample(codes.sample)]
    if codes.prefix is not None:
        return [codes.prefix]
    charset = charset_of(codes)
    shortest = max(1, min(4, codes.length // 3))
    lengths = range(shortest, max(shortest + 1, codes.length - 5))
    tries = range(8)
    return [_drawn(f"lead {offer.offer_id} {n} {k}", charset, n) for n in lengths for k in tries]


def offer_code_candidates(offer: Offer) -> list[str]:
    if offer.offer_code is not None:
        return [offer.offer_code]
    return [_drawn(f"code {offer.offer_id} {n}", CHARSETS["alphanumeric"], 8) for n in range(8)]


def _drawn(text: str, charset: str, length: int) -> str:
    """Characters that look drawn at random but are the same for the same text."""
    value = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    drawn = []
    for _ in range(length):
        value, place = divmod(value, len(charset))
        drawn.append(charset[place])
    return "".join(drawn)
