"""All offers as lists show them: read when they change, counted when they are looked at."""

from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple, get_args

from schemas.offers import Offer
from schemas.requests import Service
from schemas.times import to_second
from state.ledger import Ledger
from streams.summary import going, summary
from streams.words import discount_in_words, expiry_in_words

#: Of `sort`: newest first.
SORTS = {"created": "created_at", "modified": "modified_at"}
#: Of `org_entity_type`, and what an offer calls its list of them.
ENTITIES = {"till": "tills", "store": "stores", "zone": "zones", "concept": "concepts"}
_YES, _NO = ("1", "true", "yes"), ("", "0", "false", "no")
_MOST = 1_000_000


class BadQuery(ValueError):
    """A parameter is wrong; the message names it and says what is expected."""


class Query(NamedTuple):
    """What of all offers is wanted. ``entity``: type and ids that an offer must be tagged with one
    of. ``created_in`` None: what was made inside no service."""

    search: str = ""
    active: bool = False
    sort: str = "created"
    entity: tuple[str, frozenset[str]] | None = None
    created_in: str | None = None
    limit: int = _MOST
    offset: int = 0

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Query":
        """Of a page's query. Raises `BadQuery`."""
        known = {"search", "active", "sort", "org_entity_type", "org_entity_ids", "created_in",
                 "limit", "offset"}  # fmt: skip
        for name in given:
            if name not in known:
                raise BadQuery(f"{name}: is none of {', '.join(sorted(known))}")
        active, created_in = given.get("active", "").lower(), given.get("created_in") or None
        if active not in (*_YES, *_NO):
            raise BadQuery(f"active: {active!r} is neither true nor false")
        if created_in is not None and created_in not in get_args(Service):
            raise BadQuery(f"created_in: {created_in!r} is none of {', '.join(get_args(Service))}")
        return cls(
            given.get("search", "").strip().casefold(),
            active in _YES,
            _one_of("sort", given.get("sort") or "created", SORTS),
            _entity(given),
            created_in,
            _number("limit", given.get("limit"), _MOST),
            _number("offset", given.get("offset"), 0),
        )


def _entity(given: Mapping[str, str]) -> tuple[str, frozenset[str]] | None:
    type_, ids = given.get("org_entity_type"), given.get("org_entity_ids")
    if type_ is None and ids is None:
        return None
    if type_ is None:
        raise BadQuery("org_entity_type: is missing; org_entity_ids are of one type")
    if ids is None:
        raise BadQuery("org_entity_ids: is missing; give ids with commas between")
    wanted = frozenset(one.strip() for one in ids.split(",")) - {""}
    return ENTITIES[_one_of("org_entity_type", type_, ENTITIES)], wanted


def _one_of(name: str, value: str, known: Iterable[str]) -> str:
    if value not in known:
        raise BadQuery(f"{name}: {value!r} is none of {', '.join(known)}")
    return value


def _number(name: str, text: str | None, default: int) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or int(text) > _MOST:
        raise BadQuery(f"{name}: {text[:40]!r} is no number from 0 to {_MOST:,}")
    return int(text)


class Found(NamedTuple):
    """``total``: how many there are, of which ``offers`` may be a part."""

    total: int
    offers: list[dict[str, Any]]


class Directory:
    """Every offer as of its last change. Its methods block; ``now``: milliseconds since 1970."""

    def __init__(self, ledger: Ledger, now: Callable[[], int]) -> None:
        self._ledger, self._now = ledger, now
        self._stamp = 0
        self._known: dict[str, dict[str, Any]] = {}

    def find(self, query: Query) -> Found:
        """Raises `LedgerAway`."""
        self._refresh()
        found = [one for one in self._known.values() if self._fits(one, query)]
        found.sort(key=itemgetter(SORTS[query.sort], "offer_id"), reverse=True)
        shown = found[query.offset : query.offset + query.limit]
        counts = self._ledger.counts([one["offer_id"] for one in shown])
        counted = [one | going(now) for one, now in zip(shown, counts, strict=True)]
        return Found(len(found), counted)

    def _refresh(self) -> None:
        stamp, changed, anew = self._ledger.news(self._stamp)
        if anew:
            self._known.clear()
        for fields in changed:
            one = listed(fields)
            self._known[one["offer_id"]] = one
        self._stamp = stamp

    def _fits(self, one: dict[str, Any], query: Query) -> bool:
        offer = one["offer"]
        if offer["created_in"] != query.created_in:
            return False
        if query.search and query.search not in f"{one['name']}\n{one['offer_id']}".casefold():
            return False
        if query.active and one["ends"] is not None and one["ends"] * 1_000 < self._now():
            return False
        if query.entity is not None:
            name, ids = query.entity
            places = offer["redeem"]["org_entities"] or {}
            return not ids.isdisjoint(places.get(name) or ())
        return True


def listed(fields: dict[bytes, bytes]) -> dict[str, Any]:
    """An offer's hash as lists have it: its summary and what they show in words. ``ends``: the
    second, None while it is not known."""
    one = summary(fields)
    offer = Offer.model_validate(one["offer"])
    claim = one["offer"]["claim"]
    campaign_ends = claim["ends_at"] if claim else None
    ends = offer.expiry.at if offer.expiry.type == "fixed_date" else campaign_ends
    return one | {
        "discount": discount_in_words(offer),
        "expiry": expiry_in_words(offer, campaign_ends),
        "claimed_by": f"{claim['service']} {claim['holder']}" if claim else None,
        "ends": to_second(ends) if ends else None,
    }
