"""The model of the ledger answers as the project's script does on a real server."""

import asyncio
from collections.abc import Iterator
from random import Random, randrange
from typing import Any

import orjson
import pytest

from schemas.topics import ISSUE
from state.layout import Head
from state.ledger import (
    Behind,
    Chain,
    Closed,
    Decided,
    Fenced,
    Ledger,
    LedgerAway,
    Stale,
    Transition,
)
from streams.settings import Settings
from tests.ledger.asking import edit
from tests.ledger.desk import NOW, Desk, judged_by
from tests.simulation.redis_model import Answer, Content, Operation, Rules
from tests.world import create, issue

CAP, CALLS, PARTITIONS, IDS = 25, 600, 3, 60
STATUS = {
    Behind: "BEHIND", Closed: "CLOSED", Fenced: "FENCED", Stale: "STALE", LedgerAway: "SKIPPED"
}  # fmt: skip
Told = tuple[str, list[dict[int, Answer]], int]


class Both:
    """The script and the model, asked the same. The offer issues `CAP` coupons."""

    def __init__(self, desk: Desk, random: Random, runner: asyncio.Runner) -> None:
        self.desk, self.random, self.seen = desk, random, set[str]()
        self._runner = runner
        self._rules, self.content = Rules(CAP), Content(opened=1)
        self._records: list[dict[int, str]] = [{} for _ in range(PARTITIONS)]

    def _requests(self, partition: int, first: int, last: int) -> dict[int, str]:
        """Offset and id of what lies there: the same each time, with holes."""
        records = self._records[partition]
        for offset in range(max(records, default=-1) + 1, last):
            hole = self.random.random() < 0.2
            records[offset] = "" if hole else f"r-{self.random.randrange(IDS)}"
        return {at: one for at, one in records.items() if first <= at < last and one}

    def ask(self) -> tuple[Told, Told]:
        """One call of any kind, of one partition or several. What the script tells, and what the
        model does."""
        partitions = self.random.sample(range(PARTITIONS), self.random.randint(1, PARTITIONS))
        heads = [self._head(partition) for partition in partitions]
        ids = [self._requests(head.partition, head.from_, head.to) for head in heads]
        stamp_now, _ = self.desk.ledger.changed_offers()
        follows = self.random.random() < 0.3
        operations = [[Operation(*request) for request in one.items()] for one in ids]
        status, answers, replays, now = self._rules.decide_together(
            self.content._replace(stamp=stamp_now), 1, [*zip(heads, operations, strict=True)],
            follows,
        )  # fmt: skip
        self.content = now
        self.seen.add(status)
        return self._script_tells(heads, ids, follows), (status, answers, replays)

    def _head(self, partition: int) -> Head:
        random = self.random
        claim, applied = self.content.chain.get(partition, (0, 0))
        committed = max(0, applied - random.choice((0, 0, 0, 1, 3, 6)))
        from_ = committed + random.choice((0, 0, 0, 1, 2))
        committed += 9 if random.random() < 0.03 else 0
        to = from_ + random.randint(0, 5)
        claim = random.choice((claim, claim, claim, claim - 1, self.desk.ledger.claim()))
        stamp = self.desk.catalogue.stamp
        return Head(ISSUE.name, partition, claim, committed, from_, to, NOW, 7, stamp)

    def _script_tells(self, heads: list[Head], ids: list[dict[int, str]], follows: bool) -> Told:
        work, ledger = self.desk.works[ISSUE.name], self.desk.ledger
        requests: list[list[tuple[int, Any]]] = [
            [
                (offset, work.reader.read(orjson.dumps(issue(f"c-{one}", request_id=one))))
                for offset, one in some.items()
            ]
            for some in ids
        ]
        before = ledger.told_again
        judged = [judged_by(work, some) for some in requests]
        calls = [(head, some.operations) for head, some in zip(heads, judged, strict=True)]
        try:
            decided = self._runner.run(_decided(ledger, calls, follows))
        except (Behind, Closed, Fenced, Stale, LedgerAway) as refusal:
            return STATUS[type(refusal)], [], 0
        answers = []
        for some, one, decisions in zip(requests, judged, decided, strict=True):
            said = work.outcomes(one.kept, decisions)
            answers.append(
                {offset: _answer(each) for (offset, _), each in zip(some, said, strict=True)}
            )
        return "OK", answers, ledger.told_again - before


async def _decided(ledger: Ledger, calls: list[Any], follows: bool) -> list[list[Decided]]:
    """As a worker asks: alone, or ahead of the answer to what it stands on."""
    chain = Chain(unanswered=int(follows))
    return ledger.read(await (await ledger.decide(chain, Transition.ISSUE, calls)))


def _answer(said: dict[str, Any]) -> Answer:
    return Answer(said["replayed"], None if said["reason"] else said["totals"]["offer"])


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


@pytest.mark.parametrize("given", [1, randrange(10**6)], ids=["always", "drawn"])
def test_the_model_refuses_replays_and_decides_as_the_script_does(
    given: int, settings: Settings, ledger: Ledger, runner: asyncio.Runner
) -> None:
    # given
    print(f"seed {given}")
    desk = Desk(settings, ledger)
    desk.ask(create(issue={"max_total": CAP}))
    both = Both(desk, Random(given), runner)

    for _ in range(CALLS):
        # when
        told, modelled = both.ask()

        # expect
        assert told == modelled
        assert ledger.is_open() is (both.content.opened == 1)

        # then: what may happen between two calls
        if told[0] == "STALE":
            desk.refresh()
        elif told[0] == "OK" and both.random.random() < 0.05:
            desk.ask(edit(name=f"Offer {both.random.random()}", issue={"max_total": CAP}))
        if told[0] == "CLOSED" or (told[0] == "BEHIND" and both.random.random() < 0.5):
            desk.open()
            both.content = both.content._replace(opened=1)
    assert both.seen == {"OK", *STATUS.values()}
