"""A ledger and the oracle side by side: both are asked, and every answer is compared."""

from collections import Counter
from typing import Any

import orjson
from hypothesis.stateful import RuleBasedStateMachine

from schemas.org import OrgEntity
from schemas.times import utc_moment
from schemas.topics import OFFERS, lane_of
from state.ledger import Ledger
from streams.settings import Settings
from tests.ledger.asking import Request
from tests.ledger.copies import Copy
from tests.ledger.desk import NOW, Desk, Partition, Said
from tests.properties.answers import differences
from tests.properties.drawn_bills import TILLS
from tests.properties.oracle import Oracle
from tests.properties.oracle_uploads import UPLOADS

ONE_PLACE = 0
MEMORY_MS = 7 * 86_400_000
#: Just before a generation of remembered requests ends, so that the next one begins on the way.
BEGIN = (NOW // MEMORY_MS + 1) * MEMORY_MS - 1_000


class Shops(Desk):
    """A desk that knows where some tills stand."""

    def take_over(self) -> None:
        super().take_over()
        self.catalogue.tills |= {
            till_id: OrgEntity.model_validate(till) for till_id, till in TILLS.items()
        }


class Compared(RuleBasedStateMachine):
    """What is laid is decided in batches, and compared; what was given is kept, to be used.

    ``met``: type and reason of what was answered, as often as it was.
    """

    #: How a batch goes: at once; again in two, by another worker, after a crash; or not yet.
    batches = "commit"

    def __init__(self, settings: Settings, ledger: Ledger, met: Counter[Any]) -> None:
        super().__init__()
        ledger.wipe(everything=True)
        self.desk, self.ledger = Shops(settings, ledger, BEGIN), ledger
        self.oracle, self.met = Oracle(TILLS), met
        self.answers: dict[tuple[str, int, int], Said] = {}
        self.sent: list[Request] = []
        #: Of each offer its codes with whom they were given to, the newest last; '' for nobody.
        self.codes: dict[str, list[tuple[str, str]]] = {}
        self.redeemed: list[Request] = []
        self.wrong: list[str] = []
        self.copy: Copy | None = None

    def lay(self, number: int, *requests: Request) -> None:
        number = ONE_PLACE if any(map(self.has_one_place, requests)) else number
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

    def has_one_place(self, request: Request) -> bool:
        """Left out: the parts of an upload in any partition. A restore makes the same of them only
        where they lie in one."""
        return request["type"] in UPLOADS

    def decide(self, at: Partition, to: int) -> None:
        """Changes of offers one a call, as a worker does it."""
        before = dict(at.answers)
        steps = range(at.committed + 1, to) if at.lane is OFFERS else ()
        for end in (*steps, to):
            self.desk.decide(at, end)
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
        foreseen = self.oracle.answer(request, self.desk.now)
        if not foreseen["replayed"]:
            foreseen["decided_at"] = utc_moment(self.desk.now)
        self.wrong += differences(foreseen, said)
        assert not self.wrong, f"{'; '.join(self.wrong)} of {request}"
        self.met[request["type"], said["reason"] or said["outcome"]] += 1
        given = said["outcome"] == "accepted" and not said["replayed"]
        exported = self.exported(said) if given and request["type"] == "export" else []
        self.oracle.learn(request, said, exported)
        if given:
            self.note(request, said, exported)

    def exported(self, said: Said) -> list[str]:
        """The codes of an export, as `redeemonce codes` computes them."""
        self.desk.refresh()
        compiled = self.desk.catalogue.get(said["offer_id"])
        assert compiled is not None
        serials = range(said["first"], said["first"] + said["count"])
        return [self.desk.catalogue.code_of(compiled, serial) for serial in serials]

    def note(self, request: Request, said: Said, exported: list[str]) -> None:
        """What was given, so that it can be used."""
        kind, codes = request["type"], self.codes.setdefault(said["offer_id"], [])
        if kind == "issue":
            codes.append((said["code"], request["customer_id"]))
        elif kind == "redeem":
            self.redeemed.append(request)
        elif kind == "upload_codes":
            codes += [(one["code"], one.get("customer_id") or "") for one in request["codes"]]
        elif kind == "create" and "code" in request["offer"]["coupons"]["codes"]:
            codes.append((request["offer"]["coupons"]["codes"]["code"], ""))
        codes += [(code, "") for code in exported[:4]]
