"""Redeem and reverse: coupons used on bills, judged by an offer's model."""

from typing import Any

from schemas.reasons import Reason
from streams.audit.common_code import coupon_due, newcomer_refusal, of_redemption
from streams.audit.decision import Decision, Redeeming
from streams.audit.issuing import give
from streams.audit.judging import STATELESS
from streams.audit.model import Coupon, OfferModel
from streams.audit.rules import Rules


def redeem(offer: OfferModel, decision: Decision, rules: Rules) -> None:
    if rules.codes.type == "common":
        coupon, due = _common_coupon(offer, decision, rules)
    else:
        coupon = _coupon_of(offer, decision, rules)
        if coupon is None:
            return
        due = _redeem_refusal(offer, decision, rules, coupon)
    offer.expect(decision, due, "redeem")
    if decision.reason is not None:
        return
    offer.findings.compared["limits held"] += rules.redeem_limits
    day = offer.expect_day(decision)
    if coupon is None:
        coupon = _given(offer, decision, rules, day)
    _use(offer, decision, coupon, day)


def _use(offer: OfferModel, decision: Decision, coupon: Coupon, day: int) -> None:
    more: Redeeming = decision.more
    coupon.uses = coupon.uses or []
    discount, bill = more.discount_minor or 0, more.bill_minor or 0
    use = [decision.request_id, decision.customer, day, False, discount, bill, decision.sequence]
    coupon.uses.append(use)
    offer.redeemed += 1
    offer.discounted += discount
    offer.revenue += bill
    customer_total = None
    if decision.customer:
        customer = offer.customer(decision.customer)
        customer.redeemed[day] = customer.redeemed.get(day, 0) + 1
        customer_total = sum(customer.redeemed.values())
        if not coupon.recipient:
            if customer.taken is None:
                customer.taken = []
            if decision.serial not in customer.taken:
                customer.taken.append(decision.serial)
    due = (coupon.standing(), customer_total, offer.redeemed)
    offer.expect_totals(decision, due, "redeem")


def _coupon_of(offer: OfferModel, decision: Decision, rules: Rules) -> Coupon | None:
    """The coupon an outcome names, if it is the one its code was issued with."""
    if decision.serial < 0 and _revoked_in_stock(offer, decision):
        offer.expect(decision, Reason.COUPON_REVOKED, "redeem")
        return None
    coupon = offer.coupon(decision.serial)
    if coupon is None or not offer.is_code_of(decision.code, decision.serial, rules):
        serial = offer.serials.get(decision.code)
        issued = f"is of coupon {serial}" if serial is not None else "was not issued before"
        text = f"speaks of coupon {decision.serial}; its code {decision.code} {issued}"
        offer.wrong(decision, text)
        if offer.uploaded is None and decision.reason is None:
            offer.next_serial = max(offer.next_serial, decision.serial + 1)
    return coupon


def _revoked_in_stock(offer: OfferModel, decision: Decision) -> bool:
    """An uploaded code that was never issued, and revoked with all that were not redeemed."""
    serial = offer.serials.get(decision.code, -1)
    return (
        offer.uploaded is not None
        and 0 <= serial < offer.watermark
        and offer.span(serial) is not None
        and offer.coupon(serial) is None
    )


def _common_coupon(
    offer: OfferModel, decision: Decision, rules: Rules
) -> tuple[Coupon | None, str | None]:
    """The coupon that is due, None where the customer has none, and what refuses the redeem."""
    serial, reason = coupon_due(offer, decision, rules)
    if serial != decision.serial and not (serial < 0 and decision.reason is None):
        if offer.lost["ever"]:
            offer.by_lost += 1
        else:
            offer.wrong(decision, f"speaks of coupon {decision.serial}; due is {serial}")
    if decision.serial in offer.coupons:
        serial = decision.serial
        coupon = offer.coupons[serial]
        return coupon, reason or _later_refusal(offer, decision, rules, None)
    reason = newcomer_refusal(offer, decision, rules)
    exhausted = offer.closed or (
        rules.issue_total is not None and offer.issued >= rules.issue_total
    )
    full = Reason.OFFER_LIMIT_REACHED if exhausted else None
    return None, reason or _later_refusal(offer, decision, rules, full)


