"""Issue: hand a customer an offer's next coupon. Resend: say again which a customer has."""

from collections.abc import Iterator
from typing import Any

from schemas.placeholders import fill
from schemas.reading import Reader
from schemas.topics import ISSUE
from state.catalogue import Catalogue, CompiledOffer
from state.fingerprint import fingerprint
from state.keys import customer_key, request_key
from state.layout import Issued, Operation, Resent
from state.ledger import Decided, Transition
from streams.outcomes import (
    REST,
    change,
    changed_something,
    moment_or_none,
    or_none,
    outcome,
)
from streams.settings import Settings
from streams.work import FromDicts


class Issuing(FromDicts):
    lane, transition, judges_by_offers = ISSUE, Transition.ISSUE, True

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self.reader = Reader(self.lane.types, settings.currency, settings.decimals)
        self._calendar, self._catalogue = settings.calendar, catalogue

    def _operation(self, offset: int, request: dict[str, Any]) -> Operation:
        """In the order of `IssueOp`."""
        offer = self._catalogue.get(request["offer_id"])
        second, customer_id = request["second"], request["customer_id"]
        day = self._calendar.day(second)
        content = request["fingerprint"] = fingerprint_of(request)
        of_request, of_customer, starts, expires = b"", b"", 0, None
        others: list[Any] = []
        received_since = 0
        if offer is not None:
            of_request = request_key("issue", offer.number, request["request_id"])
            of_customer = customer_key(offer.number, customer_id)
            starts = offer.starts(self._calendar, second, day)
            expires = offer.expires(self._calendar, day)
            if offer.excluding_offers:
                others = self._others(offer, customer_id)
                received_since = self._calendar.months_before(day, offer.excluding_months)
        return (
            offset,
            request["type"],
            of_request,
            content,
            request["offer_id"],
            second,
            day,
            request["occurred_at"],
            customer_id,
            of_customer,
            request.get("service", ""),
            request.get("holder", ""),
            starts,
            False if expires is None else expires,
            others,
            received_since,
            [offer.resend_content, offer.name] if offer and request["type"] == "resend" else False,
        )

    def _others(self, offer: CompiledOffer, customer_id: str) -> list[Any]:
        """Where the ledger has this customer's coupons of the offers that exclude from this one."""
        known = (self._catalogue.get(offer_id) for offer_id in offer.excluding_offers)
        return [
            [other.offer_id, customer_key(other.number, customer_id)] for other in known if other
        ]

    def outcomes(
        self, requests: list[dict[str, Any]], decisions: list[Decided]
    ) -> Iterator[dict[str, Any]]:
        codes = iter(self._codes(requests, decisions))
        for request, decided in zip(requests, decisions, strict=True):
            yield self._outcome(request, decided, codes)

    def _codes(self, requests: list[dict[str, Any]], decisions: list[Decided]) -> list[str]:
        """The generated codes of the coupons issued, in their order."""
        wanted = []
        for request, decided in zip(requests, decisions, strict=True):
            if not decided.content[0] and request["type"] == "issue":
                series = self._offer(request).series
                if series is not None:
                    wanted.append((series, decided.content[REST]))
        return self._catalogue.codes.encode(wanted)

    def _offer(self, request: dict[str, Any]) -> CompiledOffer:
        offer = self._catalogue.get(request["offer_id"])
        assert offer is not None
        return offer

    def _outcome(self, request: dict[str, Any], decided: Decided, codes: Any) -> dict[str, Any]:
        said = outcome(request, decided)
        said["offer_id"] = request["offer_id"]
        said["customer_id"] = request["customer_id"]
        more: dict[str, Any] = {}
        if not decided.content[0]:
            rest = decided.content[REST:]
            if request["type"] == "resend":
                resent = Resent(*rest)
                said |= self._resent(request, resent)
                more = {"offer_name": resent.offer_name}
            else:
                more = self._issued(request, said, Issued(*rest), codes)
        if changed_something(decided):
            said["ledger"] = change(decided, request["fingerprint"], **more)
        return said

    def _issued(
        self, request: dict[str, Any], said: dict[str, Any], issued: Issued, codes: Any
    ) -> dict[str, Any]:
        """Puts the coupon into the outcome; returns what the ledger keeps of it."""
        offer = self._offer(request)
        said["coupon_id"] = f"{offer.offer_id}:{issued.serial}"
        said["code"] = issued.code or (offer.lead if offer.series is None else next(codes))
        said["starts_at"] = self._calendar.moment(issued.starts)
        said["expires_at"] = moment_or_none(self._calendar, issued.expires_effectively)
        said["totals"] = {"customer": issued.customer_total, "offer": issued.offer_total}
        more = {"day": issued.day, "starts": issued.starts, "expires": or_none(issued.expires)}
        if issued.stock is not False:
            more["stock"] = issued.stock
        return more

    def _resent(self, request: dict[str, Any], resent: Resent) -> dict[str, Any]:
        """The coupons again, each with its text."""
        offer = self._offer(request)
        coupons = []
        for serial, starts, expires, code in resent.coupons:
            coupon = {
                "coupon_id": f"{offer.offer_id}:{serial}",
                "code": code or self._catalogue.code_of(offer, serial),
                "starts_at": self._calendar.moment(starts),
                "expires_at": moment_or_none(self._calendar, expires),
            }
            named = {"offer_name": resent.offer_name, "customer_id": request["customer_id"]}
            coupons.append(coupon | {"content": fill(resent.content, coupon | named)})
        return {"coupons": coupons, "content": resent.content}


def fingerprint_of(request: dict[str, Any]) -> bytes:
    return fingerprint(
        request["type"], request["customer_id"], request.get("service"), request.get("holder")
    )
