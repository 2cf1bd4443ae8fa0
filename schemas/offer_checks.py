"""What is wrong between an offer's rules: one that can never be issued or redeemed is refused.

Each check answers None, or a sentence that says why and what to change.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from schemas.money import decimals_of, to_minor
from schemas.offer_sections import WEEKDAYS, When
from schemas.reminders import ReminderName
from schemas.times import DAY_SECONDS, to_second

if TYPE_CHECKING:
    from schemas.offers import Offer

_EPOCH_DAY = date(1970, 1, 1).toordinal()
#: Local time is at most so far from UTC, anywhere.
_WEST_SECONDS, _EAST_SECONDS = 12 * 3600, 14 * 3600


def wrong_in(
    offer: "Offer", currency: str, pocs: Collection[str] = ()
) -> Iterator[tuple[str, str]]:
    """(path, sentence) of everything in an offer whose fields are right by themselves."""
    yield from _wrong_money(offer, currency)
    yield from _wrong_pocs(offer, pocs)
    for path, check in _CHECKS:
        sentence = check(offer)
        if sentence is not None:
            yield path, sentence
    broken = [
        (f"redeem.when.{i}.{name}", sentence)
        for i, when in enumerate(offer.redeem.when)
        for name, check_one in _CHECKS_OF_WHEN
        if (sentence := check_one(when)) is not None
    ]
    yield from broken
    if not broken and (sentence := _never_open(offer)) is not None:
        yield "redeem.when", sentence


def _wrong_money(offer: "Offer", currency: str) -> Iterator[tuple[str, str]]:
    discount, bill, budget = offer.discount, offer.redeem.bill, offer.budget
    if discount.type == "fixed" and discount.currency != currency:
        yield "discount.currency", f"{discount.currency} is not the organisation's {currency}"
    amounts = (
        ("discount.amount", discount.amount if discount.type == "fixed" else None),
        ("discount.max_amount", discount.max_amount if discount.type == "percentage" else None),
        ("redeem.bill.min", bill and bill.min),
        ("redeem.bill.max", bill and bill.max),
        ("budget.discount", budget.discount),
        ("budget.revenue_goal", budget.revenue_goal),
    )
    for path, amount in amounts:
        if amount is None:
            continue
        try:
            to_minor(amount, decimals_of(currency))
        except ValueError as error:
            yield path, str(error)


def _wrong_pocs(offer: "Offer", pocs: Collection[str]) -> Iterator[tuple[str, str]]:
    for i, reminder in enumerate(offer.poc_reminders):
        unknown = [poc for poc in reminder.pocs if pocs and poc not in pocs]
        if unknown:
            yield (
                f"poc_reminders.{i}.pocs",
                f"{', '.join(unknown)}: not in the organisation's list ({', '.join(pocs)})",
            )


def _no_amount(offer: "Offer") -> str | None:
    if offer.discount.type != "fixed" or not _is_nothing(offer.discount.amount):
        return None
    return "a discount of nothing; give the amount to take off"


def _no_max_amount(offer: "Offer") -> str | None:
    if offer.discount.type != "percentage" or not _is_nothing(offer.discount.max_amount):
        return None
    return "never more than nothing would be taken off; raise it or leave it out"


def _nothing_left(offer: "Offer") -> str | None:
    """Of each list that selects, everything is excluded by the same kind of list."""
    selected, exclude = offer.products, offer.products.exclude
    pairs = [
        (selected.skus, exclude.skus),
        (selected.categories, exclude.categories),
        (selected.brands, exclude.brands),
    ]
    if not any(wanted for wanted, _ in pairs) or any(set(w) - set(not_) for w, not_ in pairs):
        return None
    return (
        "everything that the offer selects is excluded, so no line could ever count; select "
        "something else or exclude less"
    )


def _receives_itself(offer: "Offer") -> str | None:
    excluding = offer.issue.unless_received
    if excluding is None or offer.offer_id not in excluding.offers:
        return None
    return (
        "the offer itself is among them; take it out, and use issue.max_per_customer or "
        "issue.min_gap_days for what a customer gets of this one"
    )


def _begins_after_the_offer(offer: "Offer") -> str | None:
    start, expiry = offer.redeem.start, offer.expiry
    if start.type != "from_date" or expiry.type != "fixed_date":
        return None
    if to_second(start.at) <= to_second(expiry.at):
        return None
    return "begins after the offer has expired; begin earlier or move expiry.at"


def _begins_after_the_coupon(offer: "Offer") -> str | None:
    start, expiry = offer.redeem.start, offer.coupons.expiry
    if start.type != "days_after_issue" or expiry.type == "with_offer":
        return None
    days = expiry.days if expiry.type == "days_after_issue" else _most_days(expiry.months)
    if start.days <= days:
        return None
    return (
        f"a coupon begins {start.days} days after its issue but ends {days} days after it at the "
        "latest; begin earlier or lengthen coupons.expiry"
    )


def _nothing_to_keep_apart(offer: "Offer") -> str | None:
    redeem = offer.redeem
    if not redeem.min_gap_days or redeem.uses_per_coupon != 1 or redeem.max_per_customer != 1:
        return None
    return (
        "a coupon can be used only once and a customer can redeem only once, so there is nothing "
        "to keep apart; raise max_per_customer or leave the gap out"
    )


def _bill_below_its_least(offer: "Offer") -> str | None:
    bill = offer.redeem.bill
    if bill is None or bill.min is None or bill.max is None:
        return None
    if Decimal(bill.min) <= Decimal(bill.max):
        return None
    return f"no bill is at least {bill.min} and at most {bill.max}; lower min or raise max"


def _only_bills_of_nothing(offer: "Offer") -> str | None:
    bill = offer.redeem.bill
    if bill is None or not _is_nothing(bill.max):
        return None
    return "only bills of nothing would pass; raise it or leave it out"


def _no_budget(offer: "Offer") -> str | None:
    if not _is_nothing(offer.budget.discount):
        return None
    return "exhausted before the first redemption; raise it or leave it out"


def _no_revenue_goal(offer: "Offer") -> str | None:
    if not _is_nothing(offer.budget.revenue_goal):
        return None
    return "reached before the first redemption; raise it or leave it out"


def _same_reminders(offer: "Offer") -> str | None:
    twice = _twice(reminder.name for reminder in offer.reminders)
    if twice is None:
        return None
    days, at, channel = twice
    return f"two by {channel} at {at}, {days} days before; a customer would get both"


def _same_poc_reminders(offer: "Offer") -> str | None:
    twice = _twice(reminder.name for reminder in offer.poc_reminders)
    if twice is None:
        return None
    return f"two {twice.days_before} days before; name all pocs in one of them"


def _reminds_before_the_issue(offer: "Offer") -> str | None:
    expiry = offer.coupons.expiry
    if expiry.type == "with_offer" or not offer.reminders:
        return None
    days = expiry.days if expiry.type == "days_after_issue" else _most_days(expiry.months)
    longest = max(reminder.days_before for reminder in offer.reminders)
    if longest <= days:
        return None
    return (
        f"one {longest} days before the end of coupons that end {days} days after their issue at "
        "the latest; lower days_before or lengthen coupons.expiry"
    )


def _no_day(when: When) -> str | None:
    if when.days != []:
        return None
    return "no day is listed, so it never matches; list some, or leave days out for every day"


def _dates_backwards(when: When) -> str | None:
    first, last = _first_and_last(when)
    if first <= last:
        return None
    return "from is after to, so it never matches; swap them"


def _no_such_day_in_dates(when: When) -> str | None:
    first, last = _first_and_last(when)
    if not when.days or first > last or _has_day(when, first, last):
        return None
    return (
        f"none of {', '.join(when.days)} lies within the dates, so it never matches; change the "
        "days or the dates"
    )


def _never_open(offer: "Offer") -> str | None:
    """Whether every entry lies before the start or after the end, wherever the stores are."""
    whens, start, expiry = offer.redeem.when, offer.redeem.start, offer.expiry
    begins, ends = date.min.toordinal(), date.max.toordinal()
    if start.type == "from_date":
        begins = _EPOCH_DAY + (to_second(start.at) - _WEST_SECONDS) // DAY_SECONDS
    if expiry.type == "fixed_date":
        ends = _EPOCH_DAY + (to_second(expiry.at) + _EAST_SECONDS) // DAY_SECONDS
    for when in whens:
        first, last = _first_and_last(when)
        over_midnight = when.to is not None and when.to <= (when.from_ or "00:00")
        if _has_day(when, max(first, begins - over_midnight), min(last, ends)):
            return None
    if not whens:
        return None
    return (
        "none of its days lies between redeem.start and expiry.at; change the days, the dates, or "
        "when the offer begins and ends"
    )


#: Every check of an offer, by the path it is about.
_CHECKS: tuple[tuple[str, Callable[["Offer"], str | None]], ...] = (
    ("discount.amount", _no_amount),
    ("discount.max_amount", _no_max_amount),
    ("products.exclude", _nothing_left),
    ("issue.unless_received.offers", _receives_itself),
    ("redeem.start", _begins_after_the_offer),
    ("redeem.start.days", _begins_after_the_coupon),
    ("redeem.min_gap_days", _nothing_to_keep_apart),
    ("redeem.bill.min", _bill_below_its_least),
    ("redeem.bill.max", _only_bills_of_nothing),
    ("budget.discount", _no_budget),
    ("budget.revenue_goal", _no_revenue_goal),
    ("reminders", _same_reminders),
    ("reminders", _reminds_before_the_issue),
    ("poc_reminders", _same_poc_reminders),
)
#: And of each entry of `redeem.when`.
_CHECKS_OF_WHEN: tuple[tuple[str, Callable[[When], str | None]], ...] = (
    ("days", _no_day),
    ("dates", _dates_backwards),
    ("days", _no_such_day_in_dates),
)


def _twice(names: Iterable[ReminderName]) -> ReminderName | None:
    counted = Counter(names)
    return next((name for name, count in counted.items() if count > 1), None)


def _is_nothing(amount: str | None) -> bool:
    return amount is not None and not Decimal(amount)


def _first_and_last(when: When) -> tuple[int, int]:
    """The days, as ordinals, between which it may begin."""
    first, last = (when.dates.from_, when.dates.to) if when.dates else (None, None)
    return (
        (date.fromisoformat(first) if first else date.min).toordinal(),
        (date.fromisoformat(last) if last else date.max).toordinal(),
    )


def _has_day(when: When, first: int, last: int) -> bool:
    """Whether one of its weekdays lies in these days."""
    wanted = WEEKDAYS if when.days is None else when.days
    return any(WEEKDAYS[(day - 1) % 7] in wanted for day in range(first, min(last, first + 6) + 1))


def _most_days(months: int) -> int:
    """The most days from an issue to the end of so many months, that of the issue included."""
    longest = 0
    for first in range(48):  # months, one round of leap years
        year, month = divmod(first + months, 12)
        days = date(2004 + year, month + 1, 1) - date(2004 + first // 12, first % 12 + 1, 1)
        longest = max(longest, days.days - 1)
    return longest
