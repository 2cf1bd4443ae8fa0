"""Issue, resend, reverse, revoke: what each is to be answered, and what it does."""

from datetime import datetime, timedelta
from typing import Any

from tests.properties.plain_codes import normalised, possible
from tests.properties.plain_rules import (
    ZONE,
    Coupon,
    Offer,
    Redemption,
    Request,
    Said,
    UploadedCode,
    accepted,
    day_of,
    first,
    moment,
    months_before,
    near,
    past,
    reached,
    refused,
    second_of,
    shown,
)


def issue(request: Request, offer: Offer, offers: dict[str, Offer]) -> Said:
    at, customer_id = moment(request["occurred_at"]), request["customer_id"]
    claimed = offer.claim and (offer.claim["service"], offer.claim["holder"])
    theirs = [one for one in offer.coupons if one.customer_id == customer_id]
    reason = first(
        (past(at, offer.end()), "offer_expired"),
        (claimed != (request["service"], request["holder"]), "not_claimed_by_service"),
        (offer.audience and customer_id not in offer.audience, "not_in_audience"),
        (received_another(request, offer, offers), "received_excluded_offer"),
        (reached(len(theirs), offer.rule("issue", "max_per_customer")), "customer_limit_reached"),
        (
            near([one.day for one in theirs], at, offer.rule("issue", "min_gap_days", 0)),
            "gap_not_elapsed",
        ),
        (reached(len(offer.coupons), offer.rule("issue", "max_total")), "offer_limit_reached"),
        (nothing_left(offer), "codes_exhausted"),
    )
    if reason:
        return refused(reason, request)
    ledger: dict[str, Any] = {"day": day_of(at)}
    if offer.way == "uploaded":
        given = stock(offer)[0]
        given.gone = True
        coupon = offer.give(given.number, customer_id, at, given.code)
        ledger["stock"] = gone(offer)
    else:
        code = offer.lead if offer.way == "common" else None
        coupon = offer.give(len(offer.coupons), customer_id, at, code)
    ledger |= {"starts": second_of(coupon.starts), "expires": second_of(coupon.ends)}
    said = accepted(
        request,
        coupon_id=coupon_id(offer, coupon),
        starts_at=shown(coupon.starts),
        expires_at=shown(offer.coupon_end(coupon)),
        totals={"customer": len(theirs) + 1, "offer": len(offer.coupons)},
        ledger=ledger,
    )
    return {**said, "code": coupon.code} if coupon.code else said


def coupon_id(offer: Offer, coupon: Coupon) -> str:
    return f"{offer.offer_id}:{coupon.number}"


def stock(offer: Offer) -> list[UploadedCode]:
    """The uploaded codes that are left to give."""
    return [one for one in offer.uploaded if one.free and one.state == "there" and not one.gone]


def gone(offer: Offer) -> int:
    """How many free codes there are up to the last one that is gone."""
    free = [one for one in offer.uploaded if one.free]
    return max((i + 1 for i, one in enumerate(free) if one.gone), default=0)


def nothing_left(offer: Offer, wanted: int = 1) -> bool:
    if offer.way == "uploaded":
        return not stock(offer)
    if offer.way == "common":
        return offer.exhausted
    return offer.exhausted or len(offer.coupons) + wanted > possible(offer.codes, offer.lead)


def received_another(request: Request, offer: Offer, offers: dict[str, Offer]) -> bool:
    excluding = offer.rule("issue", "unless_received")
    if not excluding:
        return False
    since = months_before(moment(request["occurred_at"]), excluding["months"])
    return any(
        coupon.customer_id == request["customer_id"] and coupon.day > since
        for other in excluding["offers"]
        if other in offers
        for coupon in offers[other].coupons
    )


