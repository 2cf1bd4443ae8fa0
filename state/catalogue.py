"""The offers as this worker judges by them: read from the ledger, compiled once a version."""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.offers import CHARSETS, Offer
from schemas.times import Calendar, to_second
from state.codes import Codes, Series, normalise
from state.eligibility import DiscountRule

#: A longer code may stand for more, but none is given: what is beyond can't be told to the ledger.
_MOST_SERIALS = 2**53


@dataclass(frozen=True, slots=True)
class CompiledOffer:
    offer_id: str
    number: int
    version: int
    series: Series
    discount: DiscountRule
    start_type: str
    start_days: int
    start_second: int

    @classmethod
    def of(
        cls, offer: Offer, number: int, version: int, lead: str, decimals: int
    ) -> "CompiledOffer":
        codes, start = offer.coupons.codes, offer.redeem.start
        assert codes.type == "unique"
        return cls(
            offer.offer_id,
            number,
            version,
            Series.of(offer.offer_id, lead, CHARSETS[codes.charset], codes.length),
            DiscountRule.of(offer.discount, offer.products.on_sale_items, decimals),
            start.type,
            start.days if start.type == "days_after_issue" else 0,
            to_second(start.at) if start.type == "from_date" else 0,
        )

    def starts(self, calendar: Calendar, second: int, day: int) -> int:
        """From which second a coupon issued at this second, on this day, can be redeemed."""
        if self.start_type == "days_after_issue":
            return calendar.first_second(day + self.start_days)
        return self.start_second if self.start_type == "from_date" else second


class Catalogue:
    """All offers by id and by what their codes begin with. ``stamp``: of the newest change."""

    def __init__(self, codes: Codes, calendar: Calendar, decimals: int) -> None:
        self.codes, self.calendar, self.decimals = codes, calendar, decimals
        self.forget()

    def forget(self) -> None:
        """Know no offer, as at first."""
        self.stamp = 0
        self._offers: dict[str, CompiledOffer] = {}
        self._by_lead: dict[int, dict[str, CompiledOffer]] = defaultdict(dict)
        self._lead_lengths: dict[int, list[int]] = {}

    def __len__(self) -> int:
        return len(self._offers)

    def get(self, offer_id: str) -> CompiledOffer | None:
        return self._offers.get(offer_id)

    def learn(self, stamp: int, changed: list[dict[bytes, bytes]]) -> None:
        """Take in the hashes (as in Redis) of offers changed up to this stamp."""
        for fields in changed:
            offer = Offer.model_validate(orjson.loads(fields[b"definition"]))
            compiled = CompiledOffer.of(
                offer,
                int(fields[b"number"]),
                int(fields[b"version"]),
                fields[b"lead"].decode(),
                self.decimals,
            )
            self._offers[offer.offer_id] = compiled
            by_lead = self._by_lead[compiled.series.length]
            by_lead[compiled.series.lead] = compiled
            self._lead_lengths[compiled.series.length] = sorted({len(lead) for lead in by_lead})
        self.stamp = stamp

    def offer_of_code(self, code: str) -> CompiledOffer | None:
        """The offer whose codes look like this (normalised) one. At most one does."""
        by_lead = self._by_lead.get(len(code))
        if by_lead:
            for length in self._lead_lengths[len(code)]:
                found = by_lead.get(code[:length])
                if found is not None:
                    return found
        return None

    def coupons_of(self, codes: list[str]) -> list[tuple[CompiledOffer | None, int | None]]:
        """For each code as a till sends it: its offer and the serial it stands for, if any."""
        plain = [normalise(code) for code in codes]
        offers = [self.offer_of_code(code) for code in plain]
        known = [(offer, i) for i, offer in enumerate(offers) if offer is not None]
        serials: list[int | None] = [None] * len(codes)
        for (_, i), serial in zip(
            known, self.codes.decode([(o.series, plain[i]) for o, i in known]), strict=True
        ):
            if serial is not None and serial < _MOST_SERIALS:
                serials[i] = serial
        return list(zip(offers, serials, strict=True))


def limits_of(offer: Offer) -> dict[str, Any]:
    """What the ledger's scripts need of an offer's rules; False: no limit."""
    issue, redeem, expiry = offer.issue, offer.redeem, offer.expiry
    unlimited = redeem.uses_per_coupon == "unlimited"
    return {
        "ends_at": to_second(expiry.at) if expiry.type == "fixed_date" else False,
        "with_campaign": expiry.type == "with_campaign",
        "coupon_with_offer": offer.coupons.expiry.type == "with_offer",
        "issue_per_customer": issue.max_per_customer or False,
        "issue_gap_days": issue.min_gap_days,
        "issue_total": issue.max_total or False,
        "anyone_may_redeem": redeem.anyone_may_redeem,
        "uses_per_coupon": False if unlimited else redeem.uses_per_coupon,
        "redeem_per_customer": redeem.max_per_customer or False,
        "redeem_gap_days": redeem.min_gap_days,
        "redeem_total": redeem.max_total or False,
    }


def lead_candidates(offer: Offer) -> list[str]:
    """Leads for an offer that names none, shortest first; the first free one becomes its own."""
    codes = offer.coupons.codes
    assert codes.type == "unique"
    if codes.prefix is not None:
        return [codes.prefix]
    charset = CHARSETS[codes.charset]
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
