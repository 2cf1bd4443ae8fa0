"""Any requests, in any batches, with crashes and restores between: each answer is the oracle's."""

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as bounds
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from schemas.times import utc_moment
from schemas.topics import lane_of
from state.ledger import Ledger
from streams.settings import Settings
from tests.ledger.desk import NOW, Desk, Partition, Request, Said, claim, edit, reverse, revoke
from tests.properties.drawn import (
    DVS,
    OFFERS,
    bills,
    claims,
    customers,
    early,
    late,
    moments,
    offer_ids,
    picks,
    sections,
)
from tests.properties.oracle import Oracle
from tests.world import create, issue, redeem

PARTITIONS = 2
MEMORY_MS = 7 * 86_400_000
#: Just before a generation of remembered requests ends, so that the next one begins on the way.
BEGIN = (NOW // MEMORY_MS + 1) * MEMORY_MS - 1_000
numbers = st.integers(0, PARTITIONS - 1)


class LedgerMachine(RuleBasedStateMachine):
    """Requests come to lie in partitions; `work` has them decided, in whatever batches."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        super().__init__()
        ledger.wipe(everything=True)
        self.desk, self.ledger, self.oracle = Desk(settings, ledger, BEGIN), ledger, Oracle()
        self.answers: dict[tuple[str, int, int], Said] = {}
        self.sent: list[Request] = []
        self.codes: list[tuple[str, str]] = []
        self.redeemed: list[Request] = []

    def lay(self, number: int, *requests: Request) -> None:
        at = self.desk.lay(*requests, partition=number)
        self.sent += requests
        del self.sent[:-8]
        if self.batches == "crash":
            self.decide(at, at.end)
            self.desk.take_over()
            middle = (at.committed + at.end) // 2
            self.decide(at, middle)
            self.desk.commit(at, middle)
        if self.batches != "wait":
            self.decide(at, at.end)
            self.desk.commit(at)

    #: How a batch goes: at once; again in two, by another worker, after a crash; or not yet.
    batches = "commit"

    # Requests ------------------------------------------------------------------------------------

    @initialize(rules=st.tuples(*[sections(alone=True)] * len(OFFERS)))
    def offers_are_created(self, rules: tuple[dict[str, Any], ...]) -> None:
        lead = {"type": "unique", "charset": "digits", "length": 12, "prefix": "LEA"}
        rules[0]["claim"], rules[1]["coupons"] = DVS, {"codes": lead}
        for name, one in zip(OFFERS, rules, strict=True):
            self.lay(0, create(name, **one))

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
        if self.codes and self.codes[-1][1] == who:
            bought = redeem(self.codes[-1][0], who, occurred_at=at)
            self.lay(numbers[1], bought)
            if returns:
                self.lay(numbers[2], reverse(bought["code"], bought["request_id"], who))

    @precondition(lambda self: self.codes)
    @rule(
        number=numbers,
        kind=st.sampled_from(["redeem", "redeem", "redeem", "validate"]),
        wanted=st.lists(st.tuples(picks, late), min_size=1, max_size=4),
        who=st.sampled_from(["recipient", "recipient", "recipient", "c-1", None]),
        bill=bills,
    )
    def redeem(self, number: int, kind: str, wanted: Any, who: str | None, bill: Any) -> None:
        requests = []
        for pick, at in wanted:  # the newest are the likeliest
            code, recipient = self.codes[-1 - pick % len(self.codes)]
            code = code if pick < 7 else code[::-1]
            customer = recipient if who == "recipient" else who
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
        scope=st.sampled_from([*["customers"] * 6, "unredeemed", "unissued"]),
        whom=st.lists(customers, min_size=1, max_size=2),
        at=moments,
    )
    def revoke(self, number: int, offer_id: str, scope: str, whom: list[str], at: str) -> None:
        listed = whom if scope == "customers" else []
        self.lay(number, revoke(scope, *listed, offer_id=offer_id, occurred_at=at))

    @rule(number=numbers, offer_id=offer_ids, rules=sections(), fitting=st.integers(0, 4))
    def edit(self, number: int, offer_id: str, rules: dict[str, Any], fitting: int) -> None:
        """Mostly only its limits change, sometimes also what can't be."""
        known = self.oracle.offers.get(offer_id)
        if known and fitting:
            rules |= {"coupons": known.rules["coupons"], "claim": None}
            if rules["expiry"]["type"] != known.rules["expiry"]["type"]:
                rules["expiry"] = known.rules["expiry"]
        self.lay(number, edit(offer_id, **rules))

    @rule(
        number=numbers,
        offer_id=st.sampled_from((*OFFERS, "d")),
        wanted=st.one_of(sections(), claims.filter(bool)),
    )
    def create_or_claim(self, number: int, offer_id: str, wanted: dict[str, Any]) -> None:
        if "service" in wanted:
            self.lay(number, claim(**wanted, offer_id=offer_id))
        else:
            self.lay(number, create(offer_id, **wanted))

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

    @rule(backwards=st.booleans(), times=st.integers(1, 2))
    def restore(self, backwards: bool, times: int) -> None:
        for at in self.desk.partitions.values():
            if at.answers:
                self.desk.commit(at, max(at.answers) + 1)
        self.desk.restore(backwards, times)

    def decide(self, at: Partition, to: int) -> None:
        before = dict(at.answers)
        self.desk.decide(at, to)
        for offset in range(at.committed, to):
            said, place = at.answers[offset], (at.lane.name, at.number, offset)
            if offset in before or place in self.answers:
                assert said == self.answers[place], "decided another way after a crash"
            else:
                self.answers[place] = said
                self.compare(self.sent_at(at, offset), said)

    def sent_at(self, at: Partition, offset: int) -> Request:
        found: Request = orjson.loads(at.records[offset])
        assert lane_of(found["type"]) is at.lane
        return found

    def compare(self, request: Request, said: Said) -> None:
        foreseen = self.oracle.answer(request)
        if not foreseen["replayed"]:
            foreseen["decided_at"] = utc_moment(self.desk.now)
        sequence = foreseen.pop("sequence", None)
        found = {name: said.get(name) for name in foreseen}
        if foreseen.get("discount") and "lines" not in foreseen["discount"]:
            found["discount"] = {n: v for n, v in found["discount"].items() if n != "lines"}
        wrong = {name: (found[name], v) for name, v in foreseen.items() if found[name] != v}
        assert not wrong, f"(found, foreseen) {wrong} of {request}"
        if sequence is not None:
            assert said["ledger"]["sequence"] == sequence
        self.oracle.learn(request, said)
        if said["outcome"] == "accepted" and not said["replayed"]:
            if request["type"] == "issue":
                self.codes.append((said["code"], request["customer_id"]))
            elif request["type"] == "redeem":
                self.redeemed.append(request)

    def teardown(self) -> None:
        """Whatever is left is decided; the ledger's own counts are the oracle's too."""
        for at in self.desk.partitions.values():
            self.decide(at, at.end)
        for known in self.oracle.offers.values():
            kept = self.ledger.offer(known.offer_id)
            counts = [int(kept[name]) for name in (b"issued", b"redeemed", b"sequence")]
            assert counts == [len(known.coupons), len(known.standing()), known.decisions]


@pytest.mark.timeout(600)  # where it fails: up to 5 minutes to find the shortest way there
def test_every_answer_is_the_oracles(settings: Settings, ledger: Ledger) -> None:
    run_state_machine_as_test(
        lambda: LedgerMachine(settings, ledger),
        settings=bounds(
            max_examples=120,
            stateful_step_count=40,
            deadline=None,
            print_blob=True,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
