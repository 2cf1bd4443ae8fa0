"""The whole history: requests matched with their outcomes, and every offer's decisions folded.

Pure: it is fed what the topics hold, by partition and in the order of offsets, and touches neither
Kafka nor Redis.
"""

from collections.abc import Iterable
from typing import Any

from schemas.reasons import Reason
from schemas.topics import OFFERS, REDEEM, Lane
from streams.audit.across import (
    NotFound,
    Offers,
    Refused,
    check_not_found,
    check_offers,
    check_refused,
)
from streams.audit.decision import Redeeming, shorten
from streams.audit.definitions import change
from streams.audit.issuing import issue
from streams.audit.judging import BillJudge
from streams.audit.matching import structure
from streams.audit.model import OfferModel
from streams.audit.pairing import Answered, Asked, DeadLetters, Pairing, named
from streams.audit.received import check_received
from streams.audit.redeeming import redeem, reverse
from streams.audit.remembered import Remembered
from streams.audit.reminding import RemindJudge, Triggers
from streams.audit.revoking import resend, revoke
from streams.audit.rules import Rules
from streams.audit.uploading import export, set_audience, upload_codes
from streams.audit.verdict import Findings, Progress, silent
from streams.settings import Settings

_JUDGES = {
    "issue": issue,
    "resend": resend,
    "redeem": redeem,
    "reverse": reverse,
    "revoke": revoke,
    "export": export,
    "upload_codes": upload_codes,
    "set_audience": set_audience,
}
_TAKEN = {Reason.OFFER_CODE_TAKEN, Reason.CODE_TAKEN, Reason.CAMPAIGN_HAS_OFFER}
_NOT_FOUND = {Reason.OFFER_NOT_FOUND, Reason.CODE_NOT_FOUND, Reason.REDEMPTION_NOT_FOUND}


