"""A desk at the ledger: asks it as an agent does, in batches cut as a test likes, without Kafka.

Requests lie in partitions, as they would in a topic. `lay` puts some there, `decide` asks the
ledger about those that aren't committed, `commit` ends it; `ask` does all three. A crash is a
`decide` without its `commit`; another worker is a `take_over`.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any, NamedTuple

import orjson

from schemas.reading import Unreadable
from schemas.topics import LANES, OFFERS, REMIND, Lane, lane_of
from state.catalogue import Catalogue
from state.codes import Codes
from state.layout import Head
from state.ledger import Ledger, Stale
from state.restore import Restorer
from streams.issue import Issuing
from streams.offers import Offering
from streams.outcomes import body_of
from streams.redeem import Redeeming
from streams.remind import Reminding
from streams.revoke import Revoking
from streams.settings import Settings
from tests.ledger.asking import Request
from tests.world import issue

Said = dict[str, Any]
#: Milliseconds since 1970: a noon in November 2026, the worker's clock unless a test sets it.
NOW = 1_795_262_400_000
TOKEN = "the restorer of the tests"


@dataclass
class Partition:
    """One partition of a lane's requests, and what its worker knows of it."""

    lane: Lane
    number: int
    claim: int
    committed: int = 0
    end: int = 0
    records: dict[int, bytes] = field(default_factory=dict)
    #: What was said last of offsets that aren't committed.
    answers: dict[int, Said] = field(default_factory=dict)
    #: The offers that those answers made, as the `offers` topic gets them.
    offers: dict[int, Said] = field(default_factory=dict)
    #: The triggers that those answers gave, as the `reminders` topic gets them.
    triggers: dict[int, list[Said]] = field(default_factory=dict)

    @property
    def place(self) -> str:
        return f"{self.lane.name}:{self.number}"


