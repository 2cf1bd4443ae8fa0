"""What a story of `tests.faults.kinds` may do: to workers by their places, and to the servers."""

import re
import signal
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import psutil
from redis import RedisError

from state.keys import base
from tests.faults.stand import Stand
from tests.world import World

PLACES = ("w0", "w1", "w2")
#: In which there is always something to do.
LANES = ("redeem", "issue")
#: A worker that comes and goes, and one that takes another's place.
EXTRA, TWIN = "extra", "twin"
#: How a worker's log says that it begins anew, and why: others claimed its partitions, the ledger
#: isn't open, or lost writes.
LEFT = {
    "FENCED": re.compile(r"Starting again: \w+: Fenced"),
    "CLOSED": re.compile(r"Starting again: \w+: Closed"),
    "BEHIND": re.compile(r"Starting again: \w+: Behind"),
    "fresh starts": re.compile(r"Starting again"),
}


class Scene:
    """Three workers on a stand. ``settings`` of ``world`` lead through the stand's proxies."""

    def __init__(self, stand: Stand, world: World, chance: Random) -> None:
        self.stand, self.world, self.chance = stand, world, chance
        self.places = list(PLACES)
        self._numbers = {name: number for number, name in enumerate((*PLACES, EXTRA, TWIN))}
        self._base = base(world.settings.topic_prefix)
        #: How far each worker's log is read, and what was seen in it.
        self._read, self._seen = Counter[Path](), Counter[str]()
        self._threads = ThreadPoolExecutor(2, "story")

    def pick(self) -> str:
        return self.chance.choice(self.places)

    def start(self, place: str, armed: str = "") -> None:
        """A worker of that place, instead of the one that may run there."""
        self.kill(place)
        number = self._numbers[place]
        self.world.start(place, number, ready=False, armed=armed)

    def kill(self, place: str) -> None:
        if place in self.world.workers:
            self.world.kill(place)

    def stop(self, place: str) -> None:
        """SIGTERM; nobody waits."""
        self.signal(place, signal.SIGTERM)

    def signal(self, place: str, number: signal.Signals) -> None:
        if not self.died(place):
            self.world.workers[place].send_signal(number)

    def died(self, place: str) -> bool:
        return self.world.workers[place].poll() is not None

    def is_stopped(self, place: str) -> bool:
        """Whether it stands still by SIGSTOP."""
        try:
            status = psutil.Process(self.world.workers[place].pid).status()
        except psutil.NoSuchProcess:
            return False
        return bool(status == psutil.STATUS_STOPPED)

    def is_ready(self, place: str) -> bool:
        return self.world.health(self._numbers[place])[0] == 200

    def start_twin(self, place: str) -> None:
        """A second worker for a place that has one."""
        self.world.start(TWIN, self._numbers[TWIN], ready=False, as_place=place)

    def twin_takes(self, place: str) -> None:
        """The twin is the worker of that place from here on; the other one is gone."""
        self.kill(place)
        workers, numbers = self.world.workers, self._numbers
        workers[place] = workers.pop(TWIN)
        numbers[place], numbers[TWIN] = numbers[TWIN], numbers[place]

    def claims(self) -> dict[bytes, bytes | None]:
        """Of each partition in whose lane there is always something to do; none without Redis."""
        return self._of_chains("claim")

    def applied(self) -> dict[bytes, int]:
        """Below which offset each of them is decided."""
        return {key: int(offset or 0) for key, offset in self._of_chains("applied").items()}

    def counts(self) -> list[bytes]:
        """The keys of what each offer counts; none without Redis."""
        try:
            return sorted(self.stand.client().scan_iter(f"{self._base}counts:*"))
        except RedisError:
            return []

    def _of_chains(self, field: str) -> dict[bytes, bytes | None]:
        redis, chains = self.stand.client(), self._base + "chain"
        try:
            keys = [key for lane in LANES for key in redis.scan_iter(f"{chains}:{lane}:*")]
            return {key: redis.hget(key, field) for key in keys}
        except RedisError:
            return {}

    def claims_differ(self, before: dict[bytes, bytes | None]) -> bool:
        """Whether every partition has been claimed anew since."""
        now = self.claims()
        same = [key for key, claim in before.items() if now.get(key) in (None, claim)]
        return bool(before) and not same

    def left(self, how: str) -> int:
        """How often some worker has begun anew for that reason, by `LEFT`."""
        for path in self.world.logs.glob("*.log"):
            with path.open("rb") as log:
                log.seek(self._read[path])
                lines, newline, _ = log.read().rpartition(b"\n")
            self._read[path] += len(lines + newline)
            text = lines.decode(errors="replace")
            self._seen.update({name: len(said.findall(text)) for name, said in LEFT.items()})
        return self._seen[how]

    def is_open(self) -> bool:
        """Whether workers may decide on the ledger as it is."""
        redis = self.stand.client()
        try:
            opened = redis.get(self._base + "open")
            return bool(opened and opened.decode() == redis.info("server")["run_id"])
        except RedisError:
            return False

    def doing(self, work: Callable[[], None]) -> Callable[[], bool]:
        """Do it beside; answers whether it is done. Raises what that raised."""
        future = self._threads.submit(work)
        return lambda: future.done() and future.result() is None

    def expect_workers(self) -> None:
        """Once no story goes on, every place has a worker that nothing has ended."""
        for place in () if self.world.supervised else self.places:
            assert not self.died(place), f"{place} ended:\n{self.world.log(place)[-3000:]}"

    def wait_until_ready(self) -> None:
        for place in self.places:
            self.world.wait_until_ready(place, self._numbers[place])
