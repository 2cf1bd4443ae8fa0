"""What the pages ask for: requests through their topics, as anybody's, and proposals of offers."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson

from schemas.times import utc_moment
from schemas.topics import PROPOSALS, lane_of
from streams.broker import BrokerError, producer, read_all
from streams.client import ask, new_request
from streams.operators import Operator
from streams.settings import Settings

Request = dict[str, Any]
#: Of one call, and how long their outcomes are waited for.
MOST_REQUESTS, _SILENCE_S = 500, 15.0
#: Types that carry who asked for them.
_WITH_ACTOR = ("create", "edit", "claim", "export", "upload_codes", "set_audience", "set_stores")


class Conflict(Exception):
    """Somebody else was faster, or somebody else has to do it; the message says which."""


class Desk:
    """Blocking calls, and threads on which they may be made."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.threads = ThreadPoolExecutor(4, "pages")

    def ask(self, requests: Sequence[Request], operator: Operator) -> list[dict[str, Any]]:
        """Of each request its topic, itself as it went there, and its outcome.

        Raises `BrokerError`, also where no outcome comes.
        """
        made = [self._made(request, operator) for request in requests]
        outcomes = ask(self._settings, made, _SILENCE_S)
        return [
            {"topic": self._topic_of(request), "request": request, "outcome": said}
            for request, said in zip(made, outcomes, strict=True)
        ]

    def _made(self, request: Request, operator: Operator) -> Request:
        now = utc_moment(self._settings.now_ms())
        more = {"actor": operator.name} if request.get("type") in _WITH_ACTOR else {}
        # Who approved something is nobody's to say: they approve a proposal, as themselves.
        given = {
            name: content
            for name, content in request.items()
            if name not in ("type", "approved_by")
        }
        return new_request(str(request.get("type")), **{"occurred_at": now, **given, **more})

    def _topic_of(self, request: Request) -> str | None:
        lane = lane_of(request["type"])
        return None if lane is None else self._settings.topic(lane.requests)

    # Proposals -----------------------------------------------------------------------------------

    def proposals(self) -> list[dict[str, Any]]:
        """Those that nobody has approved or withdrawn, the newest first."""
        found: dict[bytes, dict[str, Any]] = {}
        for message in read_all(self._settings, PROPOSALS):
            key = message.key() or b""
            found.pop(key, None)
            if message.value():
                found[key] = orjson.loads(message.value())
        return sorted(found.values(), key=lambda one: str(one["proposed_at"]), reverse=True)

    def propose(self, kind: str, offer: dict[str, Any], operator: Operator) -> dict[str, Any]:
        """An offer as it is to be once somebody else approves; an earlier proposal is gone."""
        proposal = {
            "offer_id": offer["offer_id"],
            "type": kind,
            "offer": offer,
            "proposed_by": operator.name,
            "proposed_at": utc_moment(self._settings.now_ms()),
        }
        proposal["digest"] = hashlib.sha256(orjson.dumps(proposal)).hexdigest()[:16]
        self._put(offer["offer_id"], orjson.dumps(proposal))
        return proposal

    def approve(self, offer_id: str, digest: str, operator: Operator) -> dict[str, Any]:
        """The outcome of what was proposed. ``digest``: of the proposal that was looked at."""
        proposal = self._proposal(offer_id, digest)
        if proposal["proposed_by"] == operator.name:
            raise Conflict("another person than the one who proposed it has to approve")
        request = new_request(
            proposal["type"],
            offer_id=offer_id,
            actor=proposal["proposed_by"],
            approved_by=operator.name,
            offer=proposal["offer"],
            occurred_at=utc_moment(self._settings.now_ms()),
        )
        [said] = ask(self._settings, [request], _SILENCE_S)
        if said.get("outcome") == "accepted":
            self._put(offer_id, None)
        return said

    def withdraw(self, offer_id: str, digest: str) -> None:
        self._proposal(offer_id, digest)
        self._put(offer_id, None)

    def _proposal(self, offer_id: str, digest: str) -> dict[str, Any]:
        for one in self.proposals():
            if one["offer_id"] == offer_id and one["digest"] == digest:
                return one
        raise Conflict(f"the proposal of {offer_id} was changed, approved or withdrawn meanwhile")

    def _put(self, offer_id: str, value: bytes | None) -> None:
        client = producer(self._settings, linger_ms=0)
        client.produce(self._settings.topic(PROPOSALS), value, offer_id.encode())
        if client.flush(10):
            raise BrokerError("Kafka didn't take the proposal")
