"""The audit and the ledger agree after any history, also when it was restored."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from schemas.times import written_day
from streams.settings import Settings
from tests.ledger.asking import (
    audience,
    claim,
    edit,
    export,
    resend,
    reverse,
    revoke,
    stores,
    upload,
)
from tests.ledger.desk import Desk
from tests.ledger.reminding import remind
from tests.unit.audit_desk import OFFERS_BY_ID, TILLS, audited
from tests.world import create, issue, redeem

CUSTOMERS = [f"c-{n}" for n in range(6)]
MOMENTS = [f"2026-11-{day}T{hour}:30:00+05:30" for day in range(20, 25) for hour in (10, 23)]
LINES = [
    {"sku": "s-1", "category": "shoes", "amount": "99.99", "on_sale": False},
    {"sku": "s-2", "category": "shoes", "amount": "50.01", "on_sale": False},
    {"sku": "s-3", "category": "hats", "amount": "250.00", "on_sale": False},
    {"sku": "s-4", "category": "shoes", "amount": "10.00", "on_sale": True},
]


class Shop:
    """A history drawn at random, so that most rules refuse some of it."""

    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk, self.random = desk, Random(seed)
        self.codes: list[str] = ["SAVE10"] * 3
        self.used: list[tuple[str, str, str | None]] = []
        self.uploads = 0
        self._take_tills()
        self.ask(*(create(offer_id, **rules) for offer_id, rules in OFFERS_BY_ID.items()))

    def _take_tills(self) -> None:
        self.desk.catalogue.tills.update(TILLS)

    def ask(self, *requests: dict[str, Any]) -> list[dict[str, Any]]:
        """A minute later than the ones before."""
        self.desk.now += 60_000
        return self.desk.ask(*requests)

    def restore(self) -> None:
        self.desk.restore()
        self._take_tills()

    def go_on(self, steps: int) -> None:
        kinds: list[tuple[Callable[[], None], int]] = [
            (self.issue, 9), (self.redeem, 14), (self.reverse, 4), (self.upload, 3),
            (self.export, 1), (self.resend, 2), (self.change, 1), (self.remind, 3),
        ]  # fmt: skip
        steps_, weights = zip(*kinds, strict=True)
        for step in self.random.choices(steps_, weights, k=steps):
            step()

    def pick(self, *some: Any) -> Any:
        return self.random.choice(some)

    def issue(self) -> None:
        for offer_id in OFFERS_BY_ID:
            [said] = self.ask(
                issue(self.pick(*CUSTOMERS), offer_id, occurred_at=self.pick(*MOMENTS))
            )
            if said["outcome"] == "accepted":
                self.codes.append(said["code"])

    def redeem(self) -> None:
        code, customer = self.pick(*self.codes), self.pick(*CUSTOMERS, None)
        lines = self.random.sample(LINES, self.random.randint(0, 4))
        amount = f"{sum(float(line['amount']) for line in lines) or 123.45:.2f}"
        asked = redeem(
            code, customer, occurred_at=self.pick(*MOMENTS), till_id=self.pick("t-1", "t-2", "t-9"),
            customer_tags=self.pick(None, ["staff"]),
            bill={"number": "B", "amount": amount, "currency": "INR", "lines": lines or None},
        )  # fmt: skip
        asked["type"] = self.pick("redeem", "redeem", "redeem", "validate")
        [said] = self.ask(asked)
        if said["outcome"] == "accepted" and asked["type"] == "redeem":
            self.used.append((code, asked["request_id"], customer))
        if self.pick(False, False, True):
            self.ask(asked)

    def reverse(self) -> None:
        if self.used:
            code, redemption_id, customer = self.pick(*self.used)
            at = self.pick(*MOMENTS)
            self.ask(reverse(code, redemption_id, self.pick(customer, customer, "c-1"),
                             occurred_at=at))  # fmt: skip

    def upload(self) -> None:
        self.uploads += 1
        codes = [f"U{self.uploads:03}{n}" for n in range(self.random.randint(0, 4))]
        codes += self.pick([], [], [self.pick(*self.codes)], ["XYZ11111"])
        parts = self.pick(1, 1, 2, 3)
        kinds = {"part": self.random.randint(1, parts), "parts": parts}
        to, offer_id = self.pick(*CUSTOMERS, None, None, None), self.pick("up", "third", "common")
        [said] = self.ask(upload(*codes, to=to, offer_id=offer_id, **kinds))
        if said["outcome"] == "accepted":
            self.codes += codes
        self.ask(
            self.pick(
                audience(*self.random.sample(CUSTOMERS, 4), offer_id=self.pick("export", "common"),
                         **kinds),
                audience(offer_id="common"),
                stores(*self.pick(["s-2"], ["s-1", "s-5"], []), offer_id="up", **kinds),
            )
        )  # fmt: skip

    def export(self) -> None:
        [said] = self.ask(
            export(self.random.randint(1, 70), offer_id=self.pick("export", "unique"))
        )
        if said["outcome"] == "accepted":
            self.desk.refresh()
            offer = self.desk.catalogue.get("export")
            assert offer is not None
            serials = range(said["first"], said["first"] + said["count"])
            self.codes += [self.desk.catalogue.code_of(offer, n) for n in serials[:4]]

    def resend(self) -> None:
        for offer_id in OFFERS_BY_ID:
            self.ask(resend(self.pick(*CUSTOMERS), offer_id))

    def remind(self) -> None:
        """Of what was due up to a day and a half ago, which may be too late, or a day before that;
        now and then once more."""
        today = self.desk.settings.calendar.day(self.desk.now // 1_000 - 43_200)
        for offer_id, rules in OFFERS_BY_ID.items():
            for one in rules.get("reminders", ()):
                name = f"{one['days_before']}d-11:00-{one['channel']}"
                ends_on = written_day(today + one["days_before"] - self.pick(0, 0, 1))
                self.ask(remind(ends_on, name, offer_id=offer_id))
        ends_on = written_day(today + 40)
        self.ask(remind(ends_on, "40d-10:00-email", type_="remind_pocs", offer_id="common"))

    def change(self) -> None:
        offer_id = self.pick(*OFFERS_BY_ID)
        scope = self.pick("customers", "customers", "unissued", "unredeemed")
        if scope == "customers" or not self.random.randrange(6):
            self.ask(revoke(scope, *self.random.sample(CUSTOMERS, 2), offer_id=offer_id))
        self.ask(claim(self.pick("dvs", "loyalty"), "h", offer_id))
        rules = OFFERS_BY_ID[offer_id]
        budget = {"discount": self.pick("100.00", "5000.00")}
        self.ask(edit(offer_id, **{**rules, "budget": budget}))


@pytest.mark.parametrize("seed", range(4))
def test_audit_and_ledger_agree_on_any_history(desk: Desk, settings: Settings, seed: int) -> None:
    shop = Shop(desk, seed)
    for _ in range(2):
        shop.go_on(150)
        found = audited(desk, settings).differences
        assert found == [], "\n".join([f"seed {seed}", *found])
        shop.restore()
        found = audited(desk, settings).differences
        assert found == [], "\n".join([f"seed {seed}, restored", *found])
