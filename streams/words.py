"""An offer's rules in plain sentences, for people who have to agree with them."""

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from schemas.offer_sections import IssueRules, OrgEntities, RedeemRules
from schemas.offers import Offer
from schemas.times import to_second

_DAYS = {
    "mon": "Mondays", "tue": "Tuesdays", "wed": "Wednesdays", "thu": "Thursdays",
    "fri": "Fridays", "sat": "Saturdays", "sun": "Sundays",
}  # fmt: skip
_CHARSETS = {"digits": "digits", "alphanumeric": "letters and digits"}


class Sentence(NamedTuple):
    """``about``: the part of the offer that it tells."""

    about: str
    text: str


def in_words(offer: Offer, currency: str, now: int = 0) -> list[Sentence]:
    """Every rule that the offer sets, and what it doesn't limit where that may surprise.

    ``now``: a second, after which it is said of an end that it is over."""
    found = []
    for about, told in (
        ("discount", _discount(offer, currency)),
        ("products", _products(offer)),
        ("codes", _codes(offer)),
        ("issuing", _issuing(offer)),
        ("redeeming", _redeeming(offer, currency)),
        ("where and when", _places(offer)),
        ("budget", _budget(offer, currency)),
        ("end", _end(offer, now)),
        ("reminders", _reminders(offer)),
        ("claim", _claim(offer)),
    ):
        found += [Sentence(about, text) for text in told]
    return found


def by_part(sentences: list[Sentence]) -> list[tuple[str, list[str]]]:
    """The sentences of each part, in their order."""
    return [
        (about, [one.text for one in some])
        for about, some in groupby(sentences, key=lambda one: one.about)
    ]


def discount_in_words(offer: Offer) -> str:
    """What a bill gets, in a few words."""
    discount = offer.discount
    if discount.type == "fixed":
        return f"{discount.amount} {discount.currency} off"
    most = f", at most {discount.max_amount}" if discount.max_amount else ""
    return f"{discount.percent}% off{most}"


def expiry_in_words(offer: Offer, campaign_ends: str | None) -> str:
    if offer.expiry.type == "fixed_date":
        return offer.expiry.at
    return campaign_ends or "with its campaign"


def _discount(offer: Offer, currency: str) -> Iterator[str]:
    discount = offer.discount
    if discount.type == "fixed":
        yield f"{discount.amount} {discount.currency} are taken off what the offer is for."
    elif discount.max_amount:
        most = f"{discount.max_amount} {currency}"
        yield f"{discount.percent}% are taken off what the offer is for, {most} at most."
    else:
        yield f"{discount.percent}% are taken off what the offer is for."


def _products(offer: Offer) -> Iterator[str]:
    products, exclude = offer.products, offer.products.exclude
    chosen = _either(categories=products.categories, brands=products.brands, SKUs=products.skus)
    yield f"It is for {chosen or 'all products'}."
    if not products.on_sale_items:
        yield "Lines marked on sale don't count."
    if left_out := _either(categories=exclude.categories, brands=exclude.brands, SKUs=exclude.skus):
        yield f"Never for {left_out}."
    if exclude.customer_tags:
        yield f"Never for customers tagged {_listed(exclude.customer_tags)}."


def _codes(offer: Offer) -> Iterator[str]:
    codes = offer.coupons.codes
    if codes.type == "unique":
        begin = f", beginning with {codes.prefix}" if codes.prefix else ""
        kind = _CHARSETS[codes.charset] + (" without lookalikes" if codes.no_lookalikes else "")
        yield f"Each coupon has a code of its own: {codes.length} {kind}{begin}."
    elif codes.type == "common":
        yield f"All customers use the one code {codes.code}."
    elif codes.type == "uploaded":
        yield "Codes are uploaded."
    else:
        yield f"Each coupon has a code of its own, made like {codes.sample}."
    if offer.coupons.delivery == "third_party":
        yield "A third party delivers the codes: exporting them issues them, to nobody yet."


def _limits(limits: IssueRules | RedeemRules, what: str, customers: str) -> Iterator[str]:
    """``customers``: what stands before them."""
    if limits.max_total:
        yield f"At most {_times(limits.max_total, what)} in all."
    if limits.max_per_customer:
        yield f"At most {_times(limits.max_per_customer, what)} {customers} a customer."
    if limits.min_gap_days:
        days = _times(limits.min_gap_days, "day")
        yield f"{days} at least between two {customers} one customer."


