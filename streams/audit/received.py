"""`unless_received`: issues of one offer beside those of the offers that exclude from it.

Sequences of different offers have no common order. A refusal needs an issue of the other offer
that is near enough by its day, whenever it was decided. An acceptance is wrong only where that
issue was surely decided first: `decided_at` is when a worker took up the batch, and what is in it
is decided within the batch's time limit or not at all, so an issue is surely the first one if its
batch was taken up more than that limit before, and some seconds for workers' clocks.
"""

from collections.abc import Mapping

from schemas.reasons import Reason
from streams.audit.decision import Decision
from streams.audit.model import OfferModel
from streams.audit.verdict import Findings

_SURELY_BEFORE_MS = 30_000


def check_received(offers: Mapping[str, OfferModel], findings: Findings) -> None:
    """Every issue noted by the folds; forgets them."""
    for offer in offers.values():
        for decision, others, since in offer.received:
            excluding = [offers[other] for other in others if other in offers]
            _check(offer, decision, excluding, since)
            findings.compared["limits held"] += decision.reason is None
        offer.received = []


def _check(offer: OfferModel, decision: Decision, others: list[OfferModel], since: int) -> None:
    found = [
        (other.offer_id, decided_ms)
        for other in others
        for day, decided_ms in (other.issues or {}).get(decision.customer, ())
        if day > since
    ]
    if decision.reason == Reason.RECEIVED_EXCLUDED_OFFER:
        if found:
            return
        if any(other.lost["ever"] for other in others):
            offer.by_lost += 1
            return
        names = ", ".join(other.offer_id for other in others)
        offer.wrong(decision, f"was refused as {decision.reason}; none of {names} was received")
        return
    before = decision.more.decided_ms - _SURELY_BEFORE_MS
    first = next((offer_id for offer_id, decided_ms in found if decided_ms < before), None)
    if first is not None:
        said = f"refused as {decision.reason}" if decision.reason else "accepted"
        due = f"{Reason.RECEIVED_EXCLUDED_OFFER}: the customer had received {first}"
        offer.wrong(decision, f"was {said}; by the rules it is to be refused as {due}")