class Desk:
    """A worker's agents and a restorer in one. The ledger is open when it is made."""

    def __init__(self, settings: Settings, ledger: Ledger, now: int = NOW) -> None:
        self.settings, self.ledger, self.now = settings, ledger, now
        self.partitions: dict[tuple[str, int], Partition] = {}
        #: Committed outcomes, by lane and partition in their order, and the topics `offers` and
        #: `reminders`.
        self.outcomes: dict[tuple[str, int], list[Said]] = {}
        self.current_offers: dict[str, Said] = {}
        self.reminders: list[Said] = []
        self._codes = Codes(settings.secret())
        self._epoch = 0
        self.take_over()
        self.open()

    # Working ------------------------------------------------------------------------------------

    def take_over(self) -> None:
        """Another worker begins: it has read no offer and claims every partition."""
        self.catalogue = Catalogue(self._codes, self.settings.calendar, self.settings.decimals)
        kinds = (Offering, Issuing, Redeeming, Revoking, Reminding)
        self.works: dict[str, Any] = {
            kind.lane.name: kind(self.settings, self.catalogue) for kind in kinds
        }
        for partition in self.partitions.values():
            partition.claim = self.ledger.claim()

    def at(self, lane: Lane, number: int = 0) -> Partition:
        found = self.partitions.get((lane.name, number))
        if found is None:
            found = Partition(lane, number, self.ledger.claim())
            self.partitions[lane.name, number] = found
        return found

    def lay(self, *requests: Request | bytes, partition: int = 0, lane: Lane | None = None) -> Any:
        """Put requests of one lane, or bytes, behind what lies in a partition; returns that."""
        known = next((lane_of(one["type"]) for one in requests if isinstance(one, dict)), lane)
        assert known is not None
        at = self.at(known, partition)
        for request in requests:
            laid = request if isinstance(request, bytes) else orjson.dumps(request)
            at.records[at.end] = laid
            at.end += 1
        return at

    def decide(self, at: Partition, to: int | None = None, **head: Any) -> list[Said]:
        """What the ledger says about a partition's requests up to ``to``; judges again if stale."""
        while True:
            try:
                return self.decide_once(at, to, **head)
            except Stale:
                self.refresh()

    def decide_once(self, at: Partition, to: int | None = None, **head: Any) -> list[Said]:
        """One call of the ledger; ``head`` changes what the call says of its batch."""
        return self.decide_together([(at, at.end if to is None else to)], **head)[0]

    def decide_together(
        self, parts: Sequence[tuple[Partition, int]], **head: Any
    ) -> list[list[Said]]:
        """Partitions of one lane in one call, each up to an offset."""
        work = self.works[parts[0][0].lane.name]
        heads = [self._head(work, at, to)._replace(**head) for at, to in parts]
        batches = [self._read(work, at, one) for (at, _), one in zip(parts, heads, strict=True)]
        read = [[one for _, one in batch if isinstance(one, dict)] for batch in batches]
        if work.looks_up:
            asyncio.run(work.look_up([one for some in read for one in some], self.ledger))
        judged = [judged_by(work, batch) for batch in batches]
        calls = [(one, some.operations) for one, some in zip(heads, judged, strict=True)]
        decided = self.ledger.decide_now(work.transition, calls)
        return [
            self._said(work, at, batch, some.kept, decisions)
            for (at, _), batch, some, decisions in zip(parts, batches, judged, decided, strict=True)
        ]

    def commit(self, at: Partition, to: int | None = None) -> None:
        """What was said of the requests up to ``to`` is committed, together with the offset."""
        at.committed = at.end if to is None else to
        log = self.outcomes.setdefault((at.lane.name, at.number), [])
        for offset in sorted(offset for offset in at.answers if offset < at.committed):
            said = at.answers.pop(offset)
            if offset in at.offers:
                made = at.offers.pop(offset)
                known = self.current_offers.get(made["offer_id"], made)
                newest = max(known, made, key=lambda one: int(one["version"]))
                self.current_offers[made["offer_id"]] = newest
            self.reminders += at.triggers.pop(offset, [])
            if said["type"] is not None:
                log.append(said)

    def ask(self, *requests: Request, partition: int = 0) -> list[Said]:
        """The committed outcomes of requests, in batches of one lane each."""
        said: list[Said] = []
        for _, group in groupby(requests, key=lambda request: lane_of(request["type"])):
            at = self.lay(*group, partition=partition)
            said += self.decide(at)
            self.commit(at)
        return said

    def reasons(self, *requests: Request, partition: int = 0) -> list[str]:
        """Of each request its reason, or that it was accepted."""
        return [reason(said) for said in self.ask(*requests, partition=partition)]

    def refresh(self) -> None:
        asyncio.run(self.ledger.refresh(self.catalogue))

    def _head(self, work: Any, at: Partition, to: int) -> Head:
        stamp = self.catalogue.stamp if work.judges_by_offers else False
        return Head(
            at.lane.name, at.number, at.claim, at.committed, at.committed, to,
            self.now, self.ledger.memory_days, stamp,
        )  # fmt: skip

    def _read(self, work: Any, at: Partition, head: Head) -> list[tuple[int, Any]]:
        return [
            (offset, work.reader.read(content))
            for offset, content in at.records.items()
            if head.from_ <= offset < head.to
        ]

    def _said(
        self, work: Any, at: Partition, batch: list[tuple[int, Any]], kept: list[Any],
        decisions: list[Any],
    ) -> list[Said]:  # fmt: skip
        found = work.worded(kept, decisions)
        for offset, request in batch:
            body, more = (
                (body_of(_unreadable(request)), ())
                if isinstance(request, Unreadable)
                else next(found)
            )
            said = orjson.loads(body + "}")
            topic = self.settings.topic(at.lane.requests)
            said["source"] = {"topic": topic, "partition": at.number, "offset": offset}
            beside = [orjson.loads(emission.value) for emission in more]
            if at.lane is OFFERS and beside:
                [at.offers[offset]] = beside
            at.triggers[offset] = beside if at.lane is REMIND else []
            at.answers[offset] = said
        return [at.answers[offset] for offset, _ in batch]

    # Restoring -----------------------------------------------------------------------------------

    def open(self, chains: dict[str, int] | None = None) -> None:
        self._epoch += 1
        with self.locked():
            self.ledger.open(TOKEN, self._epoch, chains or {})

    @contextmanager
    def locked(self) -> Iterator[None]:
        assert self.ledger.lock_for_restore(TOKEN, 60)
        try:
            yield
        finally:
            self.ledger.unlock(TOKEN)

    def restore(
        self, backwards: bool = False, dies_after: int | None = None, keeps: bool = False,
        a_call: int = 1_000, expected: int = 0,
    ) -> None:  # fmt: skip
        """Make the ledger whole from the committed outcomes; what wasn't committed is as never
        decided, but for what Redis holds where that is kept (``keeps``).

        ``backwards``: the last partitions first; ``dies_after``: so many merges of ``a_call``
        outcomes a first restorer makes, before another one goes on; ``expected``: for so many
        entries more the tables get their buckets first.
        """
        self.ledger.close()
        with self.locked():
            if not keeps:
                self.ledger.begin_anew(TOKEN, self._epoch)
            if dies_after is not None:
                self._merge(backwards, a_call, expected, dies_after)
            self._merge(backwards, a_call, expected)
        self.open({at.place: at.committed for at in self.partitions.values()})
        for at in self.partitions.values():
            at.answers.clear()
        self.take_over()

    def _merge(
        self, backwards: bool, a_call: int, expected: int, dies_after: int | None = None
    ) -> None:
        restorer = self.restorer(expected)
        for changes in islice(self._changes(restorer, backwards, a_call), dies_after):
            self.ledger.merge(TOKEN, changes)
        if dies_after is None:
            self.ledger.settle(TOKEN)

    def restorer(self, customers: int = 0) -> Restorer:
        """Who expects so many of them."""
        bucket_of = self.ledger.lay_out(TOKEN, customers)
        settings = self.settings
        return Restorer(
            bucket_of, self.now, self.ledger.memory_days, settings.decimals, settings.calendar
        )

    def _changes(self, restorer: Restorer, backwards: bool, a_call: int) -> Iterator[Any]:
        """What each merge is to put there: of offers, then lane by lane what isn't applied."""
        offers = list(self.current_offers.values())
        restorer.know(offers)
        held = self.ledger.versions([one["offer_id"] for one in offers])
        for current, version in zip(offers, held, strict=True):
            if version < current["version"]:
                restorer.add_offer(current)
        yield restorer.take()
        for lane in (OFFERS, *(lane for lane in LANES if lane is not OFFERS)):
            places = sorted((p for p in self.outcomes if p[0] == lane.name), reverse=backwards)
            for place in places:
                restorer.begin(lane, {place[1]: self.ledger.applied(*place) or 0})
                for said in self.outcomes[place]:
                    restorer.add(lane, said)
                    if restorer.weight >= a_call:
                        yield restorer.take()
            yield restorer.take()


