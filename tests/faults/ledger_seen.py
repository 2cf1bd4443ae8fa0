"""The ledger as it lies in Redis, beside what the outcomes tell."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import msgpack
from redis import Redis

from tests.faults.model import Coupon, OfferModel
from tests.faults.topics_seen import Ends

_COUPONS_A_HASH, _ENTRIES_A_BUCKET = 64, 32
_LETTERS = {"o": "offers", "i": "issue", "r": "redeem", "k": "revoke", "m": "reminders"}
_KEYS_A_CALL = 500
#: Values at the beginning of a coupon's record (fewer where it has no redemption), of each
#: redemption of it, and how many lengths a customer's record has after a -1.
HEAD, WIDTH, LENGTHS = 5, 7, 3
#: What an offer's counts are, in their order.
COUNTS = ("issued", "skipped", "redeemed", "sequence", "watermark", "discounted", "revenue",
          "positions", "stock_next", "stock", "taken", "audience", "audiences", "closed",
          "last_issued", "last_redeemed")  # fmt: skip
#: How many differences of a kind are named.
_NAMED = 5
Hash = dict[bytes, bytes]


class LedgerSeen:
    """``wrong`` hears of each problem."""

    def __init__(
        self, redis_url: str, prefix: str, wrong: Callable[[str], None], counts: Counter[str]
    ) -> None:
        self._base = f"{prefix}{{{prefix}ledger}}:"
        self._client: Any = Redis.from_url(redis_url)
        self._wrong, self._counts = wrong, counts
        #: Kind, name, what was found and what is due, of each.
        self._differences: list[tuple[str, str, Any, Any]] = []
        #: By offer's number and customer, their only coupon: its serial, and what they redeemed.
        self._told: dict[tuple[str, str], tuple[int, list[tuple[int, int]]]] = {}

    def compare(
        self,
        offers: dict[str, OfferModel],
        numbers: dict[str, int],
        remembered: set[tuple[str, str, str]],
        committed: Ends,
    ) -> None:
        """``numbers``: of offers, by which their coupons and customers are kept."""
        by_number = {
            str(number): offers[offer_id] for offer_id, number in numbers.items()
            if offer_id in offers
        }  # fmt: skip
        sizes = {name.decode(): int(size) for name, size in self._hash("sizes").items()}
        self._buckets = {name.decode(): int(n) for name, n in self._hash("buckets").items()}
        self._offers({offer.offer_id: offer for offer in by_number.values()})
        self._coupons(by_number)
        self._customers(by_number, sizes.get("customers", 0))
        self._requests(by_number, remembered)
        self._tell(self._is_ahead_of(committed))  # asked last: the planner goes on meanwhile

    def _differs(self, kind: str, name: str, found: Any, due: Any) -> None:
        """``found`` None: Redis lacks it. ``due`` None: it has what nobody told."""
        if found != due:
            self._differences.append((kind, name, found, due))

    def _tell(self, ahead: bool) -> None:
        """``ahead``: Redis has decided more than is committed: it may hold more than is told."""
        named: Counter[str] = Counter()
        for kind, name, found, due in self._differences:
            if ahead and found is not None:
                continue
            named[kind] += 1
            if named[kind] > _NAMED:
                continue
            if found is None:
                self._wrong(f"Redis: lacks {name}")
            elif due is None:
                self._wrong(f"Redis: has {name}, which no outcome tells: {found}")
            else:
                self._wrong(f"Redis: {name} is {found}, not {due}")
        for kind, count in named.items():
            if count > _NAMED:
                self._wrong(f"Redis: {count - _NAMED} {kind} more")

    def _is_ahead_of(self, committed: Ends) -> bool:
        """How far each partition is decided: not less than is committed."""
        if self._client.get(self._base + "open") is None:
            self._wrong("Redis: the ledger is closed")
        ahead = 0
        for lane, offsets in committed.items():
            for partition, offset in offsets.items():
                chain = f"chain:{lane}:{partition}"
                applied = int(self._client.hget(self._base + chain, "applied") or 0)
                if applied < offset:
                    self._wrong(f"Redis: {chain} is decided up to {applied}, committed {offset}")
                ahead += max(applied - offset, 0)
        self._counts["undecided in Kafka"] += ahead
        return ahead > 0

    def _offers(self, offers: dict[str, OfferModel]) -> None:
        found = dict(self._hashes("offer:"))
        for offer_id in sorted(found.keys() | offers.keys()):
            if offer_id not in found or offer_id not in offers:
                there = "there" if offer_id in found else None
                self._differs("offers", f"offer {offer_id}", there, None if there else "there")
                continue
            offer, fields = offers[offer_id], found[offer_id]
            uses = [
                use for coupon in offer.coupons.values() for use in coupon.uses.values()
                if use.reversed_by is None
            ]  # fmt: skip
            due = {
                "issued": len(offer.coupons),
                "redeemed": offer.standing,
                "sequence": offer.sequence,
                "watermark": offer.watermark,
                "closed": int(offer.closed),
                "version": offer.version,
                "discounted": sum(use.discount_minor for use in uses),
                "revenue": sum(use.bill_minor for use in uses),
            }
            counted = self._client.get(f"{self._base}counts:{offer_id}")
            counts = dict(zip(COUNTS, values_of(counted), strict=True))
            counts["version"] = int(fields[b"version"])
            is_ = {name: counts[name] for name in due}
            serials = is_["issued"]
            is_["issued"] -= counts["skipped"]  # numbers that are nobody's
            self._differs("totals of offers", f"offer {offer_id}", is_, due)
            if serials < offer.next_serial:
                self._wrong(f"Redis: offer {offer_id} gives {serials}, which was given, again")

    def _coupons(self, offers: dict[str, OfferModel]) -> None:
        left = {
            (number, serial): coupon_record(coupon)
            for number, offer in offers.items()
            for serial, coupon in offer.coupons.items()
        }
        for name, fields in self._hashes("coupons:"):
            number, _, part = name.partition(":")
            for field, packed in fields.items():
                serial = int(part) * _COUPONS_A_HASH + int(field)
                (recipient, starts, *more), *uses = in_parts(values_of(packed))
                _, revoked, apart = more + [False] * (HEAD - 2 - len(more))
                if recipient and not apart:
                    days = Counter(u[2] for u in uses if u[1] == recipient and u[3] is False)
                    self._told[number, recipient] = serial, sorted(days.items())
                record = [recipient, starts, revoked, sorted(uses, key=repr)]
                offer = offers[number].offer_id if number in offers else number
                title = f"coupon {serial} of {offer}"
                self._differs("coupons", title, record, left.pop((number, serial), None))
        for number, serial in left:
            title = f"coupon {serial} of {offers[number].offer_id}"
            self._differs("coupons", title, None, "there")

    def _customers(self, offers: dict[str, OfferModel], size: int) -> None:
        left = {
            (number, customer_id): record
            for number, offer in offers.items()
            for customer_id in offer.issued.keys() | offer.redeemed.keys()
            if (record := customer_record(offer, customer_id)) != [[], []]
        }
        entries = 0
        for bucket, fields in self._hashes("customers:"):
            for key, packed in fields.items():
                entries += 1
                self._expect_findable("customers", key, bucket, size)
                number, _, customer_id = key[4:].decode().partition(":")
                issued, *more, redeemed = in_lists(values_of(packed))
                record = [in_pairs(issued), in_pairs(redeemed), *filter(None, more)]
                due = left.pop((number, customer_id), None)
                if record == [[], []] and due is None:
                    continue  # all of it was reversed
                offer = offers[number].offer_id if number in offers else number
                title = f"customer {customer_id} of {offer}"
                if (number, customer_id) in self._told:
                    serial, told = self._told[number, customer_id]
                    if len(record) > 2 or redeemed or [one for one, _ in record[0]] != [serial]:
                        self._wrong(f"Redis: coupon {serial} isn't all that {title} has: {record}")
                    record[1] = told
                self._differs("customers", title, record, due)
        for number, customer_id in left:
            title = f"customer {customer_id} of {offers[number].offer_id}"
            self._differs("customers", title, None, "there")
        self._differs("sizes", "the number of customers", size, entries)

    def _requests(
        self,
        offers: dict[str, OfferModel],
        remembered: set[tuple[str, str, str]],
    ) -> None:
        """Each is remembered; a run is shorter than the shortest memory."""
        left = set(remembered)
        for _, fields in self._hashes("requests:"):
            for key in fields:
                lane = _LETTERS[key[:1].decode()]
                number, _, request_id = key[1:].decode().partition("\0")
                offer_id = number if lane == "offers" else offers[number].offer_id
                one = (lane, offer_id, request_id)
                due = one if one in left else None
                left.discard(one)
                self._differs("requests", f"the {lane} request {request_id}", one, due)
        for lane, _, request_id in sorted(left):
            self._differs("requests", f"the {lane} request {request_id}", None, "there")

    def _expect_findable(self, table: str, key: bytes, bucket: str, size: int) -> None:
        """A table that grows by one bucket at a time: where a look-up goes."""
        count = self._buckets.get(table) or max(1, -(-size // _ENTRIES_A_BUCKET))
        level = 1 << (count.bit_length() - 1)
        place = int.from_bytes(key[:4], "big")
        due = place % (2 * level) if place % (2 * level) < count else place % level
        self._differs("lost keys", f"the bucket of {key[4:]!r} of {table}", int(bucket), due)

    # Reading -------------------------------------------------------------------------------------

    def _hash(self, name: str) -> Hash:
        return dict(self._client.hgetall(self._base + name))

    def _hashes(self, kind: str) -> Iterator[tuple[str, Hash]]:
        """Hashes whose keys begin so, each with what follows."""
        begin = self._base + kind
        escaped = "".join(f"\\{c}" if c in "*?[]\\" else c for c in begin)
        keys = list(self._client.scan_iter(escaped + "*", count=5_000))
        for first in range(0, len(keys), _KEYS_A_CALL):
            chunk = keys[first : first + _KEYS_A_CALL]
            pipeline = self._client.pipeline(transaction=False)
            for key in chunk:
                pipeline.hgetall(key)
            for key, fields in zip(chunk, pipeline.execute(), strict=True):
                yield key.decode().removeprefix(begin), fields


def coupon_record(coupon: Coupon) -> list[Any]:
    uses = [
        [name, use.customer_id, use.day, use.reversed_by or False, use.discount_minor,
         use.bill_minor, use.sequence]
        for name, use in coupon.uses.items()
    ]  # fmt: skip
    return [coupon.customer_id, coupon.starts, coupon.revoked, sorted(uses, key=repr)]


def customer_record(offer: OfferModel, customer_id: str) -> list[Any]:
    """[(serial, day), ...], [(day, count), ...]"""
    days = Counter(offer.redeemed.get(customer_id, []))
    return [sorted(offer.issued.get(customer_id, [])), sorted(days.items())]


def values_of(packed: bytes) -> list[Any]:
    """A record: values one after the other."""
    values = msgpack.Unpacker()
    values.feed(packed)
    return [*values]


def in_parts(coupon: list[Any]) -> list[list[Any]]:
    """The coupon itself, then each of its redemptions."""
    return [coupon[:HEAD], *(coupon[i : i + WIDTH] for i in range(HEAD, len(coupon), WIDTH))]


def in_lists(customer: list[Any]) -> Iterator[list[Any]]:
    """The lists of which it begins with the lengths, but for the last one's, after a -1; or with
    that of the first, where those between are empty."""
    rest = iter(customer)
    first = next(rest)
    lengths = [*islice(rest, LENGTHS)] if first == -1 else [first, *[0] * (LENGTHS - 1)]
    for length in lengths:
        yield [*islice(rest, length)]
    yield [*rest]


def in_pairs(flat: list[int]) -> list[tuple[int, int]]:
    return sorted(zip(flat[::2], flat[1::2], strict=True))
