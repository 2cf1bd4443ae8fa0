"""What a copy of Redis can have a part of: what there was before it, and what was lost after."""

from collections.abc import Callable
from typing import Any

from tests.ledger.asking import audience, claim, edit, export, reverse, revoke, stores, upload
from tests.ledger.desk import Desk
from tests.world import create, issue, redeem

WAYS: dict[str, dict[str, Any]] = {
    "unique": {"codes": {"type": "unique", "charset": "digits", "length": 10, "prefix": "77"}},
    "common": {"codes": {"type": "common", "code": "FESTIVE"}},
    "uploaded": {"codes": {"type": "uploaded"}},
    "exported": {"delivery": "third_party", "codes": {"type": "randomised", "sample": "ABC123XY"}},
}
LOOSE = {"anyone_may_redeem": True, "uses_per_coupon": 3, "min_gap_days": 0}
DAY_MS = 86_400_000
Step = Callable[[Desk], object]


def code(desk: Desk, offer_id: str, serial: int) -> str:
    desk.refresh()
    compiled = desk.catalogue.get(offer_id)
    assert compiled is not None
    return desk.catalogue.code_of(compiled, serial)


def used(desk: Desk, serial: int, name: str, customer: str = "c-1", partition: int = 0) -> None:
    asked = redeem(code(desk, "unique", serial), customer, request_id=name)
    assert desk.reasons(asked, partition=partition) == ["accepted"]


def undone(desk: Desk, serial: int, name: str, partition: int = 0) -> None:
    asked = reverse(code(desk, "unique", serial), name)
    assert desk.reasons(asked, partition=partition) == ["accepted"]


def using(*of_redemption: Any, **more: Any) -> Step:
    return lambda desk: used(desk, *of_redemption, **more)


def undoing(*of_reversal: Any, **more: Any) -> Step:
    return lambda desk: undone(desk, *of_reversal, **more)


def asking(*requests: Any) -> Step:
    return lambda desk: desk.ask(*requests)


def common_code_used_in_two_partitions(desk: Desk) -> None:
    for partition in (1, 0, 1):
        desk.now += 1
        asked = redeem("FESTIVE", "c-8", request_id=f"f-{desk.now}")
        desk.ask(asked, partition=partition)


def exported_codes_used(desk: Desk) -> None:
    """By customers whose they are from then on."""
    desk.ask(export(3, offer_id="exported"))
    for partition, customer in ((1, "c-7"), (0, "c-6"), (1, "c-7")):
        desk.ask(redeem(code(desk, "exported", 1), customer), partition=partition)


def a_week_passes(desk: Desk) -> None:
    desk.now += 8 * DAY_MS


def edit_of(name: str, **sections: Any) -> Any:
    return edit(name, coupons=WAYS[name], redeem=LOOSE, **sections)


NOTHING: list[Step] = []
UP = {"offer_id": "uploaded"}
ONE = {"offer_id": "unique"}
OUT = {"offer_id": "exported"}
#: What there was before Redis was copied, and what was lost after.
PARTS: dict[str, tuple[list[Step], list[Step]]] = {
    "a reversal of a redemption": ([using(0, "r-1")], [undoing(0, "r-1")]),
    "a redemption and its reversal": (
        NOTHING, [using(0, "r-1", partition=1), undoing(0, "r-1")],
    ),
    "a redemption after a reversal": (
        [using(0, "r-1"), undoing(0, "r-1", partition=1)],
        [using(0, "r-2", partition=1), using(0, "r-3", "c-2")],
    ),
    "all that wasn't redeemed ended": (
        [using(0, "r-1")],
        [asking(revoke("unredeemed", **ONE), issue("c-3", "unique"))],
    ),
    "customers' coupons ended": (
        [asking(issue("c-1", "unique"))], [asking(revoke("customers", "c-1", "c-2", **ONE))],
    ),
    "no more is issued": (
        [asking(revoke("unissued", **ONE))],
        [asking(issue("c-3", "unique"), edit_of("unique"))],
    ),
    "half an upload": (
        [asking(upload("A", "B", **UP, parts=3))],
        [
            asking(upload("C", to="c-1", **UP, part=3, parts=3)),
            asking(upload("D", **UP, part=2, parts=3)),
            asking(issue("c-4", "uploaded"), issue("c-5", "uploaded")),
        ],
    ),
    "two parts of three": (
        [asking(upload("A", "B", **UP, parts=3))],
        [asking(upload("C", **UP, part=2, parts=3))],
    ),
    "an upload given up": (
        [asking(upload("A", "B", **UP, parts=2))],
        [
            asking(upload("A", "C", **UP, parts=2), upload("D", **UP, part=2, parts=2)),
            asking(issue("c-4", "uploaded"), revoke("unissued", **UP)),
        ],
    ),
    "half an audience": (
        [asking(audience("c-1", **ONE), audience("c-5", **ONE, parts=3))],
        [asking(audience("c-6", **ONE, part=2, parts=3))],
    ),
    "an audience in place of another": (
        [asking(audience("c-1", **ONE), audience("c-5", **ONE, parts=2))],
        [asking(audience("c-6", **ONE, part=2, parts=2))],
    ),
    "an audience given up": (
        [asking(audience("c-5", **ONE, parts=2))],
        [asking(audience("c-6", **ONE, parts=2)), asking(audience("c-7", **ONE))],
    ),
    "everyone again": ([asking(audience("c-1", **ONE))], [asking(audience(**ONE))]),
    "half the stores": (
        [asking(stores("s-1", **ONE, parts=2))],
        [asking(stores("s-2", **ONE, part=2, parts=2))],
    ),
    "two of three parts of stores": (
        [asking(stores("s-1", **ONE, parts=3))],
        [asking(stores("s-2", **ONE, part=2, parts=3))],
    ),
    "stores no more": ([asking(stores("s-1", **ONE))], [asking(stores(**ONE))]),
    "exports behind another": (
        [asking(export(70, **OUT))], [asking(export(5, **OUT), export(6, **OUT))],
    ),
    "exported codes": (NOTHING, [exported_codes_used]),
    "more of exported codes": ([exported_codes_used], [exported_codes_used]),
    "a common code": (NOTHING, [common_code_used_in_two_partitions]),
    "more of a common code": (
        [common_code_used_in_two_partitions], [common_code_used_in_two_partitions],
    ),
    "offer codes that moved": (
        [asking(edit_of("unique", offer_code="OLD"))],
        [asking(edit_of("unique", offer_code="NEW"), edit_of("common", offer_code="OLD"))],
    ),
    "a claim": (
        [asking(create("free", claim=None))],
        [asking(claim("outbound", "camp", "free", ends_at="2026-12-01T00:00:00Z"))],
    ),
    "a new offer": (NOTHING, [asking(create("later"), issue("c-1", "later"))]),
    "requests that are asked again": (
        [using(0, "r-1")],
        [asking(issue("c-1", "unique", request_id="i-1"), issue("c-3", "unique"))],
    ),
    "a week later": ([using(0, "r-1")], [a_week_passes, using(1, "r-2", "c-2")]),
}  # fmt: skip
