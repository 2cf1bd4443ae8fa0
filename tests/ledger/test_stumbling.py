"""A rule that stumbles over one request stops neither the worker nor the requests around it."""

import asyncio
from typing import Any

import orjson

from schemas.topics import REDEEM
from state.layout import Operation
from streams.batches import Batch, Emission, Part, Record
from streams.deciding import Decider
from streams.metrics import Metrics
from streams.redeem import Kept, Redeeming
from tests.ledger.desk import Desk
from tests.world import create, issue, redeem

#: The second line is on sale, so no discount is on it.
BILL = {
    "number": "B-1", "amount": "1499.00", "currency": "INR",
    "lines": [
        {"sku": "A", "amount": "1000.00"},
        {"sku": "B", "amount": "499.00", "on_sale": True},
    ],
}  # fmt: skip


class Stumbling(Redeeming):
    def judge(self, offset: int, request: dict[str, Any]) -> tuple[Operation, Kept]:
        if request["customer_id"] == "c-1":
            raise OverflowError("more than a rule can bear")
        return super().judge(offset, request)


def test_only_that_request_is_refused(desk: Desk) -> None:
    # given
    desk.ask(create())
    codes = [said["code"] for said in desk.ask(*(issue(f"c-{n}") for n in range(3)))]
    asked = [orjson.dumps(redeem(code, f"c-{n}", bill=BILL)) for n, code in enumerate(codes)]
    records = [Record(offset, b"k", value) for offset, value in enumerate(asked)]
    part = Part(0, desk.ledger.claim(), 0, 0, 3, records)
    work = Stumbling(desk.settings, desk.catalogue)
    metrics = Metrics().lane(REDEEM.name)
    decider = Decider(work, desk.ledger, desk.catalogue, desk.settings, metrics)

    # when
    async def decide() -> list[Emission]:
        batch = Batch.of([part], 10)
        await decider.decide(batch)
        return await batch.shares[0].settled

    dead_letters, outcomes = [], []
    for emission in asyncio.run(decide()):
        (dead_letters if emission.headers else outcomes).append(emission)

    # expect
    said = [orjson.loads(emission.value or b"") for emission in outcomes]
    assert [one["reason"] for one in said] == [None, "invalid_request", None]
    assert said[1]["detail"] == (
        "request: can't be judged: OverflowError: more than a rule can bear"
    )
    for one in (said[0], said[2]):
        assert one["discount"]["lines"] == ["100.00", "0.00"]
        assert one["bill"] == {"number": "B-1", "amount": "1499.00", "currency": "INR"}
    assert [letter.value for letter in dead_letters] == [asked[1]]
