"""Workers of plain Faust as processes, under a supervisor that starts them again when they end."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
from typing_extensions import override

from streams.broker import ensure_topics
from streams.settings import Settings
from tests.faults.scene import PLACES
from tests.world import READY_S, World

_PROGRAM = Path(__file__).parent / "app.py"
#: After so long the supervisor starts one again that ended.
_RESTART_S = 1.0


class PlainWorld(World):
    """``ended``: how often the worker of each place ended by itself."""

    supervised = True

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        ensure_topics(settings)
        self.ended: Counter[str] = Counter()
        self.not_ready: list[str] = []
        self._wanted: dict[str, int] = {}  # numbers of those that are to run
        self._lock = threading.RLock()
        self._closing = threading.Event()
        threading.Thread(target=self._supervise, daemon=True, name="supervisor").start()

    @override
    def environment(self, place: str = "w0", port: int | None = None) -> dict[str, str]:
        data = self.logs / place
        mine = {"PLAIN_OFFERS": str(self._offers), "PLAIN_DATA": str(data)}
        return super().environment(place, port) | mine

    @override
    def start(
        self, place: str = "w0", number: int = 0, ready: bool = True, *options: str,
        armed: str = "", as_place: str = "",
    ) -> None:  # fmt: skip
        """It has no fault points, and nobody takes another's place."""
        assert not armed
        assert not as_place
        with self._lock:
            self._launch(place, number, *options)
            if place in PLACES:
                self._wanted[place] = number
        if ready:
            self.wait_until_ready(place, number)

    def make_offers(self, offers: list[dict[str, Any]]) -> None:
        """For the workers, which wait for none: no request has come yet."""
        written = self._offers.with_suffix(".new")
        written.write_bytes(orjson.dumps({offer["offer_id"]: offer for offer in offers}))
        os.replace(written, self._offers)

    @property
    def group(self) -> str:
        """Of its consumers: the program's own name."""
        return self.settings.topic_prefix + "plain"

    def offers(self) -> dict[str, dict[str, Any]]:
        """By offer_id, as they were made."""
        made: dict[str, dict[str, Any]] = orjson.loads(self._offers.read_bytes())
        return made

    @override
    def wait_until_ready(self, place: str = "w0", number: int = 0) -> None:
        """Before the offers are made all have to be; later it is noted which isn't."""
        deadline = time.monotonic() + READY_S
        while self.health(number)[0] != 200 or self.workers[place].poll() is not None:
            began = self._offers.exists()
            died = not began and self.workers[place].poll() is not None
            if died or time.monotonic() > deadline:
                assert began, f"{place} isn't ready:\n{self.log(place)[-4000:]}"
                self.not_ready.append(place)
                return
            time.sleep(0.1)

    @override
    def kill(self, place: str = "w0") -> None:
        with self._lock:
            self._wanted.pop(place, None)
            super().kill(place)

    @override
    def close(self) -> None:
        self._closing.set()
        with self._lock:
            self._wanted.clear()
            super().close()

    @property
    def _offers(self) -> Path:
        return self.logs / "offers.json"

    def _launch(self, place: str, number: int, *options: str) -> None:
        with (self.logs / f"{place}.log").open("ab") as log:
            self.workers[place] = subprocess.Popen(
                [sys.executable, str(_PROGRAM), "worker", "--loglevel", "warn", *options],
                env=self.environment(place, self.port(number)),
                stdout=log, stderr=log, cwd=self.logs,
            )  # fmt: skip

    def _supervise(self) -> None:
        while not self._closing.wait(_RESTART_S):
            with self._lock:
                if not self._offers.exists():
                    continue  # what can't even start is a mistake of ours
                for place, number in self._wanted.items():
                    if self.workers[place].poll() is not None:
                        self.ended[place] += 1
                        self._launch(place, number)
