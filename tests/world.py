"""What the tests with workers stand on: an organisation, its workers, its tills."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from streams.broker import consumer, ends_of, partitions_of, read_all
from streams.client import ask, new_request
from streams.settings import Settings

READY_S = 60.0


def offer(offer_id: str = "o", **sections: Any) -> dict[str, Any]:
    """An offer that sets no limit, and what a test says of it."""
    return {
        "offer_id": offer_id,
        "name": f"Offer {offer_id}",
        "expiry": {"type": "fixed_date", "at": "2026-12-31T23:59:59+05:30"},
        "discount": {"type": "percentage", "percent": "10"},
        "coupons": {"codes": {"type": "unique", "charset": "alphanumeric", "length": 10}},
        "claim": {"service": "dvs", "holder": "h"},
        **sections,
    }


def create(offer_id: str = "o", **sections: Any) -> dict[str, Any]:
    return new_request("create", offer_id=offer_id, actor="t", offer=offer(offer_id, **sections))


def issue(customer_id: str, offer_id: str = "o", **more: Any) -> dict[str, Any]:
    return new_request(
        "issue",
        **{"offer_id": offer_id, "customer_id": customer_id, "service": "dvs", "holder": "h",
           "occurred_at": "2026-11-21T10:00:00+05:30", **more},
    )  # fmt: skip


def redeem(code: str, customer_id: str | None, **more: Any) -> dict[str, Any]:
    bill = {"number": "B-1", "amount": "1499.00", "currency": "INR"}
    return new_request(
        **{"type_": "redeem", "code": code, "customer_id": customer_id, "till_id": "t-1",
           "bill": bill, "occurred_at": "2026-11-22T10:00:00+05:30", **more},
    )  # fmt: skip


class World:
    """Workers of one organisation, as processes."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self.logs = Path(mkdtemp(prefix="redeemonce-test-"))

    def environment(self, place: str = "w0", port: int | None = None) -> dict[str, str]:
        settings = self.settings
        secret = settings.code_secret.get_secret_value() if settings.code_secret else ""
        mine = {
            "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
            "REDIS_URL": settings.redis_url,
            "TOPIC_PREFIX": settings.topic_prefix,
            "TIME_ZONE": settings.time_zone,
            "CURRENCY": settings.currency,
            "CODE_SECRET": secret,
            "WEB_PORT": str(port or settings.web_port),
            "WORKER_ID": place,
        }
        return os.environ | {f"REDEEMONCE_{name}": value for name, value in mine.items()}

    def start(self, place: str = "w0", number: int = 0, ready: bool = True, *options: str) -> None:
        """Start a worker; wait until it says it is ready."""
        port = self.settings.web_port + number
        log = (self.logs / f"{place}.log").open("ab")
        self.workers[place] = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "worker", *options],
            env=self.environment(place, port), stdout=log, stderr=log, cwd=self.logs,
        )  # fmt: skip
        if ready:
            self.wait_until_ready(place, number)

    def wait_until_ready(self, place: str = "w0", number: int = 0) -> None:
        deadline = time.monotonic() + READY_S
        while self.health(number)[0] != 200:
            if self.workers[place].poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"worker {place} isn't ready:\n{self.log(place)[-4000:]}")
            time.sleep(0.1)

    def health(self, number: int = 0) -> tuple[int, bytes]:
        return self.get("/health", number)

    def get(self, path: str, number: int = 0) -> tuple[int, bytes]:
        url = f"http://127.0.0.1:{self.settings.web_port + number}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    def log(self, place: str = "w0") -> str:
        return (self.logs / f"{place}.log").read_text(errors="replace")

    def kill(self, place: str = "w0") -> None:
        self.workers[place].kill()
        self.workers[place].wait()

    def stop(self, place: str = "w0") -> float:
        """SIGTERM; returns how many seconds the worker took."""
        began = time.monotonic()
        self.workers[place].send_signal(signal.SIGTERM)
        self.workers[place].wait(30)
        return time.monotonic() - began

    def ask(self, *requests: dict[str, Any], silence_s: float = 60.0) -> list[dict[str, Any]]:
        return ask(self.settings, requests, silence_s)

    def reasons(self, *requests: dict[str, Any]) -> list[str]:
        return [said["reason"] or said["outcome"] for said in self.ask(*requests)]

    def run(self, *arguments: str, **more: Any) -> "subprocess.CompletedProcess[str]":
        """A command of `redeemonce`, as a person runs it."""
        return subprocess.run(
            [sys.executable, "-m", "streams.cli", *arguments], env=self.environment(),
            capture_output=True, text=True, timeout=280, cwd=self.logs, **more,
        )  # fmt: skip

    def close(self) -> None:
        for process in self.workers.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()


__all__ = ["World", "consumer", "create", "ends_of", "issue", "offer", "partitions_of", "read_all",
           "redeem"]  # fmt: skip
