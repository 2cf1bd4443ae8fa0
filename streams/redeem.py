"""Redeem, validate, reverse: use a coupon on a bill, ask whether one could, undo it."""

from typing import Any

from schemas.money import from_minor
from schemas.reading import Reader
from schemas.reasons import Reason
from schemas.topics import REDEEM
from state.catalogue import Catalogue, CompiledOffer
from state.fingerprint import fingerprint
from state.keys import code_key, customer_key, request_key
from state.layout import Operation
from state.ledger import Decided, Ledger, Transition
from streams.outcomes import (
    REST,
    OneByOne,
    change,
    changed_something,
    or_none,
    outcome,
    written_moment,
)
from streams.settings import Settings


class Redeeming(OneByOne):
    lane, transition, judges_by_offers = REDEEM, Transition.REDEEM, True

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self.reader = Reader(self.lane.types, settings.currency, settings.decimals)
        self._calendar, self._catalogue = settings.calendar, catalogue
        self._currency, self._decimals = settings.currency, settings.decimals

    async def look_up(self, requests: list[dict[str, Any]], ledger: Ledger) -> None:
        """Puts into each of these, before `judge`, its code's ``coupon``: the offer and the serial,
        or None. All codes are read at once, which costs hardly more than one. Of uploaded ones
        only Redis knows the serials, and the offers."""
        codes, uploaded = [request["code"] for request in requests], {}
        if self._catalogue.has_uploads:
            unknown = self._catalogue.to_look_up(codes)
            if unknown:
                numbers = await ledger.offers_of_codes(unknown)
                uploaded = dict(zip(unknown, numbers, strict=True))
        coupons = self._catalogue.coupons_of(codes, uploaded)
        for request, coupon in zip(requests, coupons, strict=True):
            request["coupon"] = coupon

    def judge(self, requests: list[tuple[int, dict[str, Any]]]) -> list[Operation]:
        return [self._operation(offset, request) for offset, request in requests]

    def _operation(self, offset: int, request: dict[str, Any]) -> Operation:
        """In the order of `RedeemOp`."""
        offer, serial = request["coupon"]
        request["offer_id"] = offer.offer_id if offer else None
        content = request["fingerprint"] = fingerprint_of(request)
        customer_id, request_id = request.get("customer_id") or "", request["request_id"]
        second = request["second"]
        day = self._calendar.day(second)
        key, of_customer, of_code = b"", b"", b""
        verdict, lines, discount_minor = None, "", 0
        starts, expires = 0, None
        if offer is not None:
            if request["type"] != "validate":
                key = request_key("redeem", offer.number, request_id)
            of_customer = customer_key(offer.number, customer_id)
            if request["type"] != "reverse":
                verdict, lines, discount_minor = self._judged(offer, request)
            if offer.codes == "uploaded":
                of_code = code_key(request["code"])
            elif offer.codes == "common":
                if customer_id or offer.start.type == "from_date":
                    starts = offer.starts(self._calendar, second, day)
                expires = offer.expires(self._calendar, day)
        return (
            offset,
            request["type"],
            request_id,
            key,
            content,
            offer.offer_id if offer else "",
            second,
            day,
            request["occurred_at"],
            customer_id,
            of_customer,
            False if serial is None else serial,
            verdict or False,
            lines,
            request.get("redemption_id", False),
            discount_minor,
            request.get("amount_minor", 0),
            of_code,
            starts,
            False if expires is None else expires,
        )

    def _judged(
        self, offer: CompiledOffer, request: dict[str, Any]
    ) -> tuple[Reason | None, str, int]:
        """What the rules without memory say: the first that refuses, or the discount of each of
        several lines, and of all."""
        till = self._catalogue.tills.get(request["till_id"])
        found = offer.eligibility.judge(request, till)
        if isinstance(found, Reason):
            return found, "", 0
        if len(found) == 1:
            return None, "", found[0]
        return None, ",".join(map(str, found)), sum(found)

    def _discount(self, discount_minor: int, lines: str) -> dict[str, Any]:
        amount = from_minor(discount_minor, self._decimals)
        each = [amount]
        if lines:
            each = [from_minor(minor, self._decimals) for minor in map(int, lines.split(","))]
        return {"amount": amount, "currency": self._currency, "lines": each}

    def _outcome(self, request: dict[str, Any], decided: Decided) -> dict[str, Any]:
        is_reversal, is_accepted = request["type"] == "reverse", not decided.content[0]
        if is_accepted and not is_reversal:
            return self._accepted(request, decided)
        said = outcome(request, decided)
        rest = decided.content[REST:]
        offer_id = request["offer_id"]
        said["offer_id"] = offer_id
        said["customer_id"] = request.get("customer_id")
        said["code"] = request["code"]
        said["coupon_id"] = f"{offer_id}:{rest[0]}" if rest else None
        said["till_id"] = request.get("till_id")
        if is_reversal:
            said["redemption_id"] = request["redemption_id"]
        else:
            said["bill"] = _bill_of(request)
            said["discount"] = None
        if is_accepted:
            said["totals"] = {"coupon": rest[1], "customer": or_none(rest[2]), "offer": rest[3]}
        if changed_something(decided):
            said["ledger"] = change(decided, request["fingerprint"])
        return said

    def _accepted(self, request: dict[str, Any], decided: Decided) -> dict[str, Any]:
        """Of a redeem or validate. Nearly all outcomes are these, so this one begins as `outcome`
        does without calling it: written down as a whole it costs a fifth less to word."""
        # As `Decision` has them, then `Redeemed`.
        _, _, version, decided_at, occurred_at, *redeemed = decided.content
        serial, of_coupon, of_customer, of_offer, day, lines, discount_minor, bill_minor, issued = (
            redeemed
        )
        said = {
            "request_id": request["request_id"],
            "type": request["type"],
            "outcome": "accepted",
            "reason": None,
            "detail": None,
            "replayed": decided.replayed,
            "occurred_at": occurred_at,
            "decided_at": written_moment(decided_at),
            "offer_version": version,
            "offer_id": request["offer_id"],
            "customer_id": request.get("customer_id"),
            "code": request["code"],
            "coupon_id": f"{request['offer_id']}:{serial}",
            "till_id": request["till_id"],
            "bill": _bill_of(request),
            "discount": self._discount(discount_minor, lines),
            "totals": {"coupon": of_coupon, "customer": or_none(of_customer), "offer": of_offer},
        }
        if changed_something(decided):
            said["ledger"] = kept = change(
                decided,
                request["fingerprint"],
                day=day,
                discount_minor=discount_minor,
                bill_minor=bill_minor,
            )
            if issued:
                starts, expires = issued
                kept["issued"] = {"starts": starts, "expires": or_none(expires)}
        return said


def _bill_of(request: dict[str, Any]) -> dict[str, Any]:
    """So much of a bill as an outcome says: what it has beside that is taken out."""
    bill: dict[str, Any] = request["bill"]
    bill.pop("lines", None)
    return bill


def fingerprint_of(request: dict[str, Any]) -> bytes:
    kind, customer_id = request["type"], request.get("customer_id")
    code = request["code"]
    if kind == "reverse":
        return fingerprint(
            kind, request["redemption_id"], code, customer_id, request.get("till_id")
        )
    bill, tags = request["bill"], request.get("customer_tags")
    lines = [
        (line["sku"], line.get("category"), line.get("brand"), line.get("quantity"), amount,
         line.get("on_sale", False))
        for line, amount in zip(
            bill.get("lines") or (), request.get("line_minors", ()), strict=True
        )
    ]  # fmt: skip
    return fingerprint(
        kind, code, customer_id, sorted(tags) if tags else None, request["till_id"],
        bill["number"], request["amount_minor"], lines,
    )  # fmt: skip
