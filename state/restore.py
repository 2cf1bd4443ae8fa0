"""What outcomes changed in the ledger, collected so that a call of `Ledger.merge` puts it there.

Nothing is decided again: a fact says what was decided. Outcomes of one partition come in their
order and each of them once; partitions come in any order, but those of uploads and exports before
those of issues and redemptions, and those of revokes last. A merge moves `applied` along with what
it merges, so whoever goes on after a restorer that died begins where that one ended.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any, ClassVar

import msgpack

from schemas.times import Calendar, milliseconds_of, to_second
from schemas.topics import OFFERS, Lane
from state.catalogue import code_length, fixed_codes, rules_of, series_of
from state.decided import as_declared, or_false, packed_claim, rest_of, serial_of
from state.keys import code_key, customer_key, request_key
from state.records import RUN_COUPONS, Coupon, coupon_record, new_customer
from state.tables import BucketOf, generation_of, remembered_at, seconds_to_live

Fact = list[Any]
_pack = msgpack.Packer(use_bin_type=False, autoreset=True).pack
#: A batch is decided at one moment.
_decided_ms = lru_cache(maxsize=1024)(milliseconds_of)
_serial: Callable[[Any], Any] = itemgetter(0)


class Restorer:
    """``customers``: as `Ledger.lay_out` gives it; ``now``: milliseconds since 1970; ``decimals``:
    of the organisation's currency. ``weight``: how much `take` would give, about 1 an outcome."""

    def __init__(
        self, customers: BucketOf, now: int, memory_days: int, decimals: int, calendar: Calendar
    ) -> None:
        self._calendar = calendar
        self._bucket_of, self._memory_days, self._decimals = customers, memory_days, decimals
        self._remembered = remembered_at(now, memory_days)
        self._numbers: dict[str, int] = {}
        self._applied: dict[str, dict[int, int]] = {}
        self._empty()

    def _empty(self) -> None:
        self.weight = 0
        self._offers: dict[str, dict[str, Any]] = {}
        self._issues: defaultdict[str, list[Any]] = defaultdict(list)
        self._customers: defaultdict[str, list[bytes]] = defaultdict(list)
        self._redemptions: defaultdict[str, list[Any]] = defaultdict(list)
        self._ends: defaultdict[str, dict[tuple[int, int], int]] = defaultdict(dict)
        self._tallies: defaultdict[str, Counter[tuple[int, str, str]]] = defaultdict(Counter)
        self._given: list[Fact] = []
        self._others: list[Fact] = []
        self._progress: dict[str, list[Any]] = {}
        self._requests: defaultdict[int, list[bytes]] = defaultdict(list)
        self._began: defaultdict[str, dict[int, int]] = defaultdict(dict)

    def take(self) -> dict[str, Any]:
        """What one merge puts into the ledger; begins anew."""
        taken = {
            "offers": self._offers,
            "issues": _flat(self._issues),
            "customers": self._customers,
            "tallies": {
                offer_id: [part for (key, count) in counts.items() for part in (*key, count)]
                for offer_id, counts in self._tallies.items()
            },
            "ends": {offer_id: _serials_and_ends(some) for offer_id, some in self._ends.items()},
            "given": self._given,
            "redemptions": _flat(self._redemptions),
            "others": self._others,
            "progress": self._progress,
            "requests": self._requests,
            "seconds_to_live": seconds_to_live(self._memory_days),
            "chains": {
                f"{lane}:{p}": [first, self._applied[lane][p]]
                for lane, begun in self._began.items()
                for p, first in begun.items()
            },
        }
        self._empty()
        return taken

    # Offers --------------------------------------------------------------------------------------

    def know(self, offers: Iterable[dict[str, Any]]) -> None:
        """Offers as the `offers` topic has them: outcomes are only of these."""
        self._numbers.update((one["offer_id"], one["number"]) for one in offers)

    def add_offer(self, current: dict[str, Any]) -> None:
        """One that the ledger lacks, or has in an older version."""
        stores, claim, lead = current["stores_now"], current["offer"]["claim"], current["lead"]
        offer = as_declared(current["offer"], stores)
        rules = rules_of(offer, self._decimals)
        if rules.codes == "generated":
            rules = rules._replace(possible_codes=float(series_of(offer, lead).space))
        fields = {
            "number": current["number"],
            "version": current["version"],
            "definition": offer.model_dump_json(exclude={"claim"}),
            "rules": rules,
            "lead": lead,
            "length": code_length(offer),
            "codes": fixed_codes(offer),
            "expiry_type": offer.expiry.type,
            "offer_code": offer.offer_code,
            **{name: milliseconds_of(current[name]) for name in ("created_at", "modified_at")},
            **{name: current[name] for name in ("created_by", "modified_by")},
        }
        if claim:
            fields["claim"] = _pack(packed_claim(claim))
        if stores:
            fields["stores"] = _pack(stores["uploaded"])
        self._offers[offer.offer_id] = fields
        self.weight += 1

    # Outcomes ------------------------------------------------------------------------------------

    def begin(self, lane: Lane, applied: dict[int, int]) -> None:
        """Below which offset each partition's requests are in the ledger."""
        self._applied.setdefault(lane.name, {}).update(applied)

    def add(self, lane: Lane, said: dict[str, Any]) -> bool:
        """The next outcome of its partition. False: the ledger has it."""
        source, applied = said["source"], self._applied[lane.name]
        partition, offset = source["partition"], source["offset"]
        if offset < applied[partition]:
            return False
        self._began[lane.name].setdefault(partition, applied[partition])
        applied[partition] = offset + 1
        self.weight += 1
        self._note_change(lane, said)
        return True

    def _note_change(self, lane: Lane, said: dict[str, Any]) -> None:
        change = said.get("ledger")
        if change is None:  # it changed nothing
            return
        decided_at = _decided_ms(said["decided_at"])
        if said["outcome"] == "accepted":
            self._effects[said["type"]](self, said, change)
        self._note_progress(said, change, decided_at)
        generation = generation_of(decided_at, self._memory_days)
        if generation in self._remembered:
            self._remember(lane, said, change, decided_at, generation)

    def _issue(self, said: dict[str, Any], change: dict[str, Any]) -> None:
        serial, coupon, key, day = self._coupon(said, change, change)
        self._issues[said["offer_id"]].append((serial, coupon))
        if change["expires"] is not None:
            self._ends[said["offer_id"]][serial // RUN_COUPONS, change["expires"]] = serial
        self._customers[said["offer_id"]] += (self._bucket_of(key), key, new_customer(serial, day))

    def _coupon(
        self, said: dict[str, Any], change: dict[str, Any], issued: dict[str, Any]
    ) -> tuple[int, bytes, bytes, int]:
        customer = said["customer_id"]
        key = customer_key(self._numbers[said["offer_id"]], customer)
        expires = or_false(issued["expires"])
        coupon = Coupon(customer, issued["starts"], expires, revoked=False, apart=False)
        return serial_of(said), coupon_record(coupon), key, change["day"]

    def _redeem(self, said: dict[str, Any], change: dict[str, Any]) -> None:
        offer_id, customer = said["offer_id"], said["customer_id"]
        if "issued" in change:  # a common code gave it
            self._given.append([offer_id, *self._coupon(said, change, change["issued"])])
        self._redemptions[offer_id].append(
            (
                serial_of(said),
                said["request_id"],
                customer_key(self._numbers[offer_id], customer) if customer else b"",
                change["day"],
                change["discount_minor"],
                change["bill_minor"],
                change["sequence"],
            )
        )

    def _reverse(self, said: dict[str, Any], change: dict[str, Any]) -> None:
        offer_id = said["offer_id"]
        key = customer_key(self._numbers[offer_id], said["customer_id"] or "")
        undone = [serial_of(said), said["redemption_id"], key]
        self._note("reverse", offer_id, *undone, said["request_id"], change["sequence"])

    def _revoke(self, said: dict[str, Any], change: dict[str, Any]) -> None:
        closes, ended = said["scope"] != "customers", change["revoked"]
        self.weight += len(ended)
        self._note("revoke", said["offer_id"], change["watermark"] or 0, closes, ended)

    def _export(self, said: dict[str, Any], change: dict[str, Any]) -> None:
        run = [change[name] for name in ("first", "count", "day", "starts")]
        self._note("export", said["offer_id"], *run, or_false(change["expires"]))

    def _codes(self, said: dict[str, Any], change: dict[str, Any]) -> None:
        offer_id, first, codes = said["offer_id"], change["first"], change["codes"]
        number = self._numbers[offer_id]
        items = [
            [code, code_key(code), customer, customer_key(number, customer) if customer else b""]
            for code, customer in codes
        ]
        self.weight += len(items)
        self._note("codes", offer_id, items, first, change["stock_first"], change["third_party"])
        if not said["complete"]:
            self._part(said, 0, first, len(items), change["waiting_issued"])
            return
        run = [change[name] for name in ("ranges", "day", "starts")]
        rest = [or_false(change["expires"]), change["issued_codes"], change["stock"]]
        self._note("codes_in_effect", offer_id, *run, *rest)

    def _audience(self, said: dict[str, Any], change: dict[str, Any]) -> None:
        offer_id, generation, customers = (
            said["offer_id"],
            change["generation"],
            change["customers"],
        )
        self.weight += len(customers)
        self._note("audience", offer_id, generation, customers)
        if said["complete"]:
            self._note("audience_in_effect", offer_id, generation, said["total"])
        else:
            self._part(said, generation, 0, len(customers), 0)

    def _stores(self, said: dict[str, Any], change: dict[str, Any]) -> None:
        stores = change["stores"]
        if said["complete"]:
            self._note("stores_in_effect", said["offer_id"])
        else:
            self._part(said, 0, 0, len(stores), 0, stores)

    def _part(
        self, said: dict[str, Any], generation: int, first: int, count: int, issued: int,
        stores: Any = False,
    ) -> None:  # fmt: skip
        """A part of an upload that waits for others."""
        place = said["type"], said["part"], said["parts"]
        self._note("part", said["offer_id"], *place, generation, first, count, issued, stores)

    def _note(self, kind: str, *content: Any) -> None:
        self._others.append([kind, *content])

    def _nothing(self, said: dict[str, Any], change: dict[str, Any]) -> None:
        """A resend, a reminder, or a change of an offer that its own record tells."""

    _effects: ClassVar[dict[str, Callable[["Restorer", dict[str, Any], dict[str, Any]], None]]] = {
        "issue": _issue,
        "redeem": _redeem,
        "reverse": _reverse,
        "revoke": _revoke,
        "export": _export,
        "upload_codes": _codes,
        "set_audience": _audience,
        "set_stores": _stores,
        **dict.fromkeys(("resend", "create", "edit", "claim", "remind", "remind_pocs"), _nothing),
    }

    def _note_progress(self, said: dict[str, Any], change: dict[str, Any], at: int) -> None:
        """Highest sequence, last issue and redemption (milliseconds), free codes gone."""
        sequence = change["sequence"]
        if sequence is None:
            return
        day = self._calendar.day(to_second(said["occurred_at"]))
        self._tallies[said["offer_id"]][day, said["type"], said["reason"] or "accepted"] += 1
        noted = self._progress.get(said["offer_id"])
        if noted is None:
            noted = self._progress[said["offer_id"]] = [0, False, False, 0]
        if sequence > noted[0]:
            noted[0] = sequence
        if said["outcome"] != "accepted":
            return
        kind = said["type"]
        if kind == "redeem" and at > noted[2]:
            noted[2] = at
        if at > noted[1] and issues_coupons(said):
            noted[1] = at
        if kind in ("issue", "revoke") and change.get("stock"):
            noted[3] = max(noted[3], change["stock"])

    def _remember(
        self, lane: Lane, said: dict[str, Any], change: dict[str, Any], at: int, generation: int
    ) -> None:
        offer_id = said["offer_id"]
        number = self._numbers[offer_id] if lane is not OFFERS else None
        key = request_key(lane.name, number or offer_id, said["request_id"])
        decision = [
            said["reason"] or False,
            change["sequence"] or False,
            said.get("offer_version", False),
            at,
            said["occurred_at"],
            *rest_of(said, change),
        ]
        remembered = bytes.fromhex(change["fingerprint"]) + _pack(decision)
        self._requests[generation] += (key, remembered)


def issues_coupons(said: dict[str, Any]) -> bool:
    """Whether an accepted outcome issued coupons, one or many."""
    kind, change = said["type"], said["ledger"]
    return (
        kind in ("issue", "export")
        or (kind == "redeem" and "issued" in change)
        or (kind == "upload_codes" and change.get("issued_codes", 0) > 0)
    )


def _serials_and_ends(by_run: dict[tuple[int, int], int]) -> list[int]:
    """Of each run and end one of its serials."""
    return [value for (_, end), serial in by_run.items() for value in (serial, end)]


def _flat(by_offer: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Each offer's coupons by serial: neighbours lie in one hash."""
    return {
        offer_id: list(chain.from_iterable(sorted(some, key=_serial)))
        for offer_id, some in by_offer.items()
    }
