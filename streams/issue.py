"""Issue: hand a customer an offer's next coupon."""

from typing import Any

from schemas.requests import Reader
from schemas.topics import ISSUE
from state.catalogue import Catalogue
from state.fingerprint import fingerprint
from state.keys import customer_key, request_key
from state.layout import Issued, IssueOp
from state.ledger import Decided, Transition
from streams.outcomes import REST, change, changed_something, outcome
from streams.settings import Settings


class Issuing:
    lane, transition, judges_by_offers = ISSUE, Transition.ISSUE, True

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self.reader = Reader(self.lane.types, settings.currency, settings.decimals)
        self._calendar, self._catalogue = settings.calendar, catalogue

    def judge(self, requests: list[tuple[int, dict[str, Any]]]) -> list[IssueOp]:
        return [self._operation(offset, request) for offset, request in requests]

    def _operation(self, offset: int, request: dict[str, Any]) -> IssueOp:
        offer = self._catalogue.get(request["offer_id"])
        second, customer_id = request["second"], request["customer_id"]
        day = self._calendar.day(second)
        content = request["fingerprint"] = fingerprint_of(request)
        of_request, of_customer, starts = b"", b"", 0
        if offer is not None:
            of_request = request_key("issue", str(offer.number), request["request_id"])
            of_customer = customer_key(offer.number, customer_id)
            starts = offer.starts(self._calendar, second, day)
        return IssueOp(
            offset=offset,
            kind=request["type"],
            request_id=request["request_id"],
            request_key=of_request,
            fingerprint=content,
            offer_id=request["offer_id"],
            second=second,
            day=day,
            occurred_at=request["occurred_at"],
            customer_id=customer_id,
            customer_key=of_customer,
            service=request.get("service", ""),
            holder=request.get("holder", ""),
            starts=starts,
            expires=False,
        )

    def outcomes(
        self, requests: list[dict[str, Any]], decisions: list[Decided]
    ) -> list[dict[str, Any]]:
        codes = iter(self._codes(requests, decisions))
        return [
            self._outcome(request, decided, codes)
            for request, decided in zip(requests, decisions, strict=True)
        ]

    def _codes(self, requests: list[dict[str, Any]], decisions: list[Decided]) -> list[str]:
        """The codes of the coupons issued, in their order."""
        wanted = []
        for request, decided in zip(requests, decisions, strict=True):
            if not decided.content[0]:
                offer = self._catalogue.get(request["offer_id"])
                assert offer is not None
                wanted.append((offer.series, decided.content[REST]))
        return self._catalogue.codes.encode(wanted)

    def _outcome(self, request: dict[str, Any], decided: Decided, codes: Any) -> dict[str, Any]:
        said = outcome(request, decided)
        said["offer_id"] = request["offer_id"]
        said["customer_id"] = request["customer_id"]
        more: dict[str, Any] = {}
        if not decided.content[0]:
            issued = Issued(*decided.content[REST:])
            ends = issued.expires_effectively
            said["coupon_id"] = f"{request['offer_id']}:{issued.serial}"
            said["code"] = next(codes)
            said["starts_at"] = self._calendar.moment(issued.starts)
            said["expires_at"] = None if ends is False else self._calendar.moment(ends)
            said["totals"] = {"customer": issued.customer_total, "offer": issued.offer_total}
            more = {
                "day": issued.day,
                "starts": issued.starts,
                "expires": None if issued.expires is False else issued.expires,
            }
        if changed_something(decided):
            said["ledger"] = change(decided, request["fingerprint"], **more)
        return said


def fingerprint_of(request: dict[str, Any]) -> bytes:
    return fingerprint(
        request["type"], request["customer_id"], request.get("service"), request.get("holder")
    )
