"""The audit beside the deciding side on a real Redis: they agree after any history, also when it
was restored, and what is changed in Redis behind their backs is found."""

from collections.abc import Callable
from random import Random
from typing import Any

import msgpack
import orjson
import pytest
import redis

from schemas.org import OrgEntity
from schemas.topics import ISSUE, OFFERS, REDEEM, REVOKE
from state.layout import record
from state.ledger import Ledger
from streams.audit.comparing import Comparison
from streams.audit.history import History
from streams.audit.redis_state import RedisState, values_of
from streams.audit.verdict import Findings, silent
from streams.settings import Settings
from tests.ledger.desk import (
    Desk,
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
from tests.world import create, issue, redeem

CUSTOMERS = [f"c-{n}" for n in range(6)]
MOMENTS = [f"2026-11-{day}T{hour}:30:00+05:30" for day in range(20, 25) for hour in (10, 23)]
TILLS = {
    "t-1": OrgEntity(till_id="t-1", store_id="s-1", zone_ids=["north"], time_zone="Asia/Tokyo"),
    "t-2": OrgEntity(till_id="t-2", store_id="s-2", zone_ids=["south"]),
}
UNIQUE = {"type": "unique", "charset": "alphanumeric", "length": 10, "no_lookalikes": True}
OFFERS_BY_ID: dict[str, dict[str, Any]] = {
    "unique": {"coupons": {"codes": UNIQUE, "expiry": {"type": "days_after_issue", "days": 2}},
               "issue": {"unless_received": {"offers": ["common", "up"], "months": 1},
                         "resend": {"content": "Use {code}"}, "max_total": 40},
               "budget": {"discount": "1500.00"}},
    "export": {"coupons": {"codes": {"type": "randomised", "sample": "XYZ12345"},
                           "delivery": "third_party"},
               "redeem": {"uses_per_coupon": 2},
               "issue": {"resend": {"content": "Use {code}"}},
               "budget": {"revenue_goal": "9000.00"}},
    "common": {"coupons": {"codes": {"type": "common", "code": "save-10"},
                           "expiry": {"type": "month_ends_after_issue", "months": 1}},
               "redeem": {"anyone_may_redeem": True, "max_per_customer": 4,
                          "when": [{"days": ["fri", "sat"], "from": "22:00", "to": "15:00"}]},
               "issue": {"max_total": 30, "max_per_customer": 3}},
    "up": {"coupons": {"codes": {"type": "uploaded"}},
           "redeem": {"org_entities": {"zones": ["north"], "stores": ["s-9"]},
                      "bill": {"min": "100.00", "max": "900.00"}},
           "issue": {"min_gap_days": 1, "resend": {"content": "Use {code}"}}},
    "third": {"coupons": {"codes": {"type": "uploaded"}, "delivery": "third_party"},
              "products": {"categories": ["shoes"], "exclude": {"skus": ["s-2"],
                                                                "customer_tags": ["staff"]}}},
}  # fmt: skip
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
            (self.export, 1), (self.resend, 2), (self.change, 1),
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

    def change(self) -> None:
        offer_id = self.pick(*OFFERS_BY_ID)
        scope = self.pick("customers", "customers", "unissued", "unredeemed")
        if scope == "customers" or not self.random.randrange(6):
            self.ask(revoke(scope, *self.random.sample(CUSTOMERS, 2), offer_id=offer_id))
        self.ask(claim(self.pick("dvs", "loyalty"), "h", offer_id))
        rules = OFFERS_BY_ID[offer_id]
        budget = {"discount": self.pick("100.00", "5000.00")}
        self.ask(edit(offer_id, **{**rules, "budget": budget}))


def audited(desk: Desk, settings: Settings) -> Findings:
    findings = Findings()
    history = History(settings, findings)
    for till_id, entity in TILLS.items():
        history.tills.learn(till_id, 0, entity.model_dump_json().encode())
    for lane in (OFFERS, ISSUE, REDEEM, REVOKE):
        for at in [at for at in desk.partitions.values() if at.lane is lane]:
            committed = list(at.records.items())[: at.committed]
            asked = [(offset, orjson.loads(value), value) for offset, value in committed]
            said = orjson.loads(orjson.dumps(desk.outcomes.get((lane.name, at.number), [])))
            history.match(lane, at.number, 0, at.committed, asked, enumerate(said))
    history.finish()
    state = RedisState(settings)
    try:
        Comparison(settings, state, history, findings).run(silent)
    finally:
        state.close()
    return findings


@pytest.fixture
def desk(settings: Settings, ledger: Ledger) -> Desk:
    return Desk(settings, ledger)


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


# What is changed in Redis ------------------------------------------------------------------------


class Keys:
    """The ledger's keys, to change them by hand."""

    def __init__(self, settings: Settings) -> None:
        self.base = RedisState(settings).base.decode()
        self.client: Any = redis.Redis.from_url(settings.redis_url)

    def packed(self, name: str, field: bytes | str, change: Callable[[Any], Any]) -> None:
        key = self.base + name
        content = change(msgpack.unpackb(self.client.hget(key, field)))
        self.client.hset(key, field, msgpack.packb(content, use_bin_type=False))

    def record(self, name: str, field: bytes | str, change: Callable[[Any], Any]) -> None:
        key = self.base + name
        content = change(values_of(self.client.hget(key, field)))
        self.client.hset(key, field, record(content))

    def add(self, field: str, by: int = 1) -> None:
        self.client.hincrby(f"{self.base}offer:up", field, by)

    def customer(self, number: int, customer: str, change: Callable[[Any], Any]) -> None:
        [field] = [
            field
            for field in self.client.hkeys(f"{self.base}customers:0")
            if field[4:] == f"{number}:{customer}".encode()
        ]
        self.record("customers:0", field, change)

    def code(self, code: str) -> Any:
        keys = self.client.hkeys(f"{self.base}uploaded:0")
        return next(key for key in keys if key[4:] == code.encode())


def change(keys: Keys, what: str) -> None:
    """Offer up is number 1, export number 2."""
    client, base = keys.client, keys.base
    if what in ("discounted", "revenue", "positions", "stock_next", "stock", "taken", "audience"):
        keys.add(what)
    elif what == "no audience":
        client.hdel(f"{base}offer:up", "audience")
    elif what == "member":
        client.srem(f"{base}audience:1:1", "c-1")
    elif what == "stores":
        client.hdel(f"{base}offer:up", "stores")
    elif what == "waiting":
        client.hdel(f"{base}offer:up", "upload")
    elif what == "ranges":
        keys.packed("offer:export", "ranges", lambda ranges: [[*ranges[0][:1], 4, *ranges[0][2:]]])
    elif what == "limit":
        keys.packed("offer:up", "limits", lambda limits: {**limits, "budget_discount": 1})
    elif what == "code":
        keys.packed("uploaded:0", keys.code("UA2"), lambda found: [found[0], 0])
    elif what == "no code":
        client.hdel(f"{base}uploaded:0", keys.code("UA2"))
        client.hincrby(f"{base}sizes", "uploaded", -1)
    elif what == "owner":
        keys.packed("codes:1:0", "3", lambda found: [found[0], "c-9"])
    elif what == "stock entry":
        client.hset(f"{base}stock:1:0", "1", "3")
    elif what == "no stock entry":
        client.hdel(f"{base}stock:1:0", "1")
    elif what == "lead":
        client.hdel(f"{base}leads", "3:UA")
    elif what == "use":
        keys.record("coupons:2:0", "1", lambda coupon: [*coupon[:8], 1, *coupon[9:]])
    elif what == "no coupon":
        client.hdel(f"{base}coupons:2:0", "1")
    elif what == "taken by":
        keys.customer(2, "c-1", lambda record: [*record[:3], 0, *record[4:-1]])
    else:
        assert what == "uploaded for"
        keys.customer(1, "c-2", lambda record: [*record[:2], 0, 0])


@pytest.fixture
def full(desk: Desk) -> Desk:
    """Something in every kind of key."""
    desk.ask(
        create("up", **OFFERS_BY_ID["up"]),
        create("export", **OFFERS_BY_ID["export"]),
    )
    desk.ask(
        upload("UA1", "UA2", "UA3", offer_id="up"),
        upload("UB1", to="c-2", offer_id="up"),
        upload("UC1", part=1, parts=2, offer_id="up"),
        audience("c-1", "c-2", offer_id="up"),
        stores("s-1", "s-2", offer_id="up"),
        export(3, offer_id="export"),
        issue("c-1", "up"),
    )
    desk.catalogue.tills.update(TILLS)
    desk.refresh()
    offer = desk.catalogue.get("export")
    assert offer is not None
    desk.ask(redeem("UA1", "c-1"), redeem(desk.catalogue.code_of(offer, 1), "c-1"))
    return desk


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("discounted", "has discounted"), ("revenue", "has revenue"),
        ("positions", "has positions 6; due 5"), ("stock_next", "has stock_next 5; due 4"),
        ("stock", "has stock 4; due 3"), ("taken", "has taken 2; due 1"),
        ("audience", "has an audience 1 of offer up; none waits, in effect is 2"),
        ("no audience", "has audience 0; due is one"),
        ("member", "offer up has another audience: ['c-1'] differ"),
        ("stores", "has the uploaded stores []; due ['s-1', 's-2']"),
        ("waiting", "has parts of [] that wait; due ['upload_codes']"),
        ("ranges", "has the ranges [(0, 4,"), ("limit", "has the limit budget_discount 1"),
        ("code", "has the code UA2 at 0 of offer number 1; due 1"),
        ("no code", "lacks the code UA2 of offer up"),
        ("owner", "has ('UB1', 'c-9') at position 3 of offer up; due ('UB1', 'c-2')"),
        ("stock entry", "has position 3 in the stock of offer up, at 1; due 1"),
        ("no stock entry", "lacks number 1 of the stock of offer up"),
        ("lead", "leads has 3:UA with None; due +"), ("use", "coupon 1 of offer export"),
        ("no coupon", "lacks coupon 1 of offer export"),
        ("taken by", "customer c-1 of offer export redeemed [] without being"),
        ("uploaded for", "customer c-2 of offer up lacks the uploaded coupons [3]"),
    ],
)  # fmt: skip
def test_what_is_changed_in_redis_is_named(
    full: Desk, settings: Settings, what: str, named: str
) -> None:
    assert audited(full, settings).differences == []

    change(Keys(settings), what)

    differences = audited(full, settings).differences
    assert any(named in line for line in differences), "\n".join(differences)
