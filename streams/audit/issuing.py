"""Issue, resend, revoke: coupons handed out and coupons ended, judged by an offer's model."""

from typing import Any

from schemas.reasons import Reason
from streams.audit.decision import Decision, Issuing, Revoking
from streams.audit.model import Coupon, Customer, OfferModel
from streams.audit.rules import Rules


def issue(offer: OfferModel, decision: Decision, rules: Rules) -> None:
    more: Issuing = decision.more
    offer.expect(decision, _issue_refusal(offer, decision, rules, more), "issue")
    if decision.reason is not None:
        return
    offer.findings.compared["limits held"] += rules.issue_limits
    day, serial = offer.expect_day(decision), decision.serial
    if serial != offer.issued:
        if 0 < serial - offer.issued <= offer.lost["issue"]:
            offer.by_lost += 1
        else:
            offer.wrong(decision, f"got the serial {serial}, the next is {offer.issued}")
    _check_coupon(offer, decision, rules, more)
    customer = offer.customers.get(decision.customer)
    if customer is None:
        customer = offer.customers[decision.customer] = Customer()
    customer.issued += (serial, day)
    coupon = Coupon(decision.customer, more.starts, more.expires, decision.sequence)
    offer.coupons[serial] = coupon
    offer.serials[decision.code] = serial
    offer.issued = max(offer.issued, serial + 1)
    offer.expect_totals(decision, (None, len(customer.issued) // 2, offer.issued), "issue")


def _issue_refusal(
    offer: OfferModel, decision: Decision, rules: Rules, more: Issuing
) -> str | None:
    if rules.ends is not None and decision.second > rules.ends:
        return Reason.OFFER_EXPIRED
    if more.service is None:  # nobody knows any more who asked
        if decision.reason == Reason.NOT_CLAIMED_BY_SERVICE:
            return Reason.NOT_CLAIMED_BY_SERVICE
    elif rules.claim is None or rules.claim[:2] != (more.service, more.holder):
        return Reason.NOT_CLAIMED_BY_SERVICE
    customer = offer.customers.get(decision.customer)
    if customer is not None:
        days = customer.issued[1::2]
        if rules.issue_per_customer is not None and len(days) >= rules.issue_per_customer:
            return Reason.CUSTOMER_LIMIT_REACHED
        if rules.issue_gap_days and offer.too_near(days, decision, rules.issue_gap_days):
            return Reason.GAP_NOT_ELAPSED
    if rules.issue_total is not None and offer.issued >= rules.issue_total:
        return Reason.OFFER_LIMIT_REACHED
    if offer.closed or offer.issued >= rules.possible_codes:
        return Reason.CODES_EXHAUSTED
    return None


def _check_coupon(offer: OfferModel, decision: Decision, rules: Rules, more: Issuing) -> None:
    serial, code = decision.serial, decision.code
    if serial in offer.coupons:
        offer.wrong(decision, f"got coupon {serial}, which customer "
                   f"{offer.coupons[serial].recipient} has")  # fmt: skip
    if code in offer.serials:
        offer.wrong(decision, f"got the code {code}, which coupon {offer.serials[code]} has")
    if not rules.is_code(code):
        offer.wrong(decision, f"got the code {code}, which is none of this offer's")
    starts = rules.starts(offer.calendar, decision.second)
    if not more.starts == more.starts_shown == starts:
        offer.wrong(decision, f"starts {more.starts} (shown {more.starts_shown}); due {starts}")
    ends = rules.coupon_ends(more.expires)
    if more.expires is not None or more.expires_shown != ends:
        offer.wrong(decision, f"expires {more.expires} (shown {more.expires_shown}); due {ends}")


def resend(offer: OfferModel, decision: Decision, rules: Rules) -> None:
    expired = rules.ends is not None and decision.second > rules.ends
    due = Reason.OFFER_EXPIRED if expired else Reason.RESEND_NOT_ALLOWED
    offer.expect(decision, due, "issue")


def revoke(offer: OfferModel, decision: Decision, rules: Rules) -> None:
    more: Revoking = decision.more
    offer.expect(decision, None, "issue")
    if decision.reason is not None:
        return
    if more.scope == "customers":
        _revoke_customers(offer, decision, rules, more)
        return
    offer.closed = True
    unredeemed = more.scope == "unredeemed"
    if unredeemed:
        offer.watermark = max(offer.watermark, more.watermark or 0)
    due: tuple[Any, ...] = (None, offer.issued, []) if unredeemed else (0, None, [])
    if (more.ended, more.watermark, more.serials) != due and not offer.lost["issue"]:
        text = f"ended {more.ended} coupons, watermark {more.watermark}, coupons {more.serials}"
        offer.wrong(decision, f"{text}; due {due}")


def _revoke_customers(offer: OfferModel, decision: Decision, rules: Rules, more: Revoking) -> None:
    ended = set(more.serials)
    if more.ended != len(more.serials) or len(ended) != len(more.serials):
        offer.wrong(decision, f"ended {more.ended} coupons and names {len(ended)}")
    if more.customers is None:
        due = {serial for serial in ended if _is_active(offer, decision, rules, serial)}
    else:
        due = {
            serial
            for customer in more.customers & offer.customers.keys()
            for serial in offer.customers[customer].issued[::2]
            if _is_active(offer, decision, rules, serial)
        }
    if ended != due and not offer.lost["ever"]:
        text = f"ended coupons {sorted(ended - due)[:5]} that are not to be ended"
        offer.wrong(decision, f"{text}, and left {sorted(due - ended)[:5]} that are")
    for serial in ended & offer.coupons.keys():
        offer.coupons[serial].revoked = True


def _is_active(offer: OfferModel, decision: Decision, rules: Rules, serial: int) -> bool:
    coupon = offer.coupons.get(serial)
    if coupon is None or coupon.revoked:
        return False
    standing, ends = coupon.standing(), rules.coupon_ends(coupon.expires)
    return not (
        (serial < offer.watermark and not standing)
        or (ends is not None and decision.second > ends)
        or (rules.uses_per_coupon is not None and standing >= rules.uses_per_coupon)
    )
