"""Remind: tell the recipients of coupons, and POCs of offers, what is about to end."""

from collections.abc import Iterator
from typing import Any

import orjson

from schemas.placeholders import fill
from schemas.reading import Reader
from schemas.reminders import ReminderName
from schemas.times import day_of
from schemas.topics import REMIND, REMINDERS
from state.catalogue import Catalogue, CompiledOffer
from state.fingerprint import fingerprint
from state.keys import request_key
from state.layout import Ending, Reminded, RemindOp
from state.ledger import Decided, Transition
from streams.batches import Emission
from streams.outcomes import REST, change, changed_something, outcome
from streams.settings import Settings
from streams.work import OneByOne


class Reminding(OneByOne):
    lane, transition, judges_by_offers = REMIND, Transition.REMIND, True

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self.reader = Reader(self.lane.types, settings.currency, settings.decimals)
        self._calendar, self._catalogue = settings.calendar, catalogue
        self._grace_s = settings.reminder_grace_hours * 3600
        self._reminders = settings.topic(REMINDERS)

    def _operation(self, offset: int, request: dict[str, Any]) -> RemindOp:
        offer = self._catalogue.get(request["offer_id"])
        content = request["fingerprint"] = fingerprint_of(request)
        ends_on = day_of(request["ends_on"])
        key, said = b"", False
        if offer is not None:
            key = request_key("reminders", offer.number, request["request_id"])
            of_kind: Any = offer.reminders if request["type"] == "remind" else offer.poc_reminders
            said = of_kind.get(request["reminder"], False)
        return RemindOp(
            offset,
            request["type"],
            key,
            content,
            request["offer_id"],
            request["second"],
            self._calendar.day(request["second"]),
            request["occurred_at"],
            said,
            self._due_at(request) + self._grace_s,
            request["run"],
            self._calendar.first_second(ends_on),
            self._calendar.last_second(ends_on),
        )

    def _due_at(self, request: dict[str, Any]) -> int:
        reminder = ReminderName.read(request["reminder"])
        return reminder.due_at(self._calendar, day_of(request["ends_on"]))

    def _outcome(self, request: dict[str, Any], decided: Decided) -> dict[str, Any]:
        said = outcome(request, decided)
        said |= {name: request[name] for name in ("offer_id", "reminder", "ends_on", "run")}
        if decided.content[0]:
            return said
        reminded = Reminded(*decided.content[REST:])
        said["late"] = decided.content[3] > (self._due_at(request) + self._grace_s) * 1_000
        said["reminded"] = reminded.how_many
        if not changed_something(decided):
            return said
        to_pocs = request["type"] == "remind_pocs"
        serials = [] if to_pocs else [one[0] for one in reminded.found]
        said["ledger"] = change(decided, request["fingerprint"], reminded=serials)
        said["triggers"] = list(self._triggers(request, reminded))
        return said

    def _triggers(self, request: dict[str, Any], reminded: Reminded) -> Iterator[dict[str, Any]]:
        offer = self._catalogue.get(request["offer_id"])
        assert offer is not None
        reminder, due = ReminderName.read(request["reminder"]), self._due_at(request)
        common = {
            "offer_id": offer.offer_id,
            "channel": reminder.channel,
            "due_at": self._calendar.moment(due),
        }
        name = f"{reminder}:{request['ends_on']}"
        if request["type"] == "remind_pocs":
            for end in reminded.found:
                yield common | self._to_pocs(offer, name, reminded.said, end)
            return
        found = [Ending(*one) for one in reminded.found]
        for code, one in zip(self._codes(offer, found), found, strict=True):
            coupon = {
                "coupon_id": f"{offer.offer_id}:{one.serial}",
                "code": code,
                "customer_id": one.customer_id,
                "expires_at": self._calendar.moment(one.ends),
            }
            named = {"offer_name": offer.name, "starts_at": self._calendar.moment(one.starts)}
            content = fill(str(reminded.said), coupon | named)
            yield {
                "reminder_id": f"{offer.offer_id}:{one.serial}:{name}",
                "kind": "coupon",
                **common,
                **coupon,
                "pocs": None,
                "content": content,
            }

    def _codes(self, offer: CompiledOffer, found: list[Ending]) -> list[str]:
        if offer.series is not None:
            return self._catalogue.codes.encode([(offer.series, one.serial) for one in found])
        return [str(one.code or offer.lead) for one in found]

    def _to_pocs(self, offer: CompiledOffer, name: str, pocs: Any, end: int) -> dict[str, Any]:
        ends = self._calendar.moment(end)
        return {
            "reminder_id": f"{offer.offer_id}:pocs:{name}",
            "kind": "offer",
            "coupon_id": None,
            "code": None,
            "customer_id": None,
            "pocs": pocs,
            "content": f"The offer {offer.name} ({offer.offer_id}) ends {ends}",
            "expires_at": ends,
        }

    def more_emissions(self, said: dict[str, Any], /) -> list[Emission]:
        """The triggers. Takes them out of the outcome."""
        return [
            Emission(
                self._reminders,
                None,
                (trigger["customer_id"] or trigger["offer_id"]).encode(),
                orjson.dumps(trigger),
            )
            for trigger in said.pop("triggers", ())
        ]


def fingerprint_of(request: dict[str, Any]) -> bytes:
    return fingerprint(*(request[name] for name in ("type", "reminder", "ends_on", "run")))
