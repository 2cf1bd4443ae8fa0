"""What an outcome changed in the ledger, as facts that put it there again.

Facts are merged, in any order within a topic and any number of times, by `Ledger.merge`. Nothing
is decided again: a fact says what was decided.
"""

from typing import Any

import msgpack

from schemas.times import milliseconds_of
from schemas.topics import Lane
from state.catalogue import code_length, fixed_codes, limits_of, series_of
from state.decided import as_declared, or_false, packed_claim, rest_of, serial_of
from state.keys import code_key, customer_key, request_key

Fact = list[Any]
#: What an offer counts: restored by the facts that follow it.
_COUNTS = ("issued", "redeemed", "sequence", "watermark", "discounted", "revenue", "closed")
_pack = msgpack.Packer(use_bin_type=False, autoreset=True).pack


class Restorer:
    """Makes facts of outcomes. ``now``: milliseconds since 1970, to forget old request ids;
    ``decimals``: of the organisation's currency."""

    def __init__(self, memory_days: int, now: int, decimals: int) -> None:
        self._memory_ms, self._decimals = memory_days * 86_400_000, decimals
        self._time_to_live = (2 * memory_days + 1) * 86_400
        self._oldest = now // self._memory_ms - 1
        self._numbers: dict[str, int] = {}
        self._progress: dict[str, list[Any]] = {}
        self._reversals: list[Fact] = []

    def offer(self, current: dict[str, Any]) -> Fact:
        """The fact of an offer as the `offers` topic has it."""
        stores, claim, lead = current["stores_now"], current["offer"]["claim"], current["lead"]
        offer = as_declared(current["offer"], stores)
        number = self._numbers[offer.offer_id] = current["number"]
        limits = limits_of(offer, self._decimals)
        if limits["codes"] == "generated":
            limits["possible_codes"] = float(series_of(offer, lead).space)
        fields = {
            "number": number,
            "version": current["version"],
            "definition": offer.model_dump_json(exclude={"claim"}),
            "limits": _pack(limits),
            "lead": lead,
            "length": code_length(offer),
            "codes": fixed_codes(offer),
            "expiry_type": offer.expiry.type,
            "offer_code": offer.offer_code,
            **{name: milliseconds_of(current[name]) for name in ("created_at", "modified_at")},
            **{name: current[name] for name in ("created_by", "modified_by")},
            **dict.fromkeys(_COUNTS, 0),
        }
        if claim:
            fields["claim"] = _pack(packed_claim(claim))
        if stores:
            fields["stores"] = _pack(stores["uploaded"])
        return ["offer", offer.offer_id, fields]

    def numbers(self) -> int:
        """The highest number an offer has."""
        return max(self._numbers.values(), default=0)

    def outcome(self, lane: Lane, said: dict[str, Any]) -> list[Fact]:
        """The facts of one outcome; none for an answer that changed nothing."""
        change = said.get("ledger")
        if change is None:
            return []
        facts: list[Fact] = []
        if said["outcome"] == "accepted":
            facts += self._effects(said, change)
        decided_at = milliseconds_of(said["decided_at"])
        self._note_progress(said, change["sequence"], decided_at)
        generation = decided_at // self._memory_ms
        if generation >= self._oldest:
            facts.append(self._remembered(lane, said, change, decided_at, generation))
        return facts

    def reversals(self) -> list[Fact]:
        """Kept back until every redemption they may undo is there."""
        kept, self._reversals = self._reversals, []
        return kept

    def progress(self) -> list[Fact]:
        return [["progress", offer_id, *noted] for offer_id, noted in self._progress.items()]

    # ---------------------------------------------------------------------------------------------

    def _effects(self, said: dict[str, Any], change: dict[str, Any]) -> list[Fact]:
        kind, offer_id = said["type"], said["offer_id"]
        if kind in ("issue", "redeem", "reverse"):
            return self._of_coupon(kind, offer_id, said, change)
        if kind == "revoke":
            closes = said["scope"] != "customers"
            ended, stock = change["revoked"], change["stock"] or 0
            return [["revoke", offer_id, change["watermark"] or 0, closes, ended, stock]]
        if kind == "export":
            expires = or_false(change["expires"])
            run = [change[name] for name in ("first", "count", "day", "starts")]
            return [["export", offer_id, *run, expires]]
        effects = {
            "upload_codes": self._codes,
            "set_audience": self._audience,
            "set_stores": self._stores,
        }
        return effects[kind](offer_id, said, change) if kind in effects else []

    def _of_coupon(
        self, kind: str, offer_id: str, said: dict[str, Any], change: dict[str, Any]
    ) -> list[Fact]:
        serial, customer = serial_of(said), said["customer_id"] or ""
        key = customer_key(self._numbers[offer_id], customer)
        facts: list[Fact] = []
        issued = change if kind == "issue" else change.get("issued")
        if issued:
            ends, stock = or_false(issued["expires"]), change.get("stock") or 0
            given = [serial, customer, key, issued["starts"], ends, change["day"], stock]
            facts.append(["issue", offer_id, *given])
        if kind == "redeem":
            amounts = change["discount_minor"], change["bill_minor"]
            used = [serial, said["request_id"], customer, key, change["day"], *amounts]
            facts.append(["redeem", offer_id, *used])
        if kind == "reverse":
            self._reversals.append(
                ["reverse", offer_id, serial, said["redemption_id"], key, said["request_id"]]
            )
        return facts

    def _codes(self, offer_id: str, said: dict[str, Any], change: dict[str, Any]) -> list[Fact]:
        number, first, codes = self._numbers[offer_id], change["first"], change["codes"]
        items = [
            [code, code_key(code), customer, customer_key(number, customer) if customer else b""]
            for code, customer in codes
        ]
        facts: list[Fact] = []
        if items:
            placed = [first, change["stock_first"], change["third_party"]]
            facts.append(["codes", offer_id, items, *placed])
        if not said["complete"]:
            waits = _part(said, 0, first, len(items), change["waiting_issued"], False)
            return [*facts, ["part", offer_id, *waits]]
        names = ("ranges", "day", "starts")
        rest = [or_false(change["expires"]), change["issued_codes"], change["stock"]]
        return [*facts, ["codes_in_effect", offer_id, *(change[name] for name in names), *rest]]

    def _audience(self, offer_id: str, said: dict[str, Any], change: dict[str, Any]) -> list[Fact]:
        generation, customers = change["generation"], change["customers"]
        facts: list[Fact] = [["audience", offer_id, generation, customers]]
        if said["complete"]:
            return [*facts, ["audience_in_effect", offer_id, generation, said["total"]]]
        return [*facts, ["part", offer_id, *_part(said, generation, 0, len(customers), 0, False)]]

    def _stores(self, offer_id: str, said: dict[str, Any], change: dict[str, Any]) -> list[Fact]:
        if said["complete"]:
            return [["stores_in_effect", offer_id]]
        stores = change["stores"]
        return [["part", offer_id, *_part(said, 0, 0, len(stores), 0, stores)]]

    def _note_progress(self, said: dict[str, Any], sequence: int | None, at: int) -> None:
        if sequence is None:
            return
        noted = self._progress.setdefault(said["offer_id"], [0, False, False])
        noted[0] = max(noted[0], sequence)
        if said["outcome"] != "accepted":
            return
        if issues_coupons(said):
            noted[1] = max(noted[1], at)
        if said["type"] == "redeem":
            noted[2] = max(noted[2], at)

    def _remembered(
        self, lane: Lane, said: dict[str, Any], change: dict[str, Any], at: int, generation: int
    ) -> Fact:
        offer_id = said["offer_id"]
        scope = offer_id if lane.name == "offers" else str(self._numbers[offer_id])
        key = request_key(lane.name, scope, said["request_id"])
        decision = [
            said["reason"] or False,
            change["sequence"] or False,
            said.get("offer_version", False),
            at,
            said["occurred_at"],
            *rest_of(said, change),
        ]
        content = bytes.fromhex(change["fingerprint"]) + _pack(decision)
        return ["request", "", generation, key, content, self._time_to_live]


def issues_coupons(said: dict[str, Any]) -> bool:
    """Whether an accepted outcome issued coupons, one or many."""
    kind, change = said["type"], said["ledger"]
    return (
        kind in ("issue", "export")
        or (kind == "redeem" and "issued" in change)
        or (kind == "upload_codes" and change.get("issued_codes", 0) > 0)
    )


def _part(
    said: dict[str, Any], generation: int, first: int, count: int, issued: int, stores: Any
) -> list[Any]:
    """A part of an upload that waits for others."""
    return [said["type"], said["part"], said["parts"], generation, first, count, issued, stores]
