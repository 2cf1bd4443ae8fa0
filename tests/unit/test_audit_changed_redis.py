"""What is changed in Redis behind the ledger's back is found by the audit."""

from collections.abc import Callable
from typing import Any

import msgpack
import pytest
import redis

from state.records import Counts, Coupon, Rules, counts_of, record, values_of
from streams.audit.redis_state import RedisState
from streams.settings import Settings
from tests.ledger.asking import audience, export, stores, upload
from tests.ledger.desk import Desk
from tests.unit.audit_desk import OFFERS_BY_ID, TILLS, audited
from tests.world import create, issue, redeem


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

    def of_offer(self, named: type[Any], **others: Any) -> None:
        """Other values in its record of ``counts`` or ``rules``."""
        key = f"{self.base}{named.__name__.lower()}:up"
        self.client.set(key, record(named(*values_of(self.client.get(key)))._replace(**others)))

    def count(self, name: str) -> int:
        return getattr(counts_of(self.client.get(f"{self.base}counts:up")), name)

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
        keys.of_offer(Counts, **{what: keys.count(what) + 1})
    elif what == "no audience":
        keys.of_offer(Counts, audience=0)
    elif what == "member":
        client.srem(f"{base}audience:1:1", "c-1")
    elif what == "stores":
        client.hdel(f"{base}offer:up", "stores")
    elif what == "waiting":
        client.hdel(f"{base}offer:up", "upload")
    elif what == "ranges":
        keys.packed("offer:export", "ranges", lambda ranges: [[*ranges[0][:1], 4, *ranges[0][2:]]])
    elif what == "rule":
        keys.of_offer(Rules, budget_discount=1)
    elif what == "claim":
        keys.of_offer(Rules, service="outbound")
    elif what == "counts of none":
        client.set(f"{base}counts:none", client.get(f"{base}counts:up"))
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
        keys.record("coupons:2:0", "1", lambda coupon: [*coupon[:9], 1, *coupon[10:]])
    elif what == "uses of the only coupon":
        keys.record("coupons:1:0", "0", lambda coupon: with_apart(coupon, True))
    elif what == "uses of one of several":
        keys.record("coupons:1:0", "3", lambda coupon: with_apart(coupon, False))
    elif what == "redeemed":
        keys.customer(1, "c-2", lambda record: [*record[:-1], 2])
    elif what == "part of a use":
        keys.record("coupons:2:0", "1", lambda coupon: coupon[:-1])
    elif what == "layout":
        client.set(f"{base}layout", 9)
    elif what == "no coupon":
        client.hdel(f"{base}coupons:2:0", "1")
    elif what == "request":
        [remembered] = client.scan_iter(match=f"{base}requests:*")
        client.hdel(remembered, client.hkeys(remembered)[0])
    elif what == "taken by":
        keys.customer(2, "c-1", lambda record: [*record[:3], 0, *record[5:]])
    else:
        assert what == "uploaded for"
        keys.customer(1, "c-2", lambda _: [0])


def with_apart(coupon: list[Any], apart: bool) -> list[Any]:
    place = Coupon._fields.index("apart")
    return [*coupon[:place], apart, *coupon[place + 1 :]]


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
    used = [("UA1", "c-1"), ("UB1", "c-2"), (desk.catalogue.code_of(offer, 1), "c-1")]
    bill = {"number": "B-1", "amount": "500.00", "currency": "INR"}
    desk.ask(*[redeem(code, customer, bill=bill) for code, customer in used])
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
        ("ranges", "has the ranges [(0, 4,"), ("rule", "has the rule budget_discount 1"),
        ("claim", "has the rule service 'outbound'; due"),
        ("counts of none", "has counts:none, of an offer that isn't there"),
        ("code", "has the code UA2 at 0 of offer number 1; due 1"),
        ("no code", "lacks the code UA2 of offer up"),
        ("owner", "has ('UB1', 'c-9') at position 3 of offer up; due ('UB1', 'c-2')"),
        ("stock entry", "has position 3 in the stock of offer up, at 1; due 1"),
        ("no stock entry", "lacks number 1 of the stock of offer up"),
        ("lead", "leads has 3:UA with None; due +"), ("use", "coupon 1 of offer export"),
        ("uses of the only coupon", "customer c-1 of offer up redeemed [] (day, count, ...)"),
        ("uses of one of several", "coupon 3 of offer up stands for all that its recipient"),
        ("redeemed", "customer c-2 of offer up redeemed ["),
        ("part of a use", "coupon 1 of offer export of customer"),
        ("layout", "has a ledger of the layout 9, which can't be read here: 11 can"),
        ("no coupon", "lacks coupon 1 of offer export"),
        ("taken by", "customer c-1 of offer export redeemed [] without being"),
        ("uploaded for", "customer c-2 of offer up lacks the uploaded coupons [3]"),
        ("request", "remembers 11 requests of the days from"),
    ],
)  # fmt: skip
def test_what_is_changed_in_redis_is_named(
    full: Desk, settings: Settings, what: str, named: str
) -> None:
    assert audited(full, settings).differences == []

    change(Keys(settings), what)

    differences = audited(full, settings).differences
    assert any(named in line for line in differences), "\n".join(differences)