def _given(offer: OfferModel, decision: Decision, rules: Rules, day: int) -> Coupon:
    """A coupon that a common code gave with its redemption."""
    issued = decision.more.issued
    starts = rules.starts(offer.calendar, decision.second)
    expires = rules.expires(offer.calendar, decision.second)
    if issued is None or issued[:2] != (starts, expires) or decision.serial != offer.next_serial:
        text = f"gave coupon {decision.serial} with {issued and issued[:2]} (starts, expires)"
        if offer.lost["issue"] and decision.serial > offer.next_serial:
            offer.by_lost += 1
        else:
            offer.wrong(decision, f"{text}; due {offer.next_serial} with {(starts, expires)}")
    starts, expires, decided_ms = issued or (starts, expires, 0)
    offer.next_serial = max(offer.next_serial, decision.serial + 1)
    offer.issued += 1
    return give(offer, decision, day, starts, expires, decided_ms)


def _redeem_refusal(
    offer: OfferModel, decision: Decision, rules: Rules, coupon: Coupon
) -> str | None:
    reason = offer.coupon_refusal(decision, rules, decision.serial, coupon)
    if reason is not None:
        return reason
    if not rules.anyone_may_redeem:
        owner = coupon.owner()
        if not owner and not decision.customer:
            return Reason.CUSTOMER_REQUIRED
        if owner and owner != decision.customer:
            return Reason.NOT_RECIPIENT
    return _later_refusal(offer, decision, rules, None)


def _later_refusal(
    offer: OfferModel, decision: Decision, rules: Rules, full: str | None
) -> str | None:
    """What the bill, its place and the limits say. Where more than one thing may have been known
    of the till, the one that explains the decision. ``full``: of a coupon to be given."""
    verdicts = decision.more.verdicts
    if not verdicts:  # the request with its bill is gone
        if decision.reason in STATELESS:
            return decision.reason
        verdicts = (None,)
    limit = None
    if None in verdicts:
        limit = _redeem_limit(offer, decision, rules) or full
        limit = limit or _budget_refusal(offer, decision, rules)
    due = verdicts[0] or limit
    if len(verdicts) > 1 and decision.reason in [verdict or limit for verdict in verdicts]:
        return decision.reason
    return due


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


def _budget_refusal(offer: OfferModel, decision: Decision, rules: Rules) -> str | None:
    if rules.revenue_goal is not None and offer.revenue >= rules.revenue_goal:
        return Reason.BUDGET_EXHAUSTED
    if rules.budget_discount is None:
        return None
    discount = decision.more.discount_minor
    if discount is None:  # the request with its bill is gone
        return decision.reason if decision.reason == Reason.BUDGET_EXHAUSTED else None
    return Reason.BUDGET_EXHAUSTED if offer.discounted + discount > rules.budget_discount else None


def reverse(offer: OfferModel, decision: Decision, rules: Rules) -> None:
    serial = _serial_of(offer, decision, rules)
    coupon = offer.coupon(serial)
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
    offer.discounted -= use[4]
    offer.revenue -= use[5]
    customer_total = None
    if decision.customer:
        customer = offer.customers[decision.customer]
        customer.redeemed[use[2]] -= 1
        if not customer.redeemed[use[2]]:
            del customer.redeemed[use[2]]
        customer_total = sum(customer.redeemed.values())
    due = (coupon.standing(), customer_total, offer.redeemed)
    offer.expect_totals(decision, due, "redeem")


def _serial_of(offer: OfferModel, decision: Decision, rules: Rules) -> int:
    """The coupon that a code to reverse stands for, -1 where it is none."""
    if rules.codes.type == "common":
        return of_redemption(offer, decision)
    return offer.serials.get(decision.code, -1)


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
