"""Requests of one lane and their outcomes, with a bounded number of them under way."""

import time
from collections.abc import Iterable, Iterator
from typing import Any, Generic, Self, TypeVar

import orjson

from schemas.topics import Lane
from streams.client import Answers, NoOutcome, Place, Till, key_of
from streams.settings import Settings

T = TypeVar("T")
Said = dict[str, Any]


class UnderWay(Generic[T]):
    """What is sent and unanswered, by number. An outcome belongs to a request by its place, not by
    its id: a run that was killed may have left requests of the same ids to be decided.
    """

    def __init__(self) -> None:
        self._sent: dict[int, tuple[str, T]] = {}
        self._numbers: dict[str, int] = {}  # by request id
        self._lying: dict[Place, int] = {}  # those of which Kafka has said where they lie
        self._early: dict[str, dict[Place, Said]] = {}  # outcomes of their ids, until it says so

    def __len__(self) -> int:
        return len(self._sent)

    def sent(self, number: int, request_id: str, mine: T) -> None:
        self._sent[number] = request_id, mine
        self._numbers[request_id] = number

    def lies(self, number: int, place: Place) -> Iterator[tuple[T, Said]]:
        """Where a request came to lie; gives its outcome where that was faster."""
        said = self._early.get(self._sent[number][0], {}).get(place)
        if said is None:
            self._lying[place] = number
        else:
            yield self._finished(number, said)

    def answered(self, place: Place, said: Said) -> Iterator[tuple[T, Said]]:
        """The outcome of the request at this place, whosever that is."""
        if "dead_letter" in said:
            return  # where it is one of ours its outcome comes too: its id could be read
        number = self._lying.pop(place, None)
        if number is not None:
            yield self._finished(number, said)
        elif said["request_id"] in self._numbers:
            self._early.setdefault(said["request_id"], {})[place] = said

    def _finished(self, number: int, said: Said) -> tuple[T, Said]:
        request_id, mine = self._sent.pop(number)
        del self._numbers[request_id]
        self._early.pop(request_id, None)
        return mine, said


class Conversation(Generic[T]):
    """Each request goes out with something of the caller's, which comes back with its outcome.
    No request id may be under way twice."""

    def __init__(self, settings: Settings, lane: Lane, silence_s: float = 60.0) -> None:
        self._till = Till(settings, linger_ms=10)
        self._answers = Answers(settings, (lane,))
        self._topic, self._silence_s = settings.topic(lane.requests), silence_s
        self._open = UnderWay[T]()
        self._count = 0
        self._heard = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._answers.close()

    @property
    def under_way(self) -> int:
        return len(self._open)

    def send(self, request: Said, mine: T) -> None:
        if not self._open:
            self._heard = time.monotonic()
        self._count += 1
        self._open.sent(self._count, request["request_id"], mine)
        self._till.send_bytes(self._topic, key_of(request), orjson.dumps(request), self._count)

    def answered(self, wait_s: float = 0.05) -> list[tuple[T, Said]]:
        """Outcomes that came by now. Raises `NoOutcome` after a long silence, and `BrokerError`."""
        came = self._answers.read(wait_s)
        found: list[tuple[T, Said]] = []
        for number, place in self._till.delivered().items():
            found += self._open.lies(number, place)
        for place, said in came:
            found += self._open.answered(place, said)
        if found:
            self._heard = time.monotonic()
        elif self._open and time.monotonic() - self._heard > self._silence_s:
            raise NoOutcome(
                f"{len(self._open)} requests have no outcome after {self._silence_s:.0f} s of "
                "silence; is a worker running (`redeemonce worker`)? Start the same command again "
                "once it is: nothing is done twice."
            )
        return found


def in_order(
    conversation: Conversation[int], requests: Iterable[Said], window: int
) -> Iterator[tuple[Said, Said]]:
    """(request, its outcome) in the order of the requests, at most ``window`` under way or kept."""
    coming = enumerate(requests)
    kept: dict[int, Said] = {}
    sent: dict[int, Said] = {}
    next_, more = 0, True
    while more or sent:
        while more and len(sent) < window:
            number, request = next(coming, (-1, {}))
            more = number >= 0
            if more:
                sent[number] = request
                conversation.send(request, number)
        kept.update(conversation.answered())
        while next_ in kept:
            yield sent.pop(next_), kept.pop(next_)
            next_ += 1
