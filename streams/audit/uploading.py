"""Uploads of codes and audiences, and exports: judged by an offer's model."""

from typing import Any

from schemas.reasons import Reason
from streams.audit.decision import Decision, Exporting, Uploading
from streams.audit.model import OfferModel, Span
from streams.audit.parts import Codes, Uploaded, add_part, merged
from streams.audit.rules import Rules


def upload_codes(offer: OfferModel, decision: Decision, rules: Rules) -> None:
    """Whether a code was another offer's is judged by `streams.audit.across`."""
    more: Uploading = decision.more
    due = None if rules.codes.type == "uploaded" else Reason.UPLOAD_NOT_ALLOWED
    if decision.reason != Reason.CODE_TAKEN or due:
        offer.expect(decision, due, "ever")
    if decision.reason is not None:
        return
    if offer.uploaded is None:
        offer.uploaded = Uploaded()
    part = _put_codes(offer, decision, rules, offer.uploaded, more.change)
    parts = _taken(offer, decision, more, part, part.size)
    if more.complete:
        _put_in_effect(offer, decision, rules, offer.uploaded, parts)


def _taken(
    offer: OfferModel, decision: Decision, more: Uploading, content: Any, items: int
) -> list[Any]:
    """The content of all parts so far; ``items``: how many there are in this one."""
    place = more.part, more.parts
    waited = offer.waiting.get(decision.kind)
    held, complete = add_part(offer.waiting, decision.kind, place, (content, items), more.complete)
    total = sum(count for _, count in held) if complete else None
    if more.items != items or (more.complete, more.total if complete else None) != (
        complete,
        total,
    ):
        if offer.lost["ever"] and (waited or not more.complete):
            offer.by_lost += 1
        else:
            said = f"complete, {more.total} items" if more.complete else "incomplete"
            due = f"complete, {total} items" if complete else "incomplete"
            text = f"was taken as part {more.part} of {more.parts}, {said}; due {due}"
            offer.wrong(decision, text)
    return [content for content, _ in held]


def _put_codes(
    offer: OfferModel,
    decision: Decision,
    rules: Rules,
    uploaded: Uploaded,
    change: dict[str, Any],
) -> Codes:
    codes, first, index = change["codes"], change["first"], change["stock_first"]
    due = uploaded.positions, uploaded.stock_next
    if (first, index) != due and not (first >= due[0] and index >= due[1] and offer.lost["ever"]):
        offer.wrong(decision, f"put codes at {(first, index)} (position, stock); due {due}")
    issued: list[int] = []
    seen: set[str] = set()
    for position, (code, owner) in enumerate(codes, first):
        known = offer.serials.get(code)
        if code in seen or (known is not None and offer.span(known)):
            offer.wrong(decision, f"took the code {code}, which it has already")
        seen.add(code)
        uploaded.codes[position], offer.serials[code] = code, position
        if owner or rules.third_party:
            uploaded.recipients[position] = owner
            issued.append(position)
        else:
            uploaded.stock[index] = position
            index += 1
    uploaded.positions = max(uploaded.positions, first + len(codes))
    uploaded.stock_next = max(uploaded.stock_next, index)
    return Codes(first, len(codes), issued)


def _put_in_effect(
    offer: OfferModel, decision: Decision, rules: Rules, uploaded: Uploaded, parts: list[Codes]
) -> None:
    change, day = decision.more.change, offer.expect_day(decision)
    starts = rules.starts(offer.calendar, decision.second)
    expires = rules.expires(offer.calendar, decision.second)
    uploaded.stock_end = uploaded.stock_next
    said = change.get("starts"), change.get("expires"), change.get("stock")
    if said != (starts, expires, uploaded.stock_end):
        due = starts, expires, uploaded.stock_end
        offer.wrong(decision, f"took effect with {said} (starts, expires, stock); due {due}")
    spans = [(codes.first, codes.size) for codes in parts]
    if merged(map(tuple, change.get("ranges") or ())) != merged(spans):
        offer.wrong(decision, f"put the codes {change.get('ranges')} in effect; due {spans}")
    for codes in parts:
        span = Span(codes.first, codes.size, day, starts, expires, decision.sequence)
        if codes.size:
            offer.add_span(span)
        offer.issued += len(codes.issued)
        for position in codes.issued:
            if owner := uploaded.recipients[position]:
                customer = offer.customer(owner)
                if customer.uploaded is None:
                    customer.uploaded = []
                customer.uploaded += (position, day)
                offer.note_issue(owner, day, decision.more.decided_ms)


