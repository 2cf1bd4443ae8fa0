"""A common code stands for each customer's own coupons: which one, and what refuses those who
have none."""

from schemas.reasons import Reason
from streams.audit.decision import Decision
from streams.audit.model import OfferModel
from streams.audit.rules import Rules

#: What may be the matter with a coupon; the later, the nearer it came to being used.
_NEARNESS: list[str | None] = [
    Reason.COUPON_REVOKED,
    Reason.COUPON_REDEEMED,
    Reason.COUPON_EXPIRED,
    Reason.NOT_STARTED,
    None,
]


def coupon_due(offer: OfferModel, decision: Decision, rules: Rules) -> tuple[int, str | None]:
    """Serial and refusal of the customer's oldest coupon that can be used, or that comes nearest
    to it. -1 for none."""
    customer = offer.customers.get(decision.customer) if decision.customer else None
    if customer is None or not customer.issued:
        return -1, None
    found: list[tuple[int, int]] = []
    for age, serial in enumerate(customer.issued[::2]):
        reason = offer.coupon_refusal(decision, rules, serial, offer.coupons[serial])
        if reason is None:
            return serial, None
        found.append((_NEARNESS.index(reason), -age))
    nearness, age = max(found)
    return customer.issued[-2 * age], _NEARNESS[nearness]


def newcomer_refusal(offer: OfferModel, decision: Decision, rules: Rules) -> str | None:
    """Of one who was issued none, before what the bill says."""
    if rules.ends is not None and decision.second > rules.ends:
        return Reason.OFFER_EXPIRED
    starts_later = rules.starts(offer.calendar, decision.second) > decision.second
    if not decision.customer:
        # Only a fixed date lies ahead of nobody's coupon.
        from_date = rules.start["type"] == "from_date"
        return Reason.NOT_STARTED if from_date and starts_later else Reason.CUSTOMER_REQUIRED
    if starts_later:
        return Reason.NOT_STARTED
    in_audience = offer.audience is None or decision.customer in offer.audience
    return None if rules.anyone_may_redeem and in_audience else Reason.NOT_RECIPIENT


def of_redemption(offer: OfferModel, decision: Decision) -> int:
    """The customer's coupon that has the redemption of a reversal, -1 for none."""
    customer = offer.customers.get(decision.customer)
    for serial in customer.issued[::2] if customer else ():
        for use in offer.coupons[serial].uses or ():
            if use[0] == decision.more and use[1] == decision.customer:
                return serial
    return -1
