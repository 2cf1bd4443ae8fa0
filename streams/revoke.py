"""Revoke: end coupons that were not used."""

from typing import Any

from schemas.reading import Reader
from schemas.topics import REVOKE
from state.catalogue import Catalogue
from state.fingerprint import fingerprint
from state.keys import customer_key, request_key
from state.layout import Revoked, RevokeOp
from state.ledger import Decided, Transition
from streams.outcomes import REST, change, changed_something, or_none, outcome
from streams.settings import Settings
from streams.work import OneByOne


class Revoking(OneByOne):
    lane, transition, judges_by_offers = REVOKE, Transition.REVOKE, True

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self.reader = Reader(self.lane.types, settings.currency, settings.decimals)
        self._calendar, self._catalogue = settings.calendar, catalogue

    def _operation(self, offset: int, request: dict[str, Any]) -> RevokeOp:
        offer = self._catalogue.get(request["offer_id"])
        customers = sorted(set(request.get("customer_ids") or ()))
        content = request["fingerprint"] = fingerprint("revoke", request["scope"], customers)
        key, of_customers = b"", list[Any]()
        if offer is not None:
            key = request_key("revoke", offer.number, request["request_id"])
            of_customers = [[one, customer_key(offer.number, one)] for one in customers]
        return RevokeOp(
            offset,
            request["type"],
            key,
            content,
            request["offer_id"],
            request["second"],
            self._calendar.day(request["second"]),
            request["occurred_at"],
            request["scope"],
            of_customers,
        )

    def _outcome(self, request: dict[str, Any], decided: Decided) -> dict[str, Any]:
        said = outcome(request, decided)
        said["offer_id"] = request["offer_id"]
        said["scope"] = request["scope"]
        more: dict[str, Any] = {}
        if not decided.content[0]:
            revoked = Revoked(*decided.content[REST:])
            said["revoked"] = or_none(revoked.ended)
            more = {
                "watermark": or_none(revoked.watermark),
                "revoked": revoked.serials,
                "stock": or_none(revoked.stock),
            }
        if changed_something(decided):
            said["ledger"] = change(decided, request["fingerprint"], **more)
        return said
