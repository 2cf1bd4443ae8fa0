"""Redeem and validate: what each is to be answered, and what it does."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.properties.oracle_coupons import coupon_id, totals
from tests.properties.plain_bills import Till, discount, eligible, refusal
from tests.properties.plain_codes import normalised
from tests.properties.plain_rules import (
    Coupon,
    Offer,
    Redemption,
    Request,
    Said,
    accepted,
    day_of,
    first,
    moment,
    near,
    past,
    reached,
    refused,
    second_of,
    starts,
)

#: What may be wrong with a coupon itself, in order of precedence.
OF_COUPON = ["coupon_revoked", "coupon_redeemed", "coupon_expired", "not_started"]


def redeem(request: Request, offer: Offer, till: Till | None) -> Said:
    at, code = moment(request["occurred_at"]), normalised(request["code"])
    coupon = own_coupon(request, offer) if offer.way == "common" else offer.coupon_of_code(code)
    if coupon is None and offer.way != "common":
        revoked = any(one.code == code and one.revoked for one in offer.uploaded)
        return refused("coupon_revoked" if revoked else "code_not_found", request, coupon_id=None)
    if coupon is None:
        reason = newcomer_refusal(request, offer)
    else:
        reason = of_coupon(offer, coupon, at) or of_recipient(request, offer, coupon)
    reason = reason or refusal(request, offer, till) or of_limits(request, offer, coupon)
    if reason:
        named = coupon_id(offer, coupon) if coupon else None
        return refused(reason, request, coupon_id=named, discount=None)
    return use(request, offer, coupon)


def own_coupon(request: Request, offer: Offer) -> Coupon | None:
    """Of a common code: the customer's oldest usable coupon, else the one nearest to it."""
    at, customer_id = moment(request["occurred_at"]), request.get("customer_id")
    theirs = [one for one in offer.coupons if customer_id and one.customer_id == customer_id]
    for reason in (None, *reversed(OF_COUPON)):
        for coupon in theirs:
            if of_coupon(offer, coupon, at) == reason:
                return coupon
    return None


def of_coupon(offer: Offer, coupon: Coupon, at: datetime) -> str | None:
    return first(
        (offer.revoked(coupon), "coupon_revoked"),
        (offer.used_up(coupon), "coupon_redeemed"),
        (past(at, offer.coupon_end(coupon)), "coupon_expired"),
        (at < coupon.starts, "not_started"),
    )


def of_recipient(request: Request, offer: Offer, coupon: Coupon) -> str | None:
    customer_id, recipient = request.get("customer_id"), offer.recipient(coupon)
    if offer.rule("redeem", "anyone_may_redeem", False):
        return None
    return first(
        (not recipient and not customer_id, "customer_required"),
        (recipient and recipient != customer_id, "not_recipient"),
    )


def newcomer_refusal(request: Request, offer: Offer) -> str | None:
    """Of a common code, for one who was issued no coupon."""
    at, customer_id = moment(request["occurred_at"]), request.get("customer_id")
    start = offer.rule("redeem", "start", {"type": "on_issue"})
    anyone = offer.rule("redeem", "anyone_may_redeem", False)
    return first(
        (past(at, offer.end()), "offer_expired"),
        (start["type"] == "from_date" and at < moment(start["at"]), "not_started"),
        (not customer_id, "customer_required"),
        (at < starts(start, at), "not_started"),
        (not anyone, "not_recipient"),
        (offer.audience and customer_id not in offer.audience, "not_recipient"),
    )


def of_limits(request: Request, offer: Offer, coupon: Coupon | None) -> str | None:
    at, customer_id = moment(request["occurred_at"]), request.get("customer_id")
    theirs = offer.standing(customer_id=customer_id) if customer_id else []
    issued = coupon is None and (
        offer.exhausted or reached(len(offer.coupons), offer.rule("issue", "max_total"))
    )
    return first(
        (reached(len(theirs), offer.rule("redeem", "max_per_customer")), "customer_limit_reached"),
        (
            near([one.day for one in theirs], at, offer.rule("redeem", "min_gap_days", 0)),
            "gap_not_elapsed",
        ),
        (reached(len(offer.standing()), offer.rule("redeem", "max_total")), "offer_limit_reached"),
        (issued, "offer_limit_reached"),
        (beyond_budget(request, offer), "budget_exhausted"),
    )


def beyond_budget(request: Request, offer: Offer) -> bool:
    most, goal = offer.rule("budget", "discount"), offer.rule("budget", "revenue_goal")
    taken = discount(offer.rules["discount"], eligible(offer, request["bill"]))
    given = sum(one.discount for one in offer.standing()) + taken
    return (most is not None and given > Decimal(most)) or (
        goal is not None and sum(one.bill for one in offer.standing()) >= Decimal(goal)
    )


def use(request: Request, offer: Offer, coupon: Coupon | None) -> Said:
    """Accepted. A common code gives a coupon where its customer has none."""
    at, customer_id = moment(request["occurred_at"]), request.get("customer_id")
    bill, only_asked = Decimal(request["bill"]["amount"]), request["type"] == "validate"
    amounts = eligible(offer, request["bill"])
    taken = discount(offer.rules["discount"], amounts)
    ledger: dict[str, Any] = {
        "day": day_of(at),
        "discount_minor": int(taken * 100),
        "bill_minor": int(bill * 100),
    }
    if coupon is None:
        coupon = offer.give(len(offer.coupons), customer_id or "", at, offer.lead)
        ends = second_of(coupon.ends)
        ledger["issued"] = {"starts": second_of(coupon.starts), "expires": ends}
        if only_asked:
            offer.coupons.remove(coupon)
    redemption = Redemption(request["request_id"], coupon, customer_id, day_of(at), taken, bill)
    if not only_asked:
        offer.redemptions.append(redemption)
    said = accepted(
        request,
        coupon_id=coupon_id(offer, coupon),
        discount={"amount": f"{taken:.2f}", "currency": "INR"},
        eligible=amounts,
        totals=totals(offer, redemption),
    )
    return said if only_asked else {**said, "ledger": ledger}
