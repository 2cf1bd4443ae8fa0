"""Any requests, in any batches, with crashes and restores between: each answer is the oracle's."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as bounds
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from state.ledger import Ledger
from streams.settings import Settings
from tests.ledger.asking import claim, export, stores, upload
from tests.properties import drawn, drawn_bills
from tests.properties.coupon_rules import Coupons
from tests.properties.drawn import (
    DVS,
    EARLY,
    LATE,
    MOMENTS,
    MONTH_LATER,
    claims,
    customers,
    new_codes,
    parts,
    uploaded_codes,
)
from tests.properties.machine import (
    LedgerMachine,
    create,
    early,
    moments,
    numbers,
)
from tests.world import redeem


class Limits(Coupons):
    """Offers with unique codes, and every limit there is."""

    examples = 45
    offers = ("a", "b", "c")
    times = ([*EARLY, *MONTH_LATER], LATE, MOMENTS)

    @initialize(
        rules=st.tuples(*[drawn.limited(offers, alone=True)] * 3), on=early, began=st.booleans()
    )
    def offers_are_created(self, rules: tuple[dict[str, Any], ...], on: str, began: bool) -> None:
        lead = {"type": "unique", "charset": "digits", "length": 12, "prefix": "LEA"}
        rules[0]["claim"] = DVS
        rules[1]["coupons"]["codes"] = lead
        for name, one in zip(self.offers, rules, strict=True):
            self.lay(0, create(name, **self.fit(name, one)))
            if began:
                self.issue(0, name, ["c-1", "c-2"], on, "h")

    def sections(self) -> st.SearchStrategy[dict[str, Any]]:
        return drawn.limited(self.offers)

    def fit(self, offer_id: str, rules: dict[str, Any]) -> dict[str, Any]:
        excluding = rules["issue"]["unless_received"]
        if excluding and offer_id in excluding["offers"]:
            rules["issue"]["unless_received"] = None
        return rules

    @rule(
        number=numbers,
        offer_id=st.sampled_from((*offers, "d")),
        wanted=st.one_of(drawn.limited(offers), claims.filter(bool)),
    )
    def create_or_claim(self, number: int, offer_id: str, wanted: dict[str, Any]) -> None:
        if "service" in wanted:
            self.lay(number, claim(**wanted, offer_id=offer_id))
        else:
            self.lay(number, create(offer_id, **self.fit(offer_id, wanted)))


class Codes(Coupons):
    """An offer of each way of codes, with loose rules."""

    examples = 45
    offers = ("common", "uploaded", "generated")

    @initialize(
        rules=st.tuples(*[drawn.coded()] * 3),
        generated=st.sampled_from([drawn.SHORT, drawn.SHORT, drawn.RANDOM]),
        codes=st.one_of(st.none(), uploaded_codes),
        at=early,
    )
    def offers_are_created(self, rules: Any, generated: Any, codes: Any, at: str) -> None:
        rules[2]["coupons"]["delivery"] = "third_party"
        ways = (drawn.COMMON, drawn.UPLOADED, generated)
        for name, way, one in zip(self.offers, ways, rules, strict=True):
            coupons = {**one["coupons"], "codes": way}
            self.lay(0, create(name, **{**one, "coupons": coupons}))
        if codes:
            self.upload("uploaded", [((1, 1), codes)], at)
            self.export(0, "generated", 2, at)
            self.issue(0, "common", ["c-1", "c-2"], at, "h")

    def sections(self) -> st.SearchStrategy[dict[str, Any]]:
        return drawn.coded()

    @rule(number=numbers, offer_id=st.sampled_from(["x", "y"]), codes=new_codes)
    def create(self, number: int, offer_id: str, codes: dict[str, Any]) -> None:
        self.lay(number, create(offer_id, coupons={"codes": codes}))

    @rule(
        offer_id=st.sampled_from([*["uploaded"] * 6, "x", "common"]),
        pieces=st.lists(st.tuples(parts, uploaded_codes), min_size=1, max_size=3),
        at=early,
    )
    def upload(self, offer_id: str, pieces: list[Any], at: str) -> None:
        for (part, of), codes in pieces:
            items = [{"code": code, **({"customer_id": who} if who else {})} for code, who in codes]
            asked = {"part": part, "parts": of, "occurred_at": at, "offer_id": offer_id}
            self.lay(0, {**upload(**asked), "codes": items})

    @rule(
        number=numbers,
        offer_id=st.sampled_from([*["generated"] * 5, *offers]),
        count=st.sampled_from([1, 2, 3, 60]),
        at=early,
    )
    def export(self, number: int, offer_id: str, count: int, at: str) -> None:
        self.lay(number, export(count, offer_id=offer_id, occurred_at=at))


class Bills(LedgerMachine):
    """One offer that anyone may redeem, and rules that need no memory."""

    examples = 30
    offers = ("o",)
    times = (drawn_bills.MOMENTS,) * 3

    @initialize(rules=drawn_bills.judged())
    def offers_are_created(self, rules: dict[str, Any]) -> None:
        self.lay(0, create("o", **rules))

    def sections(self) -> st.SearchStrategy[dict[str, Any]]:
        return drawn_bills.judged()

    @rule(listed=drawn_bills.stores, part=parts, at=moments)
    def set_stores(self, listed: Any, part: Any, at: str) -> None:
        named = {"part": part[0], "parts": part[1], "occurred_at": at}
        self.lay(0, stores(*listed, offer_id="o", **named))

    @rule(
        number=numbers,
        kind=st.sampled_from(["redeem", "validate"]),
        asked=st.lists(
            st.fixed_dictionaries(
                {
                    "bill": drawn_bills.bills,
                    "till_id": drawn_bills.tills,
                    "occurred_at": drawn_bills.at,
                    "customer_tags": drawn_bills.tags,
                }
            ),
            min_size=1,
            max_size=6,
        ),
        who=customers,
    )
    def shop(self, number: int, kind: str, asked: list[dict[str, Any]], who: str) -> None:
        self.lay(number, *(redeem("all", who, type_=kind, **one) for one in asked))


MACHINES = (Limits, Codes, Bills)


def run(machine: type[LedgerMachine], settings: Settings, ledger: Ledger) -> None:
    run_state_machine_as_test(
        lambda: machine(settings, ledger, Counter()),
        settings=bounds(
            max_examples=machine.examples,
            stateful_step_count=40,
            deadline=None,
            print_blob=True,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(600)  # where it fails: up to 5 minutes to find the shortest way there
@pytest.mark.parametrize("machine", MACHINES)
def test_every_answer_is_the_oracles(
    machine: type[LedgerMachine], settings: Settings, ledger: Ledger
) -> None:
    run(machine, settings, ledger)
