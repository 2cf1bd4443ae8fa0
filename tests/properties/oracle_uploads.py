"""Uploads of codes, audiences and stores, and exports: what each is to be answered and does."""

from collections import Counter
from typing import Any

from tests.properties.oracle_coupons import nothing_left
from tests.properties.plain_codes import length_of, looks_like, normalised
from tests.properties.plain_rules import (
    Offer,
    Request,
    Said,
    UploadedCode,
    accepted,
    first,
    moment,
    past,
    reached,
    refused,
    shown,
)

ITEMS = {"upload_codes": "codes", "set_audience": "customer_ids", "set_stores": "store_ids"}
UPLOADS = {*ITEMS, "export"}


def upload(request: Request, offer: Offer, offers: dict[str, Offer]) -> Said:
    kind = request["type"]
    if kind == "export":
        return export(request, offer)
    allowed = {"upload_codes": offer.way == "uploaded", "set_audience": offer.way != "randomised"}
    if not allowed.get(kind, True):
        return refused("upload_not_allowed", request)
    items = request[ITEMS[kind]]
    if kind == "upload_codes":
        taken = taken_codes(request, offer, offers)
        if taken:
            return refused("code_taken", request, taken=taken)
    give_up_what_this_part_does_not_belong_to(request, offer)
    if kind == "upload_codes":
        items = put(request, offer)
    waiting = offer.waiting.setdefault(kind, {})
    offer.parts[kind] = request["parts"]
    waiting[request["part"]] = items
    said = accepted(request, part=request["part"], parts=request["parts"], items=len(items))
    if len(waiting) < request["parts"]:
        return {**said, "complete": False}
    del offer.waiting[kind]
    every = [item for part in sorted(waiting) for item in waiting[part]]
    take_effect(request, offer, every)
    became = {"definition": offer} if kind == "set_stores" else {}
    return {**said, "complete": True, "total": len(every), **became}


def taken_codes(request: Request, offer: Offer, offers: dict[str, Offer]) -> list[str]:
    """Codes that wait for parts to which this one doesn't belong are free: they are given up."""
    codes = [normalised(item["code"]) for item in request["codes"]]
    others = [one for one in offers.values() if one is not offer]
    free = {"given up", "waits"} if starts_over(request, offer) else {"given up"}
    there = {one.code for one in offer.uploaded if one.state not in free}
    there |= {one.code for other in others for one in other.uploaded}
    twice = {code for code, count in Counter(codes).items() if count > 1}
    return sorted(
        {
            code for code in codes
            if code in there | twice
            or any(looks_like(code, one.lead, length_of(one.codes)) for one in others
                   if one.way != "uploaded")
        }
    )  # fmt: skip


def starts_over(request: Request, offer: Offer) -> bool:
    kind = request["type"]
    part_is_there = request["part"] in offer.waiting.get(kind, {})
    return part_is_there or request["parts"] != offer.parts.get(kind)


def give_up_what_this_part_does_not_belong_to(request: Request, offer: Offer) -> None:
    kind = request["type"]
    if starts_over(request, offer):
        offer.waiting.pop(kind, None)
        if kind == "upload_codes":
            for code in offer.uploaded:
                code.state = "given up" if code.state == "waits" else code.state


def put(request: Request, offer: Offer) -> list[UploadedCode]:
    added = []
    for item in request["codes"]:
        customer_id = item.get("customer_id") or ""
        free = not customer_id and not offer.third_party
        number = len(offer.uploaded)
        added.append(UploadedCode(number, normalised(item["code"]), customer_id, free))
        offer.uploaded.append(added[-1])
    return added


def take_effect(request: Request, offer: Offer, items: list[Any]) -> None:
    if request["type"] == "set_audience":
        offer.audience = items
    if request["type"] == "set_stores":
        offer.stores, offer.version = items, offer.version + 1
    if request["type"] == "upload_codes":
        at = moment(request["occurred_at"])
        for one in sorted(items, key=lambda one: int(one.number)):
            one.state = "there"
            if not one.free:
                offer.give(one.number, one.customer_id, at, one.code)


def export(request: Request, offer: Offer) -> Said:
    at, count = moment(request["occurred_at"]), request["count"]
    generated = offer.way in ("unique", "randomised")
    reason = first(
        (past(at, offer.end()), "offer_expired"),
        (not offer.claim, "not_claimed_by_service"),
        (
            reached(len(offer.coupons) + count - 1, offer.rule("issue", "max_total")),
            "offer_limit_reached",
        ),
        (offer.way != "uploaded" and nothing_left(offer, count), "codes_exhausted"),
        (not generated or not offer.third_party, "invalid_offer"),
    )
    if reason:
        return refused(reason, request)
    begins = len(offer.coupons)
    for number in range(begins, begins + count):
        coupon = offer.give(number, "", at, None)
    return accepted(
        request,
        first=begins,
        count=count,
        starts_at=shown(coupon.starts),
        expires_at=shown(offer.coupon_end(coupon)),
        totals={"customer": None, "offer": len(offer.coupons)},
    )
