"""Any requests, in any batches, with crashes and restores between: what all machines have.

A machine says which offers there are and what is drawn for them, and adds rules of its own.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.ledger.asking import edit, resend, reverse
from tests.ledger.copies import copy_of, put_back
from tests.properties.compared import Compared
from tests.properties.drawn import CUSTOMERS, EARLY, LATE, MOMENTS, bills, picks
from tests.properties.plain_rules import Offer
from tests.world import create, redeem

PARTITIONS = 2
numbers = st.integers(0, PARTITIONS - 1)


def mine(draws: Callable[[Any], Any]) -> st.SearchStrategy[Any]:
    """What the machine itself says is to be drawn."""
    return st.runner().flatmap(draws)


offer_ids = mine(lambda machine: st.sampled_from((machine.offers[0], *machine.offers)))
early, late, moments = (
    mine(lambda machine, n=n: st.sampled_from(machine.times[n])) for n in range(3)
)


def keep_whether_coupons_end_with_the_offer(known: Offer, rules: dict[str, Any]) -> None:
    """Left out: an edit from or to `with_offer` of an offer that loyalty has. The ledger goes by
    the present rule for coupons issued before, too."""
    before = known.rules["coupons"].get("expiry") or {"type": "with_offer"}
    now = rules["coupons"].get("expiry") or {"type": "with_offer"}
    if (before["type"] == "with_offer") != (now["type"] == "with_offer"):
        rules["coupons"] = {**rules["coupons"], "expiry": before}
        rules["reminders"] = []


class LedgerMachine(Compared):
    """Requests come to lie in partitions; `work` has them decided, in whatever batches."""

    examples: ClassVar[int]
    #: The first one gets most of the requests, so that its limits are met.
    offers: ClassVar[tuple[str, ...]]
    #: When coupons are issued, when they are redeemed, and any.
    times: ClassVar[tuple[list[str], ...]] = (EARLY, LATE, MOMENTS)

    def sections(self) -> st.SearchStrategy[dict[str, Any]]:
        """Of an offer that is created or edited."""
        raise NotImplementedError

    def fit(self, _: str, rules: dict[str, Any]) -> dict[str, Any]:
        """What was drawn as it may be said of this offer."""
        return rules

    # Requests ------------------------------------------------------------------------------------

    @rule(
        number=numbers,
        offer_id=offer_ids,
        kind=st.sampled_from(["redeem", "redeem", "redeem", "validate"]),
        wanted=st.lists(st.tuples(picks, late), min_size=1, max_size=4),
        who=st.sampled_from(["recipient", "recipient", "recipient", "c-1", None]),
        bill=bills,
    )
    def redeem(
        self, number: int, offer_id: str, kind: str, wanted: Any, who: str | None, bill: Any
    ) -> None:
        known = self.codes.get(offer_id) or [("NOBODYS-1", "c-1")]
        requests = []
        for pick, at in wanted:  # the newest are the likeliest
            code, recipient = known[-1 - pick % len(known)]
            code = code if pick < 7 else code[::-1]
            customer = (recipient or CUSTOMERS[pick % 3]) if who == "recipient" else who
            shown = code.lower() if pick % 2 else f"{code[:5]}-{code[5:]}"
            asked = {"occurred_at": at, "bill": bill, "type_": kind}
            requests.append(redeem(shown, customer, **asked))
        self.lay(number, *requests)

    @precondition(lambda self: self.redeemed)
    @rule(number=numbers, pick=picks, at=late, right=st.sampled_from([True, True, True, False]))
    def reverse(self, number: int, pick: int, at: str, right: bool) -> None:
        bought = self.redeemed[-1 - pick % len(self.redeemed)]
        customer = bought["customer_id"] if right else "c-9"
        asked = {"customer_id": customer, "occurred_at": at}
        self.lay(number, reverse(bought["code"], bought["request_id"], **asked))

    @rule(
        number=numbers,
        offer_id=offer_ids,
        rules=mine(lambda machine: machine.sections()),
        fitting=st.integers(0, 4),
    )
    def edit(self, number: int, offer_id: str, rules: dict[str, Any], fitting: int) -> None:
        """Mostly only its limits change, sometimes also what can't be."""
        known = self.oracle.offers.get(offer_id)
        rules = self.fit(offer_id, rules)
        if known:  # Left out: another name. The ledger tells it in a resend that is asked again.
            rules = {**rules, "name": known.rules["name"]}
        if known and (fitting or "codes" not in rules["coupons"]):
            coupons = {**rules["coupons"], "codes": known.codes}
            rules = {**rules, "coupons": coupons, "claim": None}
            if rules["expiry"]["type"] != known.rules["expiry"]["type"]:
                rules["expiry"] = known.rules["expiry"]
            if not known.claim or known.claim["service"] == "loyalty":
                keep_whether_coupons_end_with_the_offer(known, rules)
        self.lay(number, edit(offer_id, **rules))

    @precondition(lambda self: self.sent)
    @rule(
        number=numbers,
        pick=picks,
        at=moments,
        same=st.sampled_from([True, True, False]),
        behind=st.sampled_from([0, 0, 1_200]),
    )
    def ask_again(self, number: int, pick: int, at: str, same: bool, behind: int) -> None:
        """The same request id, from wherever: a retry, or another content. The worker that gets it
        may have a clock that is behind."""
        self.desk.now -= behind
        again = {**self.sent[-1 - pick % len(self.sent)], "occurred_at": at}
        if not same:
            other = {"customer_id": "c-2", "customer_ids": ["c-2"], "actor": "other"}
            again |= {name: content for name, content in other.items() if again.get(name)}
        self.lay(number, again)

    @rule(at=late)
    def look_around(self, at: str) -> None:
        """What each would be told of the newest codes of each offer, and of their coupons."""
        named = {"occurred_at": at}
        newest = dict.fromkeys(
            (code, who)
            for codes in self.codes.values()
            for code, _ in codes[-5:]
            for who in (*CUSTOMERS, None)
        )
        looks = [redeem(code, who, type_="validate", **named) for code, who in newest]
        asks = [
            resend(who, known.offer_id, **named)
            for known in self.oracle.offers.values()
            if known.rule("issue", "resend")
            for who in sorted({known.recipient(coupon) for coupon in known.coupons} - {""})
        ]
        for requests in (looks, asks):
            if requests:
                self.lay(0, *requests)

    # Working -------------------------------------------------------------------------------------

    @rule(how=st.sampled_from(["commit", "crash", "wait"]))
    def batches_go_on(self, how: str) -> None:
        self.batches = how

    @rule(
        pick=picks,
        cut=st.integers(0, 9),
        end=st.sampled_from(["commit"] * 3 + ["crash", "replaced"]),
    )
    def work(self, pick: int, cut: int, end: str) -> None:
        """A batch of some partition is decided, and then committed, or asked about again: by the
        same worker after an abort, or by another that has read no offer yet."""
        self.batches = "commit"
        places = list(self.desk.partitions.values())
        at = places[pick % len(places)]
        to = at.end - cut * (at.end - at.committed) // 10
        self.decide(at, to)
        if end == "commit":
            self.desk.commit(at, to)
        elif end == "replaced":
            self.desk.take_over()

    @rule(milliseconds=st.sampled_from([1, 1_000, 1_500, -1_200]), other=st.booleans())
    def time_passes(self, milliseconds: int, other: bool) -> None:
        """And sometimes another worker takes over, or the clock is set back by a little."""
        self.desk.now += milliseconds
        if other:
            self.desk.take_over()

    @rule()
    def copy_redis(self) -> None:
        self.copy = copy_of(self.ledger)

    @rule(
        backwards=st.booleans(),
        dies_after=st.one_of(st.none(), st.integers(1, 6)),
        back=st.sampled_from([None, "to nothing", "to the copy"]),
    )
    def restore(self, backwards: bool, dies_after: int | None, back: str | None) -> None:
        """Redis lost nothing, or all, or what it wrote since it was copied."""
        for at in self.desk.partitions.values():
            if at.answers:
                self.desk.commit(at, max(at.answers) + 1)
        if back == "to the copy" and self.copy:
            put_back(self.ledger, self.copy)
        keeps = back != "to nothing"
        self.desk.restore(backwards, dies_after, keeps, a_call=3)

    def teardown(self) -> None:
        """Whatever is left is decided, and each coupon asked about; the ledger's own counts are
        the oracle's too."""
        if self.wrong:
            return
        for at in self.desk.partitions.values():
            self.decide(at, at.end)
            self.desk.commit(at)
        self.batches = "commit"
        for at in self.times[1][1], self.times[1][3]:
            self.look_around(at)
        for known in self.oracle.offers.values():
            [kept] = self.ledger.counts([known.offer_id])
            standing = known.standing()
            assert [
                kept.issued, kept.redeemed, kept.sequence, kept.discounted, kept.revenue
            ] == [
                len(known.coupons), len(standing), known.decisions,
                sum(one.discount for one in standing) * 100,
                sum(one.bill for one in standing) * 100,
            ]  # fmt: skip


__all__ = ["LedgerMachine", "create", "early", "late", "mine", "moments", "numbers", "offer_ids"]
