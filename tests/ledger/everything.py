"""A year of work in a few lines: something of everything a ledger can hold."""

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
from tests.world import create, issue, redeem

LATER = "2026-11-22T09:00:00+05:30"


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