def set_audience(offer: OfferModel, decision: Decision, rules: Rules) -> None:
    more: Uploading = decision.more
    due = Reason.UPLOAD_NOT_ALLOWED if rules.codes.type == "randomised" else None
    offer.expect(decision, due, "ever")
    if decision.reason is not None:
        return
    customers = more.change["customers"]
    parts = _taken(offer, decision, more, customers, len(customers))
    if more.complete:
        offer.audience = {customer for part in parts for customer in part} or None


def set_stores(offer: OfferModel, decision: Decision, more: Uploading) -> None:
    """The offer's new version is judged by `streams.audit.definitions`."""
    stores = more.change["stores"]
    parts = _taken(offer, decision, more, stores, len(stores))
    if more.complete:
        offer.stores = [store for part in parts for store in part] or None


def export(offer: OfferModel, decision: Decision, rules: Rules) -> None:
    more: Exporting = decision.more
    due = _export_refusal(offer, decision, rules, more)
    impossible = not (rules.third_party and rules.codes.generated)
    if not (impossible and decision.reason == Reason.INVALID_OFFER):
        offer.expect(decision, due or (Reason.INVALID_OFFER if impossible else None), "issue")
    if decision.reason is not None:
        return
    offer.findings.compared["limits held"] += rules.issue_limits
    day, starts = offer.expect_day(decision), rules.starts(offer.calendar, decision.second)
    expires = rules.expires(offer.calendar, decision.second)
    if more.asked not in (None, more.given):
        offer.wrong(decision, f"gave {more.given} codes of {more.asked} asked for")
    if more.first != offer.next_serial:
        if 0 < more.first - offer.next_serial <= offer.lost["issue"]:
            offer.by_lost += 1
        else:
            text = f"begins with the serial {more.first}, the next is {offer.next_serial}"
            offer.wrong(decision, text)
    if not more.starts == more.starts_shown == starts:
        text = f"starts {more.starts} (shown {more.starts_shown}); due {starts}"
        offer.wrong(decision, text)
    ends = rules.coupon_ends(expires)
    if more.expires != expires or more.expires_shown != ends:
        text = f"expires {more.expires} (shown {more.expires_shown}); due {expires} ({ends})"
        offer.wrong(decision, text)
    offer.add_span(Span(more.first, more.given, day, more.starts, more.expires, decision.sequence))
    offer.next_serial = max(offer.next_serial, more.first + more.given)
    offer.issued += more.given
    offer.expect_totals(decision, (None, None, offer.issued), "issue")


def _export_refusal(
    offer: OfferModel, decision: Decision, rules: Rules, more: Exporting
) -> str | None:
    wanted = more.given if decision.reason is None else more.asked or 0
    if rules.ends is not None and decision.second > rules.ends:
        return Reason.OFFER_EXPIRED
    if rules.claim is None:
        return Reason.NOT_CLAIMED_BY_SERVICE
    if decision.reason is not None and more.asked is None:  # the request is gone
        if decision.reason in (Reason.OFFER_LIMIT_REACHED, Reason.CODES_EXHAUSTED):
            return decision.reason
        return None
    if rules.issue_total is not None and offer.issued + wanted > rules.issue_total:
        return Reason.OFFER_LIMIT_REACHED
    serials, possible = offer.next_serial + wanted, rules.codes.possible
    if offer.closed or (possible is not None and serials > possible):
        return Reason.CODES_EXHAUSTED
    return None