def _issuing(offer: Offer) -> Iterator[str]:
    issue = offer.issue
    yield from _limits(issue, "coupon", "to")
    if issue.unless_received:
        months = _times(issue.unless_received.months, "month")
        offers = _listed(issue.unless_received.offers)
        yield f"Not to customers who received {offers} in the last {months}."
    if not (issue.max_total or issue.max_per_customer):
        yield "There is no limit to how many are issued."
    if issue.resend:
        yield f"It may be sent again, as: {issue.resend.content}"


def _redeeming(offer: Offer, currency: str) -> Iterator[str]:
    redeem = offer.redeem
    uses = redeem.uses_per_coupon
    times = "any number of times" if uses == "unlimited" else _often(uses)
    who = "anyone" if redeem.anyone_may_redeem else "its recipient"
    yield f"A coupon can be used {times}, by {who}."
    start = redeem.start
    if start.type == "days_after_issue":
        yield f"It can be used from {_times(start.days, 'day')} after its issue on."
    elif start.type == "from_date":
        yield f"It can be used from {start.at} on."
    yield from _limits(redeem, "redemption", "by")
    bill = redeem.bill
    if bill and (bill.min or bill.max):
        least = f"of {bill.min} {currency} at least" if bill.min else ""
        most = f"of {bill.max} {currency} at most" if bill.max else ""
        yield f"On a bill {' and '.join(part for part in (least, most) if part)}."


def _places(offer: Offer) -> Iterator[str]:
    places = offer.redeem.org_entities or OrgEntities()
    listed = _either(
        tills=places.tills, stores=places.stores, zones=places.zones, concepts=places.concepts
    )
    yield f"At {listed or 'every till'}."
    for when in offer.redeem.when:
        days = _listed([_DAYS[day] for day in when.days]) if when.days else "Every day"
        slot = ""
        if when.from_ or when.to:
            slot = f" from {when.from_ or '00:00'} to {when.to or '24:00'}"
        dates = when.dates
        begin = f", from {dates.from_} on" if dates and dates.from_ else ""
        end = f", until {dates.to}" if dates and dates.to else ""
        yield f"{days}{slot}{begin}{end}, by the store's clock."


def _budget(offer: Offer, currency: str) -> Iterator[str]:
    budget = offer.budget
    if budget.discount:
        yield f"It ends when discounts of {budget.discount} {currency} were given."
    if budget.revenue_goal:
        yield f"It ends when bills of {budget.revenue_goal} {currency} were reached."


def _end(offer: Offer, now: int) -> Iterator[str]:
    if offer.expiry.type == "fixed_date":
        over = to_second(offer.expiry.at) < now
        yield f"The offer ends at {offer.expiry.at}{', which is over' if over else ''}."
    else:
        yield "The offer ends with the campaign that claims it."
    expiry = offer.coupons.expiry
    if expiry.type == "with_offer":
        yield "Its coupons end with it; those of a loyalty program don't end."
    elif expiry.type == "days_after_issue":
        days = _times(expiry.days, "day")
        yield f"A coupon ends {days} after its issue, at the end of that day, or with the offer."
    else:
        which = (
            "the month of its issue"
            if expiry.months == 1
            else (f"the month {_times(expiry.months - 1, 'month')} after that of its issue")
        )
        yield f"A coupon ends with {which}, or with the offer."


def _reminders(offer: Offer) -> Iterator[str]:
    for one in offer.reminders:
        days = f"{_times(one.days_before, 'day')} before a coupon ends"
        when = days if one.days_before else "On the day on which a coupon ends"
        yield f"{when}, at {one.at}, its recipient gets by {one.channel}: {one.content}"
    for poc in offer.poc_reminders:
        when = f"{_times(poc.days_before, 'day')} before the offer ends"
        yield f"{when}, at 10:00, {_listed(poc.pocs)} are told."


def _claim(offer: Offer) -> Iterator[str]:
    if offer.claim:
        ends = f", until {offer.claim.ends_at}" if offer.claim.ends_at else ""
        yield f"It is claimed by {offer.claim.service}, {offer.claim.holder}{ends}."
    else:
        yield "Nobody has claimed it: it issues nothing yet."


def _either(**named: list[str]) -> str:
    """``stores s1 or zones north``; empty where no list has anything."""
    return " or ".join(f"{name} {_listed(values)}" for name, values in named.items() if values)


def _listed(values: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``; of many only the first."""
    if len(values) > 8:
        return f"{', '.join(values[:6])} and {len(values) - 6} more"
    return " and ".join([", ".join(values[:-1]), values[-1]] if len(values) > 1 else values)


def _often(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def _times(count: int, unit: str) -> str:
    return f"{count:,} {unit}" if count == 1 else f"{count:,} {unit}s"
