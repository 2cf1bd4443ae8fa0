"""Sends the year through the topics and reads what is decided, while a worker decides it."""

import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from confluent_kafka import TopicPartition

from schemas.topics import ISSUE, OFFERS, REDEEM
from streams.broker import BrokerError, consumer, ends_of, partitions_of
from streams.client import Answers, Till, key_of, new_request
from streams.demo.data import Redemption, Year
from streams.settings import Settings

#: Redemptions a second: tills that don't hurry, so that latency is that of a decision.
TILL_RATE = 200.0
_READY_S = 90.0
_SILENCE_S = 60.0


@dataclass
class Tally:
    """What came of it. Latencies in seconds, from send to a committed outcome read."""

    issued: int = 0
    issue_refusals: Counter[str] = field(default_factory=Counter)
    issue_seconds: float = 0.0
    accepted: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    redeemed_by_offer: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    @property
    def issue_rate(self) -> float:
        return (self.issued + self.issue_refusals.total()) / self.issue_seconds

    def latency_ms(self, quantile: float) -> float:
        ranked = sorted(self.latencies)
        return ranked[min(len(ranked) - 1, int(quantile * len(ranked)))] * 1000

    def counts(self) -> dict[str, int]:
        """As the data's own answer is written: issued, accepted, and each reason."""
        return {"issued": self.issued, "accepted": self.accepted, **self.refusals}


@contextmanager
def worker_process(settings: Settings) -> Iterator[Path]:
    """A worker of its own process until the block ends. Gives its log's path."""
    environment = {
        **os.environ, **settings.environment(), "REDEEMONCE_CODE_SECRET": settings.secret(),
    }  # fmt: skip
    log = Path(tempfile.mkstemp(prefix="redeemonce-worker-", suffix=".log")[1])
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "worker"],
            env=environment, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        _wait_until_ready(settings, process, log)
        yield log
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(settings: Settings, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{settings.web_port}/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            last = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
            raise BrokerError(f"the worker didn't start; its log, {log}:\n{last}")
        time.sleep(0.1)


def create_offers(settings: Settings, offers: Iterable[dict[str, Any]]) -> Iterator[int]:
    """Create the offers; gives how many are created so far. Raises where one is refused."""
    requests = [
        new_request("create", offer_id=offer["offer_id"], actor="demo", offer=offer)
        for offer in offers
    ]
    answers = Answers(settings, (OFFERS,))
    till = Till(settings)
    for request in requests:
        till.send(request)
    till.flush()
    count = 0
    while count < len(requests):
        for _, said in _heard(answers):
            if said["outcome"] != "accepted":
                raise BrokerError(f"{said['offer_id']}: {said['reason']}: {said['detail']}")
            count += 1
        yield count
    answers.close()


def issue_coupons(
    settings: Settings, requests: Iterable[dict[str, Any]], total: int, tally: Tally,
    codes: dict[tuple[str, str], str],
) -> Iterator[int]:  # fmt: skip
    """Send all issue requests at once and read their outcomes; gives how many are decided.

    ``codes``: its keys (customer, offer) get the code of the coupon that was issued.
    """
    reader = _Reader(settings)
    began = time.perf_counter()
    sender = threading.Thread(target=_send_all, args=(settings, requests), daemon=True)
    sender.start()
    count, heard = 0, time.monotonic()
    while count < total:
        for said in reader.read():
            count += 1
            heard = time.monotonic()
            if said["outcome"] == "accepted":
                tally.issued += 1
                pair = (said["customer_id"], said["offer_id"])
                if pair in codes:
                    codes[pair] = said["code"]
            else:
                tally.issue_refusals[said["reason"]] += 1
        if time.monotonic() - heard > _SILENCE_S:
            raise BrokerError(f"no outcome for {_SILENCE_S:.0f} s; look at the worker's log")
        yield count
    tally.issue_seconds = time.perf_counter() - began
    sender.join()


def redeem_coupons(
    settings: Settings, till: Till, redemptions: list[Redemption],
    codes: dict[tuple[str, str], str], tally: Tally,
) -> Iterator[int]:  # fmt: skip
    """Send the redemptions in their order, paced; read outcomes meanwhile; gives how many came.

    ``till`` has been connected for a while, as a shop's is: the first half second isn't measured.
    """
    answers = Answers(settings, (REDEEM,))
    sent: dict[str, float] = {}
    began, count, heard = time.perf_counter(), 0, time.monotonic()
    while count < len(redemptions):
        due = min(len(redemptions), int((time.perf_counter() - began) * TILL_RATE) + 1)
        for number in range(len(sent), due):
            request = _redeem(number, redemptions[number], codes)
            sent[request["request_id"]] = time.perf_counter()
            till.send(request)
        for _, said in answers.read(0.001):
            tally.latencies.append(time.perf_counter() - sent[said["request_id"]])
            count, heard = count + 1, time.monotonic()
            if said["outcome"] == "accepted":
                tally.accepted += 1
                tally.redeemed_by_offer[said["offer_id"]] += 1
            else:
                tally.refusals[said["reason"]] += 1
        if time.monotonic() - heard > _SILENCE_S:
            raise BrokerError(f"no outcome for {_SILENCE_S:.0f} s; look at the worker's log")
        yield count
    answers.close()


def wanted_codes(year: Year) -> dict[tuple[str, str], str]:
    """The (customer, offer) pairs whose code a redemption will need."""
    return {(each.household, each.offer_id): "" for each in year.redemptions}


def _redeem(
    number: int, redemption: Redemption, codes: dict[tuple[str, str], str]
) -> dict[str, Any]:
    return {
        "type": "redeem",
        "request_id": f"r-{number}",
        "code": codes[redemption.household, redemption.offer_id],
        "customer_id": redemption.household,
        "till_id": redemption.till_id,
        "bill": redemption.bill,
        "occurred_at": redemption.occurred_at,
    }


def _send_all(settings: Settings, requests: Iterable[dict[str, Any]]) -> None:
    till, topic = Till(settings, linger_ms=20), settings.topic(ISSUE.requests)
    for request in requests:
        till.send_bytes(topic, key_of(request), orjson.dumps(request))
    till.flush(120)


class _Reader:
    """Reads issue outcomes from the topic's end on, without noting where each came from."""

    def __init__(self, settings: Settings) -> None:
        name, count = settings.topic(ISSUE.outcomes), partitions_of(settings, ISSUE.outcomes)
        self._client = consumer(settings, settings.topic_prefix + "redeemonce-demo")
        ends = ends_of(self._client, name, count)
        self._client.assign([TopicPartition(name, p, end) for p, (_, end) in enumerate(ends)])

    def read(self) -> Iterator[dict[str, Any]]:
        for message in self._client.consume(5_000, 0.2):
            if message.error() is None:
                yield orjson.loads(message.value())


def _heard(answers: Answers) -> list[tuple[Any, dict[str, Any]]]:
    deadline = time.monotonic() + _SILENCE_S
    while not (came := answers.read(0.2)):
        if time.monotonic() > deadline:
            raise BrokerError(f"no outcome for {_SILENCE_S:.0f} s; look at the worker's log")
    return came
