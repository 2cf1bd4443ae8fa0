"""Issue: coupons handed out, judged by an offer's model."""

from schemas.reasons import Reason
from streams.audit.decision import Decision, Issuing
from streams.audit.model import Coupon, OfferModel
from streams.audit.rules import Rules


def issue(offer: OfferModel, decision: Decision, rules: Rules) -> None:
    more: Issuing = decision.more
    offer.expect(decision, _issue_refusal(offer, decision, rules, more), "issue")
    if decision.reason is not None:
        return
    offer.findings.compared["limits held"] += rules.issue_limits
    day, serial = offer.expect_day(decision), decision.serial
    if offer.uploaded is not None:
        _check_uploaded(offer, decision, more)
    else:
        if serial != offer.next_serial:
            if 0 < serial - offer.next_serial <= offer.lost["issue"]:
                offer.by_lost += 1
            else:
                offer.wrong(decision, f"got the serial {serial}, the next is {offer.next_serial}")
        _check_code(offer, decision, rules)
        offer.next_serial = max(offer.next_serial, serial + 1)
    offer.issued += 1
    _check_times(offer, decision, rules, more)
    give(offer, decision, day, more.starts, more.expires, more.decided_ms)
    customer_total = offer.customers[decision.customer].count()
    offer.expect_totals(decision, (None, customer_total, offer.issued), "issue")


def give(
    offer: OfferModel,
    decision: Decision,
    day: int,
    starts: int,
    expires: int | None,
    decided_ms: int,
) -> Coupon:
    """The decision's coupon is its customer's from now on."""
    serial = decision.serial
    coupon = Coupon(decision.customer, starts, expires, decision.sequence)
    offer.coupons[serial] = coupon
    offer.customer(decision.customer).issued += (serial, day)
    offer.note_issue(decision.customer, day, decided_ms)
    return coupon


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
    if offer.audience is not None and decision.customer not in offer.audience:
        return Reason.NOT_IN_AUDIENCE
    if rules.received is not None:  # the issues of other offers are compared at the end
        since = rules.received.since(offer.calendar.day(decision.second))
        offer.received.append((decision, rules.received.offers, since))
        if decision.reason == Reason.RECEIVED_EXCLUDED_OFFER:
            return Reason.RECEIVED_EXCLUDED_OFFER
    customer = offer.customers.get(decision.customer)
    if customer is not None:
        days = customer.days()
        if rules.issue_per_customer is not None and len(days) >= rules.issue_per_customer:
            return Reason.CUSTOMER_LIMIT_REACHED
        if rules.issue_gap_days and offer.too_near(days, decision, rules.issue_gap_days):
            return Reason.GAP_NOT_ELAPSED
    if rules.issue_total is not None and offer.issued >= rules.issue_total:
        return Reason.OFFER_LIMIT_REACHED
    return Reason.CODES_EXHAUSTED if _no_code_left(offer, rules) else None


def _no_code_left(offer: OfferModel, rules: Rules) -> bool:
    if rules.codes.type == "uploaded":
        return offer.uploaded is None or offer.uploaded.free(offer.span) is None
    return offer.closed or (
        rules.codes.possible is not None and offer.next_serial >= rules.codes.possible
    )


def _check_code(offer: OfferModel, decision: Decision, rules: Rules) -> None:
    serial, code = decision.serial, decision.code
    if known := offer.coupon(serial):
        offer.wrong(decision, f"got coupon {serial}, which customer {known.recipient} has")
    if not rules.codes.fits(code):
        offer.wrong(decision, f"got the code {code}, which is none of this offer's")
    if rules.codes.generated:
        if code in offer.serials:
            text = f"got the code {code}, which coupon {offer.serials[code]} has"
            offer.wrong(decision, text)
        offer.serials[code] = serial


def _check_uploaded(offer: OfferModel, decision: Decision, more: Issuing) -> None:
    """The next free code of the stock was given, which is now gone."""
    uploaded, serial = offer.uploaded, decision.serial
    assert uploaded is not None
    free = uploaded.free(offer.span)
    due = (free[0] + 1, free[1], uploaded.codes[free[1]]) if free else None
    found = more.stock, serial, decision.code
    if known := offer.coupon(serial):
        offer.wrong(decision, f"got coupon {serial}, which customer {known.recipient} has")
    if found != due:
        if offer.lost["ever"] and uploaded.codes.get(serial) == decision.code:
            offer.by_lost += 1
        else:
            offer.wrong(decision, f"got {found} (stock gone, coupon, code); due {due}")
    uploaded.taken = max(uploaded.taken, more.stock or 0)


def _check_times(offer: OfferModel, decision: Decision, rules: Rules, more: Issuing) -> None:
    starts = rules.starts(offer.calendar, decision.second)
    if not more.starts == more.starts_shown == starts:
        offer.wrong(decision, f"starts {more.starts} (shown {more.starts_shown}); due {starts}")
    expires = rules.expires(offer.calendar, decision.second)
    ends = rules.coupon_ends(more.expires)
    if more.expires != expires or more.expires_shown != ends:
        text = f"expires {more.expires} (shown {more.expires_shown}); due {expires} ({ends})"
        offer.wrong(decision, text)