class History:
    """Feed `dead_letters`, `triggers` and `tills`, then `match` for every partition, the lane of
    the offers first; then `finish`."""

    def __init__(self, settings: Settings, findings: Findings) -> None:
        self._settings, self._findings = settings, findings
        self._bills = BillJudge(settings)
        self.tills = self._bills.tills
        self.offers: Offers = {}
        self.remembered = Remembered(settings.request_memory_days, settings.decimals, findings)
        self.dead_letters = DeadLetters(findings)
        self.triggers = Triggers(findings)
        reminding = RemindJudge(self.triggers, settings.time_zone)
        self._judges = {
            **_JUDGES, "remind": reminding.remind, "remind_pocs": reminding.remind_pocs,
        }  # fmt: skip
        self._leads: dict[tuple[int, str], str] = {}
        self._with_uploads: set[str] = set()
        #: Offers whose customers get nothing from some other one.
        self._excluding: set[str] = set()
        self._not_found: list[NotFound] = []
        self._refused: list[Refused] = []

    def match(
        self,
        lane: Lane,
        partition: int,
        first: int,
        committed: int,
        requests: Iterable[Asked],
        outcomes: Iterable[Answered],
    ) -> None:
        """One partition: every request has one outcome, in the requests' order.

        ``requests`` below ``committed``; those before ``first`` are no longer kept.
        """
        seen: dict[str, int] = {}
        place = (self._settings.topic(lane.requests), partition)
        pairing = Pairing(place, first, committed, requests, self.dead_letters, self._findings)
        count = 0
        for offset, said in outcomes:
            count += 1
            try:
                request = pairing.request_of(said)
                self._take(lane, partition, said["source"]["offset"], said, request, seen)
            except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
                what = f"{type(error).__name__}: {error}"
                name = f"{self._settings.topic(lane.outcomes)} {partition}/{offset}: {named(said)}"
                self._findings.difference(f"{name} is no outcome: {what}")
        pairing.finish()
        self._findings.compared["outcomes"] += count

    # One outcome ---------------------------------------------------------------------------------

    def _take(
        self,
        lane: Lane,
        partition: int,
        at: int,
        said: dict[str, Any],
        request: dict[str, Any] | None,
        seen: dict[str, int],
    ) -> None:
        for text in structure(lane, said):
            self._wrong(said, text)
        reason, change_ = said["reason"], said.get("ledger")
        if reason == Reason.INVALID_REQUEST:
            return
        redeeming = None
        if lane is REDEEM and said["type"] != "reverse":
            redeeming = self._judge_bill(said, request)
        if change_ is not None:
            sequence, offer_id = change_["sequence"], said["offer_id"]
            if sequence is not None:
                offer = self.offers.get(offer_id) or self._new_offer(offer_id)
                place = (lane.name, partition, at)
                offer.decisions.append(shorten(said, request, redeeming, place))
                seen[offer_id] = sequence
                if lane is OFFERS and reason is None and said.get("offer"):
                    self._learn(offer, said)
        elif reason in _NOT_FOUND and not said["replayed"]:
            self._note_not_found(lane, said, seen)
        if reason in _TAKEN and request is not None and not said["replayed"]:
            name = named(said)
            more = said.get("detail"), said.get("taken")
            self._refused.append(Refused(name, said["offer_id"], reason, request, *more))
        if said["type"] != "validate":
            self.remembered.take(lane, said)

    def _judge_bill(self, said: dict[str, Any], request: dict[str, Any] | None) -> Redeeming:
        found, wrong = self._bills.judge(said, request, self._rules(said))
        for text in wrong:
            self._wrong(said, text)
        return found

    def _rules(self, said: dict[str, Any]) -> Rules | None:
        offer = self.offers.get(said["offer_id"])
        return None if offer is None else offer.versions.get(said.get("offer_version", 0))

    def _new_offer(self, offer_id: str) -> OfferModel:
        offer = OfferModel(offer_id, self._settings.calendar, self._findings)
        self.offers[offer_id] = offer
        return offer

    def _learn(self, offer: OfferModel, said: dict[str, Any]) -> None:
        version, definition = said["offer_version"], said["offer"]
        offer.versions[version] = rules = Rules.of(definition, self._settings.decimals)
        offer.definitions[version] = definition
        if rules.codes.type == "uploaded":
            self._with_uploads.add(offer.offer_id)
        else:
            self._leads[rules.codes.length, rules.codes.lead] = offer.offer_id
        for other in rules.received.offers if rules.received else ():
            self._excluding.add(other)

    def _note_not_found(self, lane: Lane, said: dict[str, Any], seen: dict[str, int]) -> None:
        """Of a code: whichever offer it can be of, as far as that was seen in this partition."""
        code, candidates = None, [said["offer_id"]]
        if lane is REDEEM:
            code = str(said["code"])
            found = (self._leads.get((len(code), code[:n])) for n in range(1, len(code) + 1))
            candidates = [one for one in found if one] + list(self._with_uploads)
        for offer_id in candidates:
            if offer_id in seen:
                name = named(said)
                self._not_found.append(NotFound(name, offer_id, code, seen[offer_id]))

    # The end -------------------------------------------------------------------------------------

    def finish(self, report: Progress = silent) -> Offers:
        """Fold every offer and check what holds across them. Returns the offers as they stand."""
        findings = self._findings
        total = sum(len(offer.decisions) for offer in self.offers.values())
        for offer in self.offers.values():
            count = len(offer.decisions)
            if offer.offer_id in self._excluding:
                offer.issues = {}
            offer.fold(self._judges, change)
            findings.compared["decisions"] += count
            report("judging", findings.compared["decisions"], total)
            self._note_lost(offer)
        findings.compared["discounts"] += self._bills.discounts
        self.remembered.finish()
        check_received(self.offers, findings)
        check_not_found(self._not_found, self.offers, findings)
        check_offers(self.offers, findings)
        check_refused(self._refused, self.offers, findings)
        self.dead_letters.finish()
        self.triggers.finish()
        return self.offers

    def _note_lost(self, offer: OfferModel) -> None:
        if offer.holes:
            shown = ", ".join(
                str(first) if first == last else f"{first} to {last}"
                for first, last in offer.holes[:5]
            )
            count = sum(last - first + 1 for first, last in offer.holes)
            text = (
                f"offer {offer.offer_id}: Redis lost {count} decisions before they were committed"
            )
            explained = f"; {offer.by_lost} others went by them" if offer.by_lost else ""
            self._findings.note(f"{text} (sequence {shown}){explained}")

    def _wrong(self, said: dict[str, Any], text: str) -> None:
        self._findings.difference(f"{named(said)} {text}")
