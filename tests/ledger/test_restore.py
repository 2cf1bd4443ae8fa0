"""The ledger made again from the outcomes is the ledger as it was."""

from collections.abc import Callable
from typing import Any

import msgpack
import orjson
import pytest

from state.layout import Decision, OfferNow, Resent, Uploaded
from state.ledger import Ledger
from state.restore import Restorer
from streams.settings import Settings
from tests.ledger.desk import (
    TOKEN,
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

DAY_MS = 86_400_000
LATER = "2026-11-22T09:00:00+05:30"
#: Gone or new after a restore by their nature: what of a batch wasn't committed, who claimed a
#: partition, and what belongs to one opening of the server.
OF_THE_MOMENT = {"decisions", "chain", "open", "epoch", "restorer", "readers", "stamp", "claims"}


@pytest.fixture
def desk(settings: Settings, ledger: Ledger) -> Desk:
    return Desk(settings, ledger)


# What a ledger holds -----------------------------------------------------------------------------


def content(ledger: Ledger) -> dict[str, Any]:
    """Every key with what it means. Buckets are compared as they are: who looks, looks there."""
    found: dict[str, Any] = {}
    for key in ledger.client.scan_iter(match=ledger.base.replace("[", "\\[") + "*", count=1000):
        name = key.decode().removeprefix(ledger.base)
        kind = name.split(":")[0]
        if kind == "catalogue":
            found[name] = set(ledger.client.zrange(key, 0, -1))
        elif kind == "audience":
            found[name] = ledger.client.smembers(key)
        elif kind == "numbers":
            found[name] = ledger.client.get(key)
        elif kind not in OF_THE_MOMENT:
            fields = ledger.client.hgetall(key)
            found[name] = MEANING.get(kind, lambda fields: fields)(fields)
    return found


def of_offer(fields: dict[bytes, bytes]) -> dict[bytes, Any]:
    """Its prefix and code stand in the definition of one restored, else only beside it."""
    meant: dict[bytes, Any] = {name: v for name, v in fields.items() if name != b"stamp"}
    meant[b"definition"] = definition(fields[b"definition"])
    meant[b"limits"] = msgpack.unpackb(fields[b"limits"])
    for name in (b"claim", b"ranges", b"upload", b"stores"):
        if name in fields:
            meant[name] = msgpack.unpackb(fields[name])
    return meant


def definition(packed: bytes | str) -> dict[str, Any]:
    meant: dict[str, Any] = orjson.loads(packed)
    meant["offer_code"] = meant["coupons"]["codes"]["prefix"] = None
    return meant


def of_coupons(fields: dict[bytes, bytes]) -> dict[bytes, Any]:
    meant = {serial: msgpack.unpackb(packed) for serial, packed in fields.items()}
    for coupon in meant.values():
        coupon[-1].sort()  # uses, of whichever partition came first
    return meant


def of_customers(fields: dict[bytes, bytes]) -> dict[bytes, Any]:
    """Pairs of serial and day, and of day and count, and plain serials, in any order."""
    found = {key: msgpack.unpackb(packed) for key, packed in fields.items()}
    return {
        key: [
            *(sorted(zip(some[::2], some[1::2], strict=True)) for some in lists[:2]),
            *map(sorted, lists[2:]),
        ]
        for key, lists in found.items()
    }


def of_requests(fields: dict[bytes, bytes]) -> dict[bytes, Any]:
    meant = {}
    for key, packed in fields.items():
        decision = msgpack.unpackb(packed[8:])
        if len(decision) == len(Decision._fields) + len(OfferNow._fields):  # as it was then
            decision[6] = definition(decision[6])
        is_upload = len(decision) == len(Decision._fields) + len(Uploaded._fields)
        if key[4:5] == b"o" and is_upload:
            more, now = decision[7:]
            if now:
                now[1] = definition(now[1])
            decision[7] = more or {}  # Lua's empty table is a list
        if key[4:5] == b"i" and len(decision) == len(Decision._fields) + len(Resent._fields):
            decision[6] = [coupon[:3] for coupon in decision[6]]  # a code that can be computed
        meant[key] = (packed[:8], decision)
    return meant


MEANING: dict[str, Callable[[dict[bytes, bytes]], Any]] = {
    "offer": of_offer,
    "coupons": of_coupons,
    "customers": of_customers,
    "requests": of_requests,
}


# A year of work in a few lines -------------------------------------------------------------------


def live(desk: Desk) -> None:
    """Something of everything a ledger can hold, in several partitions."""
    loose = {"uses_per_coupon": "unlimited", "max_per_customer": 4, "min_gap_days": 0}
    outbound = {"service": "outbound", "holder": "camp", "ends_at": "2026-12-01T00:00:00Z"}
    desk.ask(create(redeem=loose), create(), create(claim=None))
    desk.ask(
        create("p", claim=None, expiry={"type": "with_campaign"}, offer_code="P"),
        create("q", discount={"type": "free"}), edit("p", offer_code="P"),
    )  # fmt: skip
    desk.ask(
        claim(**outbound, offer_id="p"), edit("p", expiry={"type": "with_campaign"}),
        edit("nobody"), create("q", redeem={"anyone_may_redeem": True}), partition=1,
    )  # fmt: skip
    codes = []
    for n in range(70):
        desk.now += 1000
        asked = issue(f"c-{n % 9}", request_id=f"i-{n}")
        codes += desk.ask(asked, partition=n % 3)
    desk.ask(issue("c-1"), issue("c-1", holder="x"), issue("c-1", request_id="i-1"), partition=2)
    desk.ask(*(issue(f"c-{n}", "p", service="outbound", holder="camp") for n in range(3)))
    [open_] = desk.ask(issue("c-1", "q"))
    redeems = [
        redeem(one["code"], one["customer_id"], request_id=f"r-{n}",
               occurred_at=f"2026-11-2{n % 7 + 2}T10:00:00+05:30")
        for n, one in enumerate(codes[:40])
    ]  # fmt: skip
    for n, request in enumerate(redeems):
        desk.ask(request, redeem(request["code"], "c-99"), partition=n % 2)
    desk.ask(*(redeem(open_["code"], who) for who in (None, "c-5", None)))
    for n in range(0, 24, 3):
        undone = reverse(codes[n]["code"], f"r-{n}", codes[n]["customer_id"], request_id=f"v-{n}")
        desk.ask(undone, undone, reverse(codes[n]["code"], f"r-{n}", codes[n]["customer_id"]))
    desk.ask(revoke("customers", "c-1", "c-2"), revoke("unissued", offer_id="p"))
    desk.ask(revoke("unredeemed", offer_id="q"), revoke("customers", "c-3"), partition=1)
    for partition in (0, 2):
        desk.ask(revoke("customers", "c-4", offer_id="q"), partition=partition)
    live_with_other_codes(desk)


def live_with_other_codes(desk: Desk) -> None:
    """Common, uploaded, exported; uploads in effect, waiting and given up."""
    common = {"codes": {"type": "common", "code": "FESTIVE"}}
    exported = {"delivery": "third_party",
                "codes": {"type": "randomised", "sample": "ABC123XY"}}  # fmt: skip
    rules = {"anyone_may_redeem": True, "uses_per_coupon": 2}
    text = {"resend": {"content": "{code}"}}
    desk.ask(create("common", coupons=common, redeem=rules, issue=text))
    desk.ask(create("up", coupons={"codes": {"type": "uploaded"}}, redeem=rules, issue=text))
    desk.ask(create("out", coupons=exported, redeem={"uses_per_coupon": 3}))
    desk.ask(upload(*(f"U-{n}" for n in range(70)), offer_id="up"))
    for part in (
        upload("V-0", offer_id="up", part=1, parts=3),
        upload("W-1", to="c-1", offer_id="up", part=2, parts=2),
        upload("W-0", "U-3", offer_id="up", part=1, parts=2),
        upload("W-0", "W-2", offer_id="up", part=1, parts=2),
        upload("X-0", "X-1", to="c-2", offer_id="up", part=1, parts=2),
        audience("c-1", "c-2", "c-9", offer_id="up"), audience("c-3", offer_id="common"),
        audience(offer_id="common"), audience("c-1", offer_id="out", part=2, parts=2),
        stores("s-1", "s-2", offer_id="p"), stores("s-3", offer_id="q", part=1, parts=2),
        export(100, offer_id="out"), export(5, offer_id="out", occurred_at=LATER),
    ):  # fmt: skip
        desk.ask(part)
    issued = desk.ask(*(issue(f"c-{n}", "up") for n in range(4)), issue("c-5", "common"))
    compiled = desk.catalogue.get("out")
    assert compiled is not None
    given = [desk.catalogue.code_of(compiled, serial) for serial in (1, 101)]
    for n, partition in enumerate((1, 0, 2)):
        desk.ask(
            redeem("FESTIVE", f"c-{n}", request_id=f"f-{n}"),
            redeem(issued[1]["code"], "c-1", request_id=f"u-{n}"),
            redeem("W1", "c-1", request_id=f"w-{n}"), redeem("X0", "c-2"),
            *(redeem(code, "c-7", request_id=f"{code}-{n}") for code in given),
            partition=partition,
        )  # fmt: skip
    desk.ask(reverse("FESTIVE", "f-1", "c-1"), reverse(given[0], f"{given[0]}-0", "c-7"))
    desk.ask(resend("c-1", "up"), resend("c-5", "common"), resend("c-5", "up"))
    desk.ask(revoke("unissued", offer_id="up"), revoke("customers", "c-7", offer_id="out"))
    desk.ask(revoke("unredeemed", offer_id="common"), partition=1)


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
@pytest.mark.parametrize("backwards", [False, True], ids=["in order", "last partition first"])
def test_a_restored_ledger_is_the_same(
    desk: Desk, ledger: Ledger, backwards: bool, times: int
) -> None:
    # given
    live(desk)
    before = content(ledger)
    kinds = {name.split(":")[0] for name in before}
    assert kinds >= {"offer", "coupons", "customers", "requests", "campaigns", "leads", "sizes"}

    # when
    desk.restore(backwards, times)

    # then
    after = content(ledger)
    assert sorted(after) == sorted(before)
    for name in before:
        assert after[name] == before[name], name
    assert ledger.applied("redeem", 1) == desk.partitions["redeem", 1].committed


def test_a_restored_ledger_goes_on_where_it_was(desk: Desk) -> None:
    desk.ask(create(issue={"max_per_customer": 2}, redeem={"max_total": 2}))
    [first, second] = desk.ask(*[issue("c-1", request_id=f"i-{n}") for n in range(2)])
    desk.ask(redeem(first["code"], "c-1", request_id="r-1"))

    desk.restore()

    assert desk.ask(issue("c-1", request_id="i-1"))[0]["code"] == second["code"]
    assert desk.ask(issue("c-2"))[0]["coupon_id"] == "o:2"
    assert desk.reasons(issue("c-1"), redeem(first["code"], "c-1")) == [
        "customer_limit_reached",
        "coupon_redeemed",
    ]
    assert desk.reasons(create("p")) == ["accepted"]
    assert int(desk.ledger.offer("p")[b"number"]) == 2


def test_old_requests_are_not_remembered_again(desk: Desk, ledger: Ledger) -> None:
    desk.ask(create())
    desk.ask(issue("c-1"))
    desk.now += 14 * DAY_MS
    desk.ask(issue("c-2"))
    desk.restore()
    generation = desk.now // (7 * DAY_MS)
    found = {name for name in content(ledger) if name.startswith("requests")}
    assert found == {f"requests:{generation}:0"}


def test_remembered_requests_are_forgotten_by_themselves_after_a_restore(
    desk: Desk, ledger: Ledger
) -> None:
    live(desk)
    desk.restore()
    keys = list(ledger.client.scan_iter(match=ledger.base + "requests:*"))
    assert keys
    assert all(0 < ledger.client.ttl(key) <= 15 * 86_400 for key in keys)


# What was decided but lost before its commit -----------------------------------------------------


def test_what_was_not_committed_is_as_never_decided(desk: Desk) -> None:
    desk.ask(create(redeem={"max_total": 1}))
    [issued] = desk.ask(issue("c-1"))
    at = desk.lay(redeem(issued["code"], "c-1"))
    [lost] = desk.decide(at)

    desk.restore()

    [said] = desk.decide(at)
    assert (said["outcome"], said["totals"]) == (lost["outcome"], lost["totals"])


def test_a_revoke_of_a_coupon_whose_issue_was_lost(desk: Desk) -> None:
    """Another lane committed first. The serial is never given again, so the revoke hits nobody."""
    desk.ask(create())
    at = desk.lay(issue("c-1"))
    assert desk.decide(at)[0]["coupon_id"] == "o:0"
    assert desk.ask(revoke("customers", "c-1"))[0]["revoked"] == 1

    desk.restore()
    assert desk.decide(at)[0]["coupon_id"] == "o:1"
    desk.commit(at)
    desk.restore()

    assert desk.reasons(redeem(desk.outcomes["issue", 0][0]["code"], "c-1")) == ["accepted"]


def test_a_reversal_of_a_redemption_that_was_lost(desk: Desk, ledger: Ledger) -> None:
    desk.ask(create())
    [issued] = desk.ask(issue("c-1"))
    at = desk.lay(redeem(issued["code"], "c-1", request_id="r-1"))
    desk.decide(at)
    assert desk.reasons(reverse(issued["code"], "r-1"), partition=1) == ["accepted"]

    desk.restore()

    assert int(ledger.offer("o")[b"redeemed"]) == 0
    assert desk.decide(at)[0]["totals"] == {"coupon": 1, "customer": 1, "offer": 1}


def test_a_redemption_of_a_coupon_whose_issue_was_lost_still_counts(desk: Desk) -> None:
    desk.ask(create(redeem={"max_total": 1}))
    at = desk.lay(issue("c-1"))
    [lost] = desk.decide(at)
    desk.ask(redeem(lost["code"], "c-1"))

    desk.restore(times=2)

    [again] = desk.decide(at)
    assert again["coupon_id"] == "o:1"
    assert desk.reasons(redeem(lost["code"], "c-1"), redeem(again["code"], "c-1")) == [
        "coupon_redeemed",
        "offer_limit_reached",
    ]


def test_a_chunk_that_was_merged_before_the_restorer_died_may_come_again(
    desk: Desk, ledger: Ledger
) -> None:
    live(desk)
    before = content(ledger)
    desk.ledger.close()
    with desk.locked():
        for facts in desk.facts(Restorer(ledger.memory_days, desk.now, desk.settings.decimals)):
            ledger.merge(TOKEN, facts)
    assert content(ledger) == before
