"""Reminders: who was due to be told, judged by an offer's model, beside the triggers there are."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from streams.audit.decision import Decision, Reminding
from streams.audit.model import Coupon, OfferModel
from streams.audit.rules import Rules
from streams.audit.verdict import Findings

#: Serials that one request to remind is about.
RUN = 1_024
_BRACES = re.compile(r"\{(\w+)\}")
#: What the clocks of two workers may differ by.
_EARLY_S = 60


class Trigger(NamedTuple):
    """One as it lies in the topic. ``rest``: a hash of everything else."""

    customer: str | None
    code: str | None
    rest: int


class Triggers:
    """Those of the topic `reminders`; each is taken away by the decision that gave it."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._left: dict[str, dict[str, Trigger]] = {}

    def add(self, said: dict[str, Any]) -> None:
        self._findings.compared["reminders"] += 1
        of_offer = self._left.setdefault(said["offer_id"], {})
        if said["reminder_id"] in of_offer:
            self._findings.difference(f"the reminder {said['reminder_id']} was sent twice")
        of_offer[said["reminder_id"]] = Trigger(said["customer_id"], said["code"], _rest(said))

    def take(self, offer_id: str, reminder_id: str) -> Trigger | None:
        return self._left.get(offer_id, {}).pop(reminder_id, None)

    def finish(self) -> None:
        for of_offer in self._left.values():
            for reminder_id in of_offer:
                self._findings.difference(f"the reminder {reminder_id} was sent and never decided")


def _rest(said: dict[str, Any]) -> int:
    names = ("kind", "coupon_id", "channel", "content", "due_at", "expires_at")
    return hash((*(said[name] for name in names), tuple(said["pocs"] or ())))


class RemindJudge:
    """Judges both kinds; ``triggers`` are there before."""

    def __init__(self, triggers: Triggers, time_zone: str) -> None:
        self._triggers, self._zone = triggers, ZoneInfo(time_zone)

    def remind(self, offer: OfferModel, decision: Decision, rules: Rules) -> None:
        more: Reminding = decision.more
        due = []
        if more.reminder in rules.reminders and not more.late:
            due = list(self._due_coupons(offer, rules, more))
        self._expect_moment(offer, decision)
        if more.serials != due:
            if offer.lost["ever"]:
                offer.by_lost += 1
            else:
                text = f"reminded of the coupons {more.serials[:5]} ({len(more.serials)})"
                offer.wrong(decision, f"{text}; due {due[:5]} ({len(due)})")
        if more.how_many != len(more.serials):
            offer.wrong(decision, f"says {more.how_many} and names {len(more.serials)}")
        for serial in more.serials:
            coupon = offer.coupon(serial)
            if coupon is not None:
                self._expect_trigger(offer, decision, rules, serial, coupon)

    def _due_coupons(self, offer: OfferModel, rules: Rules, more: Reminding) -> Iterator[int]:
        """Those that end on the day, can still be used, and are somebody's."""
        for serial in range(more.run * RUN, (more.run + 1) * RUN):
            coupon = offer.coupon(serial)
            if coupon is None:
                continue
            ends = rules.coupon_ends(coupon.expires)
            if ends is None or not self._is_on(ends, more.ends_on):
                continue
            standing = coupon.standing()
            if (
                not coupon.revoked
                and (serial >= offer.watermark or standing)
                and more.decided_s <= ends
                and (rules.uses_per_coupon is None or standing < rules.uses_per_coupon)
                and coupon.owner()
            ):
                yield serial

    def _expect_trigger(
        self, offer: OfferModel, decision: Decision, rules: Rules, serial: int, coupon: Coupon
    ) -> None:
        more: Reminding = decision.more
        name = f"{offer.offer_id}:{serial}:{more.reminder}:{more.ends_on}"
        found = self._triggers.take(offer.offer_id, name)
        if found is None:
            offer.wrong(decision, f"gave no reminder {name}")
            return
        if found.customer != coupon.owner():
            offer.wrong(decision, f"told {found.customer} of coupon {serial}, {coupon.owner()}'s")
        if found.code is None or not offer.is_code_of(found.code, serial, rules):
            offer.wrong(decision, f"told the code {found.code} of coupon {serial}, another's")
        ends = rules.coupon_ends(coupon.expires)
        values = {
            "coupon_id": f"{offer.offer_id}:{serial}",
            "code": found.code,
            "customer_id": found.customer,
            "expires_at": ends and self._moment(ends),
            "starts_at": self._moment(coupon.starts),
            "offer_name": offer.definitions[decision.version].get("name"),
        }
        template = rules.reminders.get(more.reminder, "")
        due = {
            "kind": "coupon",
            "coupon_id": values["coupon_id"],
            "channel": more.reminder.rpartition("-")[2],
            "content": _BRACES.sub(lambda brace: values.get(brace[1]) or "", template),
            "due_at": self._due_at(more).isoformat(),
            "expires_at": values["expires_at"],
            "pocs": None,
        }
        if _rest(due) != found.rest:
            offer.wrong(decision, f"gave the reminder {name} with other content than {due}")

    def remind_pocs(self, offer: OfferModel, decision: Decision, rules: Rules) -> None:
        more: Reminding = decision.more
        ends, pocs = rules.ends, rules.poc_reminders.get(more.reminder)
        due = int(
            pocs is not None
            and ends is not None
            and not more.late
            and self._is_on(ends, more.ends_on)
            and more.decided_s <= ends
        )
        self._expect_moment(offer, decision)
        if more.how_many != due:
            offer.wrong(decision, f"reminded POCs {more.how_many} times; due {due}")
        if not more.how_many:
            return
        name = f"{offer.offer_id}:pocs:{more.reminder}:{more.ends_on}"
        found = self._triggers.take(offer.offer_id, name)
        if found is None:
            offer.wrong(decision, f"gave no reminder {name}")
            return
        moment = None if ends is None else self._moment(ends)
        said = {
            "kind": "offer",
            "coupon_id": None,
            "channel": "email",
            "content": f"The offer {offer.definitions[decision.version].get('name')} "
            f"({offer.offer_id}) ends {moment}",
            "due_at": self._due_at(more).isoformat(),
            "expires_at": moment,
            "pocs": pocs,
        }
        if (found.customer, found.code, found.rest) != (None, None, _rest(said)):
            offer.wrong(decision, f"gave the reminder {name} with other content than {said}")

    def _expect_moment(self, offer: OfferModel, decision: Decision) -> None:
        more: Reminding = decision.more
        early = self._due_at(more).timestamp() - more.decided_s
        if early > _EARLY_S or (more.late and early > 0):
            offer.wrong(decision, f"was decided {early:.0f} s before it was due")

    def _due_at(self, more: Reminding) -> datetime:
        days, at, _ = more.reminder.split("-")
        local = datetime.fromisoformat(f"{more.ends_on}T{at}") - timedelta(int(days[:-1]))
        # There and back: a time that the clocks skip is shown as the one they go on with.
        moment = local.replace(tzinfo=self._zone).timestamp()
        return datetime.fromtimestamp(moment, self._zone)

    def _is_on(self, second: int, day: str) -> bool:
        return datetime.fromtimestamp(second, self._zone).date().isoformat() == day

    def _moment(self, second: int) -> str:
        return datetime.fromtimestamp(second, self._zone).isoformat()
