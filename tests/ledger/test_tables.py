"""Growing tables: however many entries, each is found, and no bucket grows long."""

from collections.abc import Iterator
from itertools import pairwise
from math import ceil

import pytest
from redis.exceptions import ResponseError

from state.ledger import Ledger, LedgerAway
from state.restore import Restorer
from streams.settings import Settings
from tests.ledger.copies import copy_of, put_back
from tests.ledger.desk import NOW, TOKEN, Desk
from tests.ledger.held import content
from tests.world import create, issue, redeem

LOAD = 32  # entries a bucket, on average: one bucket more for every so many
LONGEST = 512  # the entries up to which Redis keeps a hash compact, as deploy/redis.conf says
GENERATION = NOW // (7 * 86_400_000)


@pytest.fixture
def desk(settings: Settings, ledger: Ledger) -> Desk:
    made = Desk(settings, ledger)
    made.ask(create(issue={"max_per_customer": 1}))
    return made


def entries(ledger: Ledger, table: str) -> list[int]:
    """How many each bucket of a table has, from bucket 0 on."""
    found = {}
    for key in ledger.client.scan_iter(match=f"{ledger.base}{table}:*", count=5000):
        found[int(key.rpartition(b":")[2])] = ledger.client.hlen(key)
    return [found.get(bucket, 0) for bucket in range(max(found, default=-1) + 1)]


CUSTOMERS = {
    "counted": lambda n: f"c-{n}",
    "padded": lambda n: f"{n:012d}",
    "phone numbers": lambda n: f"+9198{n * 7919 % 10**8:08d}",
    "hexadecimal": lambda n: f"{n * 2654435761 % 2**32:08x}",
}


@pytest.mark.parametrize("name", CUSTOMERS)
def test_thousands_of_customers_stay_findable(desk: Desk, ledger: Ledger, name: str) -> None:
    # given customers issued to in batches of very different sizes
    customers = [CUSTOMERS[name](n) for n in range(4000)]
    cuts = [0, 1, 2, 32, 33, 34, 64, 65, 100, 1500, 3999, 4000]
    for first, last in pairwise(cuts):
        said = desk.ask(*(issue(customer) for customer in customers[first:last]))
        assert {one["outcome"] for one in said} == {"accepted"}

        # then the table has as many buckets as designed, all about as long
        found = entries(ledger, "customers")
        assert sum(found) == last == int(ledger.client.hget(ledger.base + "sizes", "customers"))
        assert len(found) == max(1, ceil(last / LOAD))
        assert max(found) < 4 * LOAD < LONGEST

    # when each asks again, then each is known
    again = desk.reasons(*(issue(customer) for customer in customers))
    assert set(again) == {"customer_limit_reached"}
    assert len(again) == 4000


def test_one_batch_may_grow_a_table_from_nothing_to_many_buckets(
    desk: Desk, ledger: Ledger
) -> None:
    desk.ask(*(issue(f"c-{n}") for n in range(3000)))
    assert len(entries(ledger, "customers")) == ceil(3000 / LOAD)
    assert set(desk.reasons(*(issue(f"c-{n}") for n in range(3000)))) == {"customer_limit_reached"}


def test_remembered_requests_go_by_themselves(desk: Desk, ledger: Ledger) -> None:
    """A generation with the moment it began, and nothing else."""
    desk.ask(issue("c-1"))
    key = f"{ledger.base}requests:{GENERATION}"
    ledger.client.expire(key, 1000)
    desk.ask(issue("c-2"))
    assert 900 < ledger.client.ttl(key) <= 1000

    desk.now += 7 * 86_400_000
    desk.ask(issue("c-3"))
    following = f"{ledger.base}requests:{GENERATION + 1}"
    longest = (2 * 7 + 1) * 86_400
    assert longest - 60 < ledger.client.ttl(following) <= longest
    others = set(ledger.client.scan_iter(match=f"{ledger.base}*")) - {
        key.encode(),
        following.encode(),
    }
    assert {ledger.client.ttl(key) for key in others} == {-1}
    assert (ledger.client.hlen(key), ledger.client.hlen(following)) == (3, 1)  # the offer, too


def test_coupons_lie_64_to_a_hash(desk: Desk, ledger: Ledger) -> None:
    said = desk.ask(*(issue(f"c-{n}") for n in range(130)))
    number = int(ledger.offer("o")[b"number"])
    assert entries(ledger, f"coupons:{number}") == [64, 64, 2]
    used = [said[n] for n in (0, 63, 64, 127, 128)]
    redeems = [redeem(one["code"], one["customer_id"]) for one in used]
    assert set(desk.reasons(*redeems)) == {"accepted"}
    assert entries(ledger, f"coupons:{number}") == [64, 64, 2]


