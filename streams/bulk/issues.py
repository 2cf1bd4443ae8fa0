"""Bulk issue: one request a customer of a file, whose id follows from the offer, the run and the
customer. A run that was killed is simply repeated: what it did is answered as a replay."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from schemas.topics import ISSUE
from streams.bulk.conversation import Conversation, Said, in_order
from streams.client import new_request
from streams.settings import Settings

_WINDOW = 20_000
_NOTED_EVERY_S = 1.0
#: Reasons of what the worker doesn't remember, or isn't this run's: to be asked again.
_NO_ANSWER = ("offer_not_found", "invalid_request", "request_id_conflict")


@dataclass(frozen=True)
class Run:
    """One run of a file: who issues which offer's coupons. ``name`` makes its request ids; the
    digest of the file's content, unless another run of the same file is meant. For another service
    or campaign it is another run."""

    offer_id: str
    service: str
    holder: str
    name: str

    def request(self, customer_id: str) -> Said:
        return new_request(
            "issue", request_id=self.request_id(customer_id), offer_id=self.offer_id,
            customer_id=customer_id, service=self.service, holder=self.holder,
        )  # fmt: skip

    def request_id(self, customer_id: str) -> str:
        content = "\0".join((self.offer_id, self.service, self.holder, self.name, customer_id))
        return blake2b(content.encode(), digest_size=16).hexdigest()


@dataclass
class Counts:
    """What came of a file's customers, from its beginning on."""

    customers: int = 0
    replayed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def count(self, said: Said) -> None:
        self.customers += 1
        self.replayed += said["replayed"]
        self.reasons[said["reason"] or "issued"] += 1

    @property
    def issued(self) -> int:
        return self.reasons["issued"]

    @property
    def rejected(self) -> dict[str, int]:
        return {name: count for name, count in self.reasons.most_common() if name != "issued"}


class Note:
    """How far a run came, in the user's cache folder: the next start skips what is answered.

    Only that: where the note is missing or old, the worker answers the same again.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._written, self._whole = path, 0.0, True

    @classmethod
    def of(cls, settings: Settings, run: Run, digest: str, created_at: int) -> "Note":
        """The note of this run of this file. ``created_at``: of the offer; one of the same name
        on other servers, or after theirs were emptied, is another one."""
        place = (settings.kafka_bootstrap_servers, settings.topic_prefix, created_at)
        content = json.dumps([place, run.offer_id, run.service, run.holder, run.name, digest])
        name = blake2b(content.encode(), digest_size=16).hexdigest()
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return cls(Path(home).expanduser() / "redeemonce" / "issue" / f"{name}.json")

    def read(self) -> Counts:
        try:
            noted = json.loads(self._path.read_text("utf-8"))
            return Counts(
                int(noted["customers"]), int(noted["replayed"]), Counter(noted["reasons"])
            )
        except (OSError, ValueError, TypeError, KeyError):
            return Counts()

    def keep(self, counts: Counts, said: Said | None) -> None:
        """Note it once in a while; at once where no outcome (``said``) is given: it's the end.
        From the first one that is no answer on, nothing is noted."""
        self._whole = self._whole and (said is None or said["reason"] not in _NO_ANSWER)
        now = time.monotonic()
        if not self._whole or (said is not None and now - self._written < _NOTED_EVERY_S):
            return
        self._written = now
        content: dict[str, Any] = {
            "customers": counts.customers,
            "replayed": counts.replayed,
            "reasons": counts.reasons,
        }
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = self._path.with_suffix(f".{os.getpid()}")
            unfinished.write_text(json.dumps(content), "utf-8")
            os.replace(unfinished, self._path)
        except OSError:
            self._whole = False  # it would only have spared time


def issue_all(settings: Settings, run: Run, customers: Iterable[str]) -> Iterator[tuple[str, Said]]:
    """(customer, outcome) of each, in the order of the customers."""
    with Conversation[int](settings, ISSUE) as conversation:
        requests = map(run.request, customers)
        for request, said in in_order(conversation, requests, _WINDOW):
            yield request["customer_id"], said