class Judged(NamedTuple):
    operations: list[Any]
    kept: list[Any]


def judged_by(work: Any, batch: Iterable[tuple[int, Any]]) -> Judged:
    """Those of a batch that are requests, as a lane's agent judges them."""
    judged = [work.judge(offset, one) for offset, one in batch if isinstance(one, dict)]
    operations, kept = ([one[i] for one in judged] for i in (0, 1))
    work.complete(operations, kept)
    return Judged(operations, kept)


def reason(said: Said) -> str:
    """An outcome's reason, or that it was accepted."""
    return str(said["reason"] or said["outcome"])


def as_json(said: Said) -> Said:
    """As a reader of the topic gets it."""
    return orjson.loads(orjson.dumps(said))  # type: ignore[no-any-return]


def _unreadable(wrong: Unreadable) -> Said:
    return {
        "request_id": wrong.request_id, "type": wrong.type, "outcome": "rejected",
        "reason": "invalid_request", "detail": wrong.detail, "replayed": False,
        "decided_at": "2026-11-21T00:00:00.000Z",
    }  # fmt: skip


def code_of(desk: Desk, customer_id: str = "c-1", **asked: Any) -> str:
    """The code of a coupon the customer is given."""
    [issued] = desk.ask(issue(customer_id, **asked))
    assert issued["outcome"] == "accepted", issued
    return str(issued["code"])
