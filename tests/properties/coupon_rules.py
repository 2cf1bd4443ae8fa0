"""Coupons that are issued, resent and revoked, and to whom they may be: rules of machines."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.ledger.asking import audience, resend, reverse, revoke
from tests.ledger.reminding import remind
from tests.properties.drawn import customers, parts
from tests.properties.machine import LedgerMachine, early, late, moments, numbers, offer_ids
from tests.world import issue, redeem


class Coupons(LedgerMachine):
    @rule(
        number=numbers,
        offer_id=offer_ids,
        to=st.lists(customers, min_size=1, max_size=4),
        at=early,
        holder=st.sampled_from(["h"] * 7 + ["other"]),
    )
    def issue(self, number: int, offer_id: str, to: list[str], at: str, holder: str) -> None:
        known = self.oracle.offers.get(offer_id)
        service = known.claim["service"] if known and known.claim else "dvs"
        holder = known.claim["holder"] if holder == "h" and known and known.claim else holder
        asked = {"service": service, "holder": holder, "occurred_at": at}
        self.lay(number, *(issue(customer, offer_id, **asked) for customer in to))

    @rule(
        numbers=st.tuples(numbers, numbers, numbers),
        offer_id=offer_ids,
        who=customers,
        on=early,
        at=late,
        returns=st.booleans(),
    )
    def visit(self, numbers: Any, offer_id: str, who: str, on: str, at: str, returns: bool) -> None:
        """A customer gets a coupon and uses it, and may bring back what was bought."""
        self.issue(numbers[0], offer_id, [who], on, "h")
        codes = self.codes.get(offer_id)
        if codes and codes[-1][1] == who:
            bought = redeem(codes[-1][0], who, occurred_at=at)
            self.lay(numbers[1], bought)
            if returns:
                self.lay(numbers[2], reverse(bought["code"], bought["request_id"], who))

    @rule(
        number=numbers,
        offer_id=offer_ids,
        scope=st.sampled_from([*["customers"] * 8, "unredeemed", "unissued"]),
        whom=st.lists(customers, min_size=1, max_size=2),
        at=moments,
    )
    def revoke(self, number: int, offer_id: str, scope: str, whom: list[str], at: str) -> None:
        listed = whom if scope == "customers" else []
        self.lay(number, revoke(scope, *listed, offer_id=offer_id, occurred_at=at))

    @rule(number=numbers, offer_id=offer_ids, who=customers, at=late)
    def resend(self, number: int, offer_id: str, who: str, at: str) -> None:
        self.lay(number, resend(who, offer_id, occurred_at=at))

    @rule(
        offer_id=offer_ids,
        what=st.sampled_from(
            [*[("2026-11-30", 4), ("2026-12-31", 35)] * 3, ("2026-12-31", 4), ("2026-11-22", 35)]
        ),
    )
    def remind(self, offer_id: str, what: tuple[str, int]) -> None:
        """What was due this night, what is too late, and what no offer says."""
        ends_on, days = what
        self.lay(0, remind(ends_on, f"{days}d-00:00-sms", offer_id=offer_id))

    @rule(
        offer_id=offer_ids,
        whom=st.lists(customers, max_size=3, unique=True),
        part=parts,
        at=early,
    )
    def set_audience(self, offer_id: str, whom: Any, part: Any, at: str) -> None:
        named = {"part": part[0], "parts": part[1], "occurred_at": at}
        self.lay(0, audience(*whom, offer_id=offer_id, **named))
