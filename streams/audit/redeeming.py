"""Redeem and reverse: coupons used on bills, judged by an offer's model."""

from typing import Any

from schemas.reasons import Reason
from streams.audit.decision import Decision
from streams.audit.model import Coupon, Customer, OfferModel
from streams.audit.rules import Rules


def redeem(offer: OfferModel, decision: Decision, rules: Rules) -> None:
    coupon = _coupon_of(offer, decision)
    if coupon is None:
        return
    offer.expect(decision, _redeem_refusal(offer, decision, rules, coupon), "redeem")
    if decision.reason is not None:
        return
    offer.findings.compared["limits held"] += rules.redeem_limits
    day, customer_total = offer.expect_day(decision), None
    if coupon.uses is None:
        coupon.uses = []
    coupon.uses.append([decision.request_id, decision.customer, day, False])
    offer.redeemed += 1
    if decision.customer:
        customer = offer.customers.get(decision.customer)
        if customer is None:
            customer = offer.customers[decision.customer] = Customer()
        customer.redeemed[day] = customer.redeemed.get(day, 0) + 1
        customer_total = sum(customer.redeemed.values())
    due = (coupon.standing(), customer_total, offer.redeemed)
    offer.expect_totals(decision, due, "redeem")


def _coupon_of(offer: OfferModel, decision: Decision) -> Coupon | None:
    """The coupon an outcome names, if it is the one its code was issued with."""
    serial = offer.serials.get(decision.code)
    if serial != decision.serial:
        issued = f"is of coupon {serial}" if serial is not None else "was not issued before"
        text = f"speaks of coupon {decision.serial}; its code {decision.code} {issued}"
        offer.wrong(decision, text)
    return offer.coupons.get(decision.serial)


def _redeem_refusal(
    offer: OfferModel, decision: Decision, rules: Rules, coupon: Coupon
) -> str | None:
    standing, second = coupon.standing(), decision.second
    if coupon.revoked or (decision.serial < offer.watermark and not standing):
        return Reason.COUPON_REVOKED
    if rules.uses_per_coupon is not None and standing >= rules.uses_per_coupon:
        return Reason.COUPON_REDEEMED
    ends = rules.coupon_ends(coupon.expires)
    if ends is not None and second > ends:
        return Reason.COUPON_EXPIRED
    if second < coupon.starts:
        return Reason.NOT_STARTED
    if not rules.anyone_may_redeem and coupon.recipient != decision.customer:
        return Reason.NOT_RECIPIENT
    if decision.more is None:  # the request with its bill is gone
        if decision.reason == Reason.NO_ELIGIBLE_ITEMS:
            return Reason.NO_ELIGIBLE_ITEMS
    elif decision.more:
        return Reason.NO_ELIGIBLE_ITEMS
    return _redeem_limit(offer, decision, rules)


def _redeem_limit(offer: OfferModel, decision: Decision, rules: Rules) -> str | None:
    customer = offer.customers.get(decision.customer)
    if customer is not None and customer.redeemed:
        most, gap = rules.redeem_per_customer, rules.redeem_gap_days
        if most is not None and sum(customer.redeemed.values()) >= most:
            return Reason.CUSTOMER_LIMIT_REACHED
        if gap and offer.too_near(customer.redeemed, decision, gap):
            return Reason.GAP_NOT_ELAPSED
    if rules.redeem_total is not None and offer.redeemed >= rules.redeem_total:
        return Reason.OFFER_LIMIT_REACHED
    return None


def reverse(offer: OfferModel, decision: Decision, rules: Rules) -> None:
    serial = offer.serials.get(decision.code, -1)
    coupon = offer.coupons.get(serial)
    use = _use_of(coupon, decision)
    offer.expect(decision, _reverse_refusal(offer, decision, rules, serial, use), "redeem")
    if decision.reason == Reason.REDEMPTION_NOT_FOUND:
        return
    if coupon is None or use is None or serial != decision.serial:
        text = f"speaks of a redemption {decision.more} that coupon {decision.serial} lacks"
        offer.wrong(decision, text)
        return
    if decision.reason is not None:
        return
    use[3] = decision.request_id
    offer.redeemed -= 1
    customer_total = None
    if decision.customer:
        customer = offer.customers[decision.customer]
        customer.redeemed[use[2]] -= 1
        if not customer.redeemed[use[2]]:
            del customer.redeemed[use[2]]
        customer_total = sum(customer.redeemed.values())
    due = (coupon.standing(), customer_total, offer.redeemed)
    offer.expect_totals(decision, due, "redeem")


def _use_of(coupon: Coupon | None, decision: Decision) -> list[Any] | None:
    for use in (coupon and coupon.uses) or ():
        if use[0] == decision.more and use[1] == decision.customer:
            return use
    return None


def _reverse_refusal(
    offer: OfferModel, decision: Decision, rules: Rules, serial: int, use: list[Any] | None
) -> str | None:
    if use is None:
        return Reason.REDEMPTION_NOT_FOUND
    if use[3] is not False:
        return Reason.ALREADY_REVERSED
    coupon = offer.coupons[serial]
    if coupon.revoked or (serial < offer.watermark and not coupon.standing()):
        return Reason.COUPON_REVOKED
    ends = rules.coupon_ends(coupon.expires)
    if ends is not None and decision.second > ends:
        return Reason.COUPON_EXPIRED
    return None
