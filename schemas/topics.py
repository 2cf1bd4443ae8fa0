"""The one registry of topics: their names, keys, settings, and which request types they carry."""

from collections.abc import Iterator
from dataclasses import dataclass, field

#: Bytes of a request. The largest that is read at all, and that a batch of requests may have.
MAX_REQUEST_BYTES = 1_048_588
MAX_RECORD_BYTES = 2 * 1024 * 1024
#: Of an outcome or dead letter: whatever came, and what is said about it.
MAX_ANSWER_BYTES = MAX_RECORD_BYTES + 64 * 1024

# The broker's clock stamps every record: a till whose clock is days off is never turned away for
# it, and how long a decision took can be read from the stamps.
_STAMPED = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(MAX_ANSWER_BYTES)}
#: What others write. Stored as it is read: of a compressed batch the broker only weighs the packed
#: bytes, and a few kilobytes of them can be unpacked to more than a worker's memory.
_REQUESTS = {
    **_STAMPED,
    "max.message.bytes": str(MAX_RECORD_BYTES),
    "compression.type": "uncompressed",
}
_KEPT = {**_STAMPED, "retention.ms": "-1", "retention.bytes": "-1"}
_COMPACTED = {**_STAMPED, "cleanup.policy": "compact"}


@dataclass(frozen=True)
class Topic:
    """A topic by its name without prefix; ``key`` says what its records are keyed with."""

    name: str
    key: str
    config: dict[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Lane:
    """One kind of work: requests come in, exactly one outcome for each goes out."""

    name: str
    types: tuple[str, ...]
    requests: Topic
    outcomes: Topic


def _lane(name: str, key: str, *types: str) -> Lane:
    requests = Topic(f"{name}.requests", key, _REQUESTS)
    return Lane(name, types, requests, Topic(f"{name}.outcomes", key, _KEPT))


ISSUE = _lane("issue", "customer_id", "issue", "resend")
REDEEM = _lane("redeem", "customer_id or code", "redeem", "validate", "reverse")
REVOKE = _lane("revoke", "offer_id", "revoke")
OFFERS = _lane(
    "offers",
    "offer_id",
    *("create", "edit", "claim", "export", "upload_codes", "set_audience", "set_stores"),
)
#: Written by the workers themselves: which run of an offer's coupons to look through, and when.
REMIND = _lane("reminders", "offer_id and run", "remind", "remind_pocs")
#: In the order in which `redeemonce worker --agents` lists them.
LANES = (OFFERS, ISSUE, REDEEM, REVOKE, REMIND)

CURRENT_OFFERS = Topic("offers", "offer_id", _COMPACTED)
ORG_ENTITIES = Topic("org-entities", "till_id", _REQUESTS | {"cleanup.policy": "compact"})
REMINDERS = Topic("reminders", "customer_id or offer_id", _KEPT)
#: What waits for another person's approval.
PROPOSALS = Topic("proposals", "offer_id", _COMPACTED)
DEAD_LETTERS = Topic("dead-letters", "as it came", _KEPT)
#: Which transactional ids a worker's place may use, so that restore can fence them all.
PLACES = Topic("places", "transactional_id", _COMPACTED)


def all_topics() -> Iterator[Topic]:
    for lane in LANES:
        yield lane.requests
        yield lane.outcomes
    yield from (CURRENT_OFFERS, ORG_ENTITIES, REMINDERS, PROPOSALS, DEAD_LETTERS, PLACES)


def lane_of(request_type: str) -> Lane | None:
    """The lane that takes requests of this type, None where there is no such type."""
    return _LANE_OF.get(request_type)


_LANE_OF = {type_: lane for lane in LANES for type_ in lane.types}