def resend(request: Request, offer: Offer) -> Said:
    at, customer_id = moment(request["occurred_at"]), request["customer_id"]
    theirs = [
        one for one in offer.coupons
        if offer.recipient(one) == customer_id and offer.active(one, at)
    ]  # fmt: skip
    text = offer.rule("issue", "resend")
    reason = first(
        (past(at, offer.end()), "offer_expired"),
        (not text, "resend_not_allowed"),
        (not theirs, "no_active_coupon"),
    )
    if reason:
        return refused(reason, request)
    coupons = []
    for coupon in theirs:
        values = {
            "coupon_id": coupon_id(offer, coupon),
            "code": coupon.code,
            "starts_at": shown(coupon.starts),
            "expires_at": shown(offer.coupon_end(coupon)),
        }
        content = text["content"]
        for name, value in {**values, "offer_name": offer.rules["name"]}.items():
            content = content.replace("{" + name + "}", value or "")
        coupons.append({**values, "content": content})
    return accepted(request, coupons=coupons, content=text["content"])


def reverse(request: Request, offer: Offer) -> Said:
    at, customer_id = moment(request["occurred_at"]), request.get("customer_id")
    found = [
        one for one in offer.redemptions
        if one.coupon.code == normalised(request["code"]) and one.customer_id == customer_id
        and one.request_id == request["redemption_id"]
    ]  # fmt: skip
    if not found or (offer.way == "common" and not customer_id):
        return refused("redemption_not_found", request)
    coupon = found[0].coupon
    reason = first(
        (found[0].reversed, "already_reversed"),
        (offer.revoked(coupon), "coupon_revoked"),
        (past(at, offer.coupon_end(coupon)), "coupon_expired"),
    )
    named = {"coupon_id": coupon_id(offer, coupon)}
    if reason:
        return refused(reason, request, **named)
    found[0].reversed = True
    more = {"redemption_id": request["redemption_id"], "totals": totals(offer, found[0])}
    return accepted(request, **named, **more)


def totals(offer: Offer, redemption: Redemption) -> dict[str, int | None]:
    customer_id = redemption.customer_id
    return {
        "coupon": len(offer.standing(coupon=redemption.coupon)),
        "customer": len(offer.standing(customer_id=customer_id)) if customer_id else None,
        "offer": len(offer.standing()),
    }


def revoke(request: Request, offer: Offer) -> Said:
    at, ended = moment(request["occurred_at"]), []
    if request["scope"] == "customers":
        ended = [
            one for one in offer.coupons
            if offer.recipient(one) in request["customer_ids"] and offer.active(one, at)
        ]  # fmt: skip
        for coupon in ended:
            coupon.revoked = True
    else:
        offer.exhausted = True
        for code in offer.uploaded:
            code.gone |= code.state == "there"
    if request["scope"] == "unredeemed":
        for coupon in offer.coupons:
            coupon.ends_unredeemed = True
        for code in offer.uploaded:
            code.revoked |= code.state == "there"
    ledger = {"revoked": sorted(one.number for one in ended)}
    count = None if request["scope"] == "unredeemed" else len(ended)
    return accepted(request, revoked=count, ledger=ledger)


def remind(request: Request, offer: Offer, now_ms: int) -> Said:
    """Of all coupons there are: a machine never has a thousand."""
    days, at, _ = request["reminder"].split("-")
    ends_on = datetime.fromisoformat(request["ends_on"])
    due = (ends_on - timedelta(int(days[:-1]))).replace(
        hour=int(at[:2]), minute=int(at[3:]), tzinfo=ZONE
    )
    now = datetime.fromtimestamp(now_ms / 1_000, ZONE)
    late = now > due + timedelta(days=1)
    rules = offer.rules.get("reminders") or ()
    named = [f"{one['days_before']}d-{one['at']}-{one['channel']}" for one in rules]
    told = [
        one.number
        for one in offer.coupons
        if not late
        and request["run"] == 0
        and request["reminder"] in named
        and (end := offer.coupon_end(one)) is not None
        and end.astimezone(ZONE).date() == ends_on.date()
        and offer.active(one, now)
        and offer.recipient(one)
    ]
    more = {name: request[name] for name in ("reminder", "ends_on", "run")}
    ledger = {"reminded": sorted(told)}
    return accepted(request, **more, late=late, reminded=len(told), ledger=ledger)
