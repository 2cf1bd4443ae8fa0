"""Resend and revoke: a customer's coupons told again, and coupons ended, judged by an offer's
model."""

from collections.abc import Iterable, Iterator
from typing import Any

from schemas.reasons import Reason
from streams.audit.decision import Decision, Resending, Resent, Revoking
from streams.audit.model import OfferModel
from streams.audit.rules import Rules


def resend(offer: OfferModel, decision: Decision, rules: Rules) -> None:
    more: Resending = decision.more
    due = _active_coupons(offer, decision, rules, {decision.customer})
    offer.expect(decision, _resend_refusal(decision, rules, due), "issue")
    if decision.reason is not None:
        return
    if more.content != rules.resend:
        offer.wrong(decision, f"sent the text {more.content!r}; due {rules.resend!r}")
    serials = [coupon.serial for coupon in more.coupons]
    customer = offer.customers.get(decision.customer)
    if customer is not None and not customer.uploaded and not customer.taken:
        in_order = serials == due  # the oldest first: in the order of issue
    else:
        in_order = sorted(serials) == sorted(due)
    if not in_order:
        if offer.lost["issue"] or offer.lost["redeem"]:
            offer.by_lost += 1
        else:
            offer.wrong(decision, f"sent the coupons {serials[:5]}; due {due[:5]}")
    for coupon in more.coupons:
        for text in _coupon_errors(offer, rules, coupon):
            offer.wrong(decision, f"sent coupon {coupon.serial} {text}")


def _resend_refusal(decision: Decision, rules: Rules, due: list[int]) -> str | None:
    if rules.ends is not None and decision.second > rules.ends:
        return Reason.OFFER_EXPIRED
    if rules.resend is None:
        return Reason.RESEND_NOT_ALLOWED
    return None if due else Reason.NO_ACTIVE_COUPON


def _coupon_errors(offer: OfferModel, rules: Rules, said: Resent) -> Iterator[str]:
    coupon = offer.coupon(said.serial)
    if coupon is None:
        return
    if not offer.is_code_of(said.code, said.serial, rules):
        yield f"with the code {said.code}, which is another's"
    due = coupon.starts, rules.coupon_ends(coupon.expires)
    if (said.starts, said.expires) != due:
        yield f"with start and expiry {(said.starts, said.expires)}; due {due}"
    template = rules.resend or ""
    if ("{code}" in template and said.code not in said.content) or (
        "{" not in template and said.content != template
    ):
        yield f"with the text {said.content!r}"


def revoke(offer: OfferModel, decision: Decision, rules: Rules) -> None:
    more: Revoking = decision.more
    offer.expect(decision, None, "issue")
    if decision.reason is not None:
        return
    if more.scope == "customers":
        _revoke_customers(offer, decision, rules, more)
        return
    stock, end = None, offer.next_serial
    if rules.codes.type == "uploaded":
        stock, end = _end_stock(offer, more)
    else:
        offer.closed = True
    unredeemed = more.scope == "unredeemed"
    if unredeemed:
        offer.watermark = max(offer.watermark, more.watermark or 0)
    due: tuple[Any, ...] = (None, end, [], stock) if unredeemed else (0, None, [], stock)
    found = more.ended, more.watermark, more.serials, more.stock
    if found != due and not offer.lost["issue"]:
        text = f"ended {more.ended} coupons, watermark {more.watermark}, coupons {more.serials}"
        offer.wrong(decision, f"{text}, stock {more.stock}; due {due}")
    _skip_up_to(offer, more.watermark or 0)


def _skip_up_to(offer: OfferModel, next_serial: int) -> None:
    """Serials whose issue was lost aren't given again once something that is known names them."""
    if offer.uploaded is None:
        offer.next_serial = max(offer.next_serial, next_serial)


def _end_stock(offer: OfferModel, more: Revoking) -> tuple[int, int]:
    """All free codes are gone. Returns how many that are, and where the codes in effect end."""
    if offer.uploaded is None:
        return 0, 0
    due = offer.uploaded.stock_end
    offer.uploaded.taken = max(offer.uploaded.taken, more.stock or 0)
    return due, max((span.first + span.size for span in offer.spans), default=0)


def _revoke_customers(offer: OfferModel, decision: Decision, rules: Rules, more: Revoking) -> None:
    ended = set(more.serials)
    if more.ended != len(more.serials) or len(ended) != len(more.serials):
        offer.wrong(decision, f"ended {more.ended} coupons and names {len(ended)}")
    if more.customers is None:
        due = {serial for serial in ended if _is_active(offer, decision, rules, serial)}
    else:
        due = set(_active_coupons(offer, decision, rules, more.customers))
    if ended != due and not offer.lost["ever"]:
        text = f"ended coupons {sorted(ended - due)[:5]} that are not to be ended"
        offer.wrong(decision, f"{text}, and left {sorted(due - ended)[:5]} that are")
    for serial in ended:
        _skip_up_to(offer, serial + 1)
        if coupon := offer.coupon(serial):
            coupon.revoked = True


def _active_coupons(
    offer: OfferModel, decision: Decision, rules: Rules, customers: Iterable[str]
) -> list[int]:
    """Serials of those that are these customers' now and can still be used."""
    return [
        serial
        for customer_id in customers
        if (customer := offer.customers.get(customer_id))
        for serial in customer.serials()
        if (coupon := offer.coupon(serial))
        and coupon.owner() == customer_id
        and _is_active(offer, decision, rules, serial)
    ]


def _is_active(offer: OfferModel, decision: Decision, rules: Rules, serial: int) -> bool:
    coupon = offer.coupon(serial)
    if coupon is None or coupon.revoked:
        return False
    standing, ends = coupon.standing(), rules.coupon_ends(coupon.expires)
    return not (
        (serial < offer.watermark and not standing)
        or (ends is not None and decision.second > ends)
        or (rules.uses_per_coupon is not None and standing >= rules.uses_per_coupon)
    )
