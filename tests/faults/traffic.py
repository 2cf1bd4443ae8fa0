"""Tills that send at a steady rate, and somebody who hears every committed outcome."""

import time
from functools import partial
from typing import NamedTuple

from confluent_kafka import KafkaError, Message

from schemas.topics import DEAD_LETTERS, ISSUE, OFFERS, REDEEM, REVOKE
from streams.broker import producer
from streams.client import Place
from streams.settings import Settings
from tests.faults.load import Load
from tests.world import Listener

#: What comes back to those who send; workers send each other requests to remind besides.
ANSWERS = (*(lane.outcomes for lane in (OFFERS, ISSUE, REDEEM, REVOKE)), DEAD_LETTERS)
#: Shorter waits than this, in seconds, aren't noted.
NOTED_S = 0.25


class Wait(NamedTuple):
    """How long a request waited for its outcome to be seen, by `time.monotonic`."""

    since: float
    until: float


class Traffic:
    """``rate`` requests a second for ``seconds``, then none."""

    def __init__(self, settings: Settings, load: Load, rate: float, seconds: float) -> None:
        self._settings, self._load, self._rate, self._seconds = settings, load, rate, seconds
        self._dead_letters = settings.topic(DEAD_LETTERS)
        self._listener = Listener(settings, *ANSWERS)
        self._till = producer(settings, linger_ms=2)
        self._records = load.records()
        self._began = self.heard_at = time.monotonic()
        self._seen = 0
        self._early: set[Place] = set()  # heard of before the till was told where it lies
        self.unanswered: dict[Place, float] = {}
        self.sent = 0
        self.waits: list[Wait] = []

    def go_on(self) -> None:
        """Send what is due and hear what came, for some milliseconds."""
        due = int(min(time.monotonic() - self._began, self._seconds) * self._rate)
        for record in (next(self._records) for _ in range(due - self.sent)):
            self._till.produce(
                self._settings.topic(record.topic), record.value, record.key, record.partition,
                on_delivery=partial(self._note_laid, time.monotonic()),
            )  # fmt: skip
            self.sent += 1
        self._till.poll(0)
        self._hear()

    @property
    def is_over(self) -> bool:
        return time.monotonic() - self._began > self._seconds

    @property
    def all_answered(self) -> bool:
        return len(self._till) == 0 and not self.unanswered

    def answered_until(self, moment: float) -> bool:
        """Whether all that was sent before has its outcome."""
        return all(since > moment for since in self.unanswered.values())

    def close(self) -> None:
        self._listener.close()

    def _note_laid(self, at: float, error: KafkaError | None, message: Message) -> None:
        assert error is None, error
        place = message.topic(), message.partition(), message.offset()
        if place in self._early:
            self._early.remove(place)
        else:
            self.unanswered[place] = at

    def _hear(self) -> None:
        heard = self._listener.hear()
        now = time.monotonic()
        for found in heard[self._seen :]:
            since = self.unanswered.pop(found.source, None)
            if since is None:
                self._early.add(found.source)
            elif now - since > NOTED_S:
                self.waits.append(Wait(since, now))
            if found.topic != self._dead_letters:
                self._load.learn(found.content)
            self.heard_at = now
        self._seen = len(heard)
