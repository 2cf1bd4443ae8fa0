"""What a request costs Redis, as instructions: the same however busy the machine is."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

from redis import Redis, RedisError

from deploy.process import choose_port
from deploy.redis import redis_server, settings
from schemas.topics import ISSUE, REDEEM, Lane
from state.ledger import Ledger
from streams.client import new_request
from streams.deciding import PIECE_RECORDS
from tests.benchmarks import load
from tests.benchmarks.ground import BenchmarkError
from tests.ledger.desk import Desk, Said
from tests.world import organisation, wait_for

_CREATED_AT_ONCE = 250
_START_S = 60.0
_TOTAL = re.compile(r"^totals: (\d+)$", re.MULTILINE)


def count_instructions(requests: int, offers: int) -> dict[str, float]:
    """Of a redeem and of an issue, each to a customer of their own, of one offer after the other.

    Raises `BenchmarkError` where there is no valgrind.
    """
    if shutil.which("callgrind_control") is None:
        raise BenchmarkError("valgrind counts Redis' instructions, and it isn't there")
    with (
        tempfile.TemporaryDirectory(prefix="redeemonce-bench-") as folder,
        _redis(Path(folder)) as server,
    ):
        found = organisation(server, "instructions")
        desk = Desk(found, Ledger(found.redis_url, found.topic_prefix))
        create_at(desk, offers)
        issues = load.issues(load.other_customers(requests), offers)
        issued, of_issues = server.counted(desk, ISSUE, issues)
        coupons = coupons_in(issued)
        Random(1).shuffle(coupons)  # neighbours, as they were issued, would be cheaper
        _, of_redeems = server.counted(desk, REDEEM, load.redeems(coupons))
    return {"redeem": of_redeems / requests, "issue": of_issues / requests}


def issued_at(desk: Desk, customers: int, offers: int) -> list[load.Coupon]:
    """A coupon to each of so many customers, of one offer after the other."""
    return coupons_in(_asked(desk, ISSUE, load.issues(load.other_customers(customers), offers)))


def coupons_in(issued: Iterable[Said]) -> list[load.Coupon]:
    return [load.Coupon(one["customer_id"], one["code"], one["offer_id"]) for one in issued]


def create_at(desk: Desk, offers: int) -> None:
    """So many, none of which is refused."""
    creates = (
        new_request("create", offer_id=load.offer_id(n), actor="t", offer=load.offer(n))
        for n in range(offers)
    )
    while some := [*islice(creates, _CREATED_AT_ONCE)]:
        if {*desk.reasons(*some)} != {"accepted"}:
            raise BenchmarkError("an offer was refused")


@dataclass(frozen=True)
class _Redis:
    """A server that runs under valgrind's callgrind."""

    redis_url: str
    pid: int
    folder: Path
    kafka_bootstrap_servers: str = "nobody:1"

    def counted(
        self, desk: Desk, lane: Lane, bodies: Iterable[load.Body]
    ) -> tuple[list[Said], int]:
        """What was said, all of it accepted, and how many instructions Redis needed for it."""
        self._control("--zero")
        said = list(_asked(desk, lane, bodies))
        self._control(f"--dump={lane.name}")
        if refused := [one for one in said if one["outcome"] != "accepted"]:
            raise BenchmarkError(f"not accepted: {refused[0]}")
        dumped = max(self.folder.glob("counts.*"), key=lambda path: path.stat().st_mtime_ns)
        total = _TOTAL.search(dumped.read_text())
        if total is None:
            raise BenchmarkError(f"no total in {dumped}")
        return said, int(total[1])

    def _control(self, what: str) -> None:
        subprocess.run(
            ["callgrind_control", what, str(self.pid)], check=True, capture_output=True, timeout=60
        )


def _asked(desk: Desk, lane: Lane, bodies: Iterable[load.Body]) -> Iterator[Said]:
    left = iter(bodies)
    while some := [body for _, body in islice(left, PIECE_RECORDS[lane.name])]:
        at = desk.lay(*some, lane=lane)
        yield from desk.decide(at)
        desk.commit(at)


@contextmanager
def _redis(folder: Path) -> Iterator[_Redis]:
    """With the project's settings, but for its log on disk: that is not Redis' own work."""
    port = choose_port()
    (folder / "redis.conf").write_text(settings())
    command = [
        "valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={folder}/counts",
        str(redis_server()), str(folder / "redis.conf"), "--port", str(port), "--dir", str(folder),
        "--appendonly", "no",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with Redis(port=port) as client:
            wait_for("Redis under valgrind", lambda: _answers(client), _START_S)
        yield _Redis(f"redis://127.0.0.1:{port}", process.pid, folder)
    finally:
        process.terminate()
        process.wait(_START_S)


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False