def test_every_key_begins_with_the_organisations_prefix(
    desk: Desk, ledger: Ledger, settings: Settings
) -> None:
    """So that two organisations can share a server, and a wipe leaves nothing behind."""
    ours = f"*{settings.topic_prefix}*"
    before = set(ledger.client.scan_iter(match=ours, count=5000))
    other = Settings(**{**settings.model_dump(), "topic_prefix": "other." + settings.topic_prefix})
    neighbour = Ledger(other.redis_url, other.topic_prefix)
    theirs = Desk(other, neighbour)
    theirs.ask(create(), issue("c-1"))
    made = set(ledger.client.scan_iter(match=ours, count=5000)) - before

    assert made
    assert all(key.startswith(neighbour.base.encode()) for key in made)
    assert {key[key.index(b"{") + 1 : key.index(b"}")] for key in made} == {
        other.topic_prefix.encode() + b"ledger"
    }
    neighbour.wipe(everything=True)
    assert set(ledger.client.scan_iter(match=ours, count=5000)) == before
    assert desk.reasons(issue("c-1")) == ["accepted"]


@pytest.mark.parametrize("expected", [0, 200, 30_000])
@pytest.mark.parametrize(
    ("keeps", "dies_after"), [(False, None), (False, 4), (True, None), (True, 4)],
    ids=["from nothing", "from nothing, died", "kept", "kept, died"],
)  # fmt: skip
def test_a_restore_gives_customers_their_buckets_first(
    desk: Desk, ledger: Ledger, keeps: bool, dies_after: int | None, expected: int
) -> None:
    """However many it expects, each is found, and growth goes on."""
    # given
    desk.ask(*(issue(f"c-{n}", request_id=f"i-{n}") for n in range(1000)))
    copy = copy_of(ledger)
    desk.ask(*(issue(f"c-{n}", request_id=f"i-{n}") for n in range(1000, 2000)))
    if keeps:
        put_back(ledger, copy)

    # when
    desk.restore(dies_after=dies_after, keeps=keeps, a_call=100, expected=expected)
    desk.ask(*(issue(f"c-{n}", request_id=f"i-{n}") for n in range(2000, 3000)))

    # then
    found = entries(ledger, "customers")
    assert sum(found) == int(ledger.client.hget(ledger.base + "sizes", "customers")) == 3000
    assert max(found) < 4 * LOAD
    key = f"{ledger.base}requests:{GENERATION}"
    assert ledger.client.hlen(key) == 3001
    assert ledger.client.ttl(key) > 0
    again = desk.ask(*(issue(f"c-{n}", request_id=f"i-{n}") for n in range(3000)))
    assert all(one["outcome"] == "accepted" and one["replayed"] for one in again)
    anew = desk.reasons(*(issue(f"c-{n}", request_id=f"j-{n}") for n in range(3000)))
    assert set(anew) == {"customer_limit_reached"}


@pytest.fixture
def restorer(desk: Desk, ledger: Ledger) -> Iterator[Restorer]:
    """Of the closed ledger of an offer with ten coupons, with the lock."""
    desk.ask(*(issue(f"c-{n}") for n in range(10)))
    ledger.close()
    with desk.locked():
        yield desk.restorer()


def test_a_restore_that_is_cut_short_by_an_error_is_made_anew(
    restorer: Restorer, ledger: Ledger
) -> None:
    """What an error of a script leaves behind is no state that ever was: it is of no epoch."""
    text = f"{ledger.base}text".encode()
    ledger.client.set(text, b"no hash")
    changes = restorer.take()
    bucket = ledger.base.encode() + b"customers:0"
    changes["customers"] = {"o": [bucket, b"key", b"", text, b"key", b""]}

    with pytest.raises(ResponseError, match="WRONGTYPE"):
        ledger.merge(TOKEN, changes)

    assert ledger.epoch() == 0


def test_a_full_server_takes_nothing_of_a_restore(restorer: Restorer, ledger: Ledger) -> None:
    changes = restorer.take()
    changes["customers"] = [ledger.base.encode() + b"customers:0", b"key", b""]
    before, epoch = content(ledger), ledger.epoch()
    ledger.client.config_set("maxmemory", 1 << 20)
    try:
        with pytest.raises(LedgerAway, match="can't write: OOM"):
            ledger.merge(TOKEN, changes)
    finally:
        ledger.client.config_set("maxmemory", 0)
    assert (content(ledger), ledger.epoch()) == (before, epoch)
