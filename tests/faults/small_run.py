"""A run of a worker for a test: so many requests of a load, and one of every kind."""

from functools import partial
from itertools import islice

from schemas.topics import DEAD_LETTERS, REMIND
from state.ledger import Ledger
from streams.broker import producer
from streams.client import new_request
from tests.faults.load import Load
from tests.faults.traffic import ANSWERS
from tests.world import Listener, World, issue, offer, read_all, redeem, wait_for

_ROUND = 50


def ask_for_every_kind(world: World) -> None:
    """What by chance may not come about in a load."""
    first = issue("x", "several")
    offers = ("spaced-issue", "spaced-issue", "spaced-redeem", "limited", "ended")
    several, _, _, _, _, spaced, limited, ended, _ = world.ask(
        first, first, first | {"holder": "another"}, *(issue("x", offer) for offer in offers),
        new_request(
            "edit", offer_id="ended", actor="t", offer=offer("ended", redeem={"uses_per_coupon": 2})
        ),
    )  # fmt: skip
    used = redeem(several["code"], "x")
    undo = {"redemption_id": used["request_id"], "code": several["code"], "customer_id": "x"}
    world.ask(
        redeem(several["code"], "x", occurred_at="2026-11-01T10:00:00+05:30"),
        used, new_request("reverse", **undo), new_request("reverse", **undo),
        redeem(spaced["code"], "x"), redeem(spaced["code"], "x"),
        redeem(limited["code"], "y"), redeem(limited["code"], "x"), redeem(limited["code"], "x"),
        redeem(limited["code"], "x", till_id=17),
        new_request("revoke", offer_id="ended", scope="customers", customer_ids=["x"]),
    )  # fmt: skip
    world.ask(redeem(ended["code"], "x"))


def carry_out(world: World, load: Load) -> None:
    """All its requests in rounds; it learns what came of one before the next."""
    settings = world.settings
    listener = Listener(settings, *ANSWERS)
    till, records, seen = producer(settings, linger_ms=0), load.records(), 0
    while requests := list(islice(records, _ROUND)):
        due = len({found.source for found in listener.heard}) + len(requests)
        for each in requests:
            till.produce(settings.topic(each.topic), each.value, each.key, each.partition)
        assert till.flush(30) == 0
        wait_for("outcomes", partial(all_heard, listener, due))
        news, seen = listener.heard[seen:], len(listener.heard)
        for found in sorted(news, key=lambda each: each.source):
            if found.topic != settings.topic(DEAD_LETTERS):
                load.learn(found.content)
    listener.close()


def all_heard(listener: Listener, due: int) -> bool:
    return len({found.source for found in listener.hear()}) == due


def remind(world: World) -> None:
    """A worker that begins anew, and doesn't know what reminders it asked for, asks for those of
    the last day."""
    world.stop()
    ledger = Ledger(world.settings.redis_url, world.settings.topic_prefix)
    ledger.client.delete(f"{ledger.base}planned")
    world.start()
    asked = partial(read_all, world.settings, REMIND.requests)
    wait_for("requests to remind", lambda: list(asked()))
    answered = partial(read_all, world.settings, REMIND.outcomes)
    wait_for("reminders", lambda: len(list(answered())) == len(list(asked())))
