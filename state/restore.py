"""What an outcome changed in the ledger, as facts that put it there again.

Facts are merged, in any order within a topic and any number of times, by `Ledger.merge`. Nothing
is decided again: a fact says what was decided.
"""

from typing import Any

import msgpack
import orjson

from schemas.offers import Offer
from schemas.times import milliseconds_of, to_second
from schemas.topics import Lane
from state.catalogue import limits_of
from state.keys import customer_key, request_key

Fact = list[Any]
_pack = msgpack.Packer(use_bin_type=False, autoreset=True).pack


class Restorer:
    """Makes facts of outcomes. ``now``: milliseconds since 1970, to forget old request ids."""

    def __init__(self, memory_days: int, now: int) -> None:
        self._memory_ms = memory_days * 86_400_000
        self._time_to_live = (2 * memory_days + 1) * 86_400
        self._oldest = now // self._memory_ms - 1
        self._numbers: dict[str, int] = {}
        self._progress: dict[str, list[Any]] = {}
        self._reversals: list[Fact] = []

    def offer(self, current: dict[str, Any]) -> Fact:
        """The fact of an offer as the `offers` topic has it."""
        offer = Offer.model_validate(current["offer"])
        codes, claim = offer.coupons.codes, current["offer"]["claim"]
        assert codes.type == "unique"
        number = self._numbers[offer.offer_id] = current["number"]
        limits = limits_of(offer)
        alphabet = 10 if codes.charset == "digits" else 36
        limits["possible_codes"] = float(alphabet ** (codes.length - len(codes.prefix or "")))
        fields = {
            "number": number,
            "version": current["version"],
            "definition": offer.model_dump_json(exclude={"claim"}),
            "limits": _pack(limits),
            "lead": codes.prefix,
            "length": codes.length,
            "codes": f"{codes.type} {codes.charset} {codes.length}",
            "expiry_type": offer.expiry.type,
            "offer_code": offer.offer_code,
            **{name: milliseconds_of(current[name]) for name in ("created_at", "modified_at")},
            **{name: current[name] for name in ("created_by", "modified_by")},
            **dict.fromkeys(("issued", "redeemed", "sequence", "watermark", "closed"), 0),
        }
        if claim:
            fields["claim"] = _pack(packed_claim(claim))
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
        if said["outcome"] == "accepted" and lane.name != "offers":
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
        if kind == "revoke":
            watermark = change["watermark"] or 0
            closes = said["scope"] != "customers"
            return [["revoke", offer_id, watermark, closes, change["revoked"]]]
        serial, customer = serial_of(said), said["customer_id"] or ""
        key = customer_key(self._numbers[offer_id], customer)
        if kind == "issue":
            expires = False if change["expires"] is None else change["expires"]
            return [
                ["issue", offer_id, serial, customer, key, change["starts"], expires, change["day"]]
            ]
        if kind == "redeem":
            redemption_id = said["request_id"]
            return [["redeem", offer_id, serial, redemption_id, customer, key, change["day"]]]
        self._reversals.append(
            ["reverse", offer_id, serial, said["redemption_id"], key, said["request_id"]]
        )
        return []

    def _note_progress(self, said: dict[str, Any], sequence: int | None, at: int) -> None:
        if sequence is None:
            return
        noted = self._progress.setdefault(said["offer_id"], [0, False, False])
        noted[0] = max(noted[0], sequence)
        if said["outcome"] == "accepted" and said["type"] in ("issue", "redeem"):
            place = 1 if said["type"] == "issue" else 2
            noted[place] = max(noted[place], at)

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
            *_rest(said, change),
        ]
        content = bytes.fromhex(change["fingerprint"]) + _pack(decision)
        return ["request", "", generation, key, content, self._time_to_live]


def _rest(said: dict[str, Any], change: dict[str, Any]) -> list[Any]:
    """What followed in the decision: the reverse of what the lanes' `outcomes` make of it."""
    kind, accepted = said["type"], said["outcome"] == "accepted"
    if kind in ("create", "edit", "claim"):
        return _offer_rest(said, change) if accepted else [said["detail"] or False]
    if kind == "revoke":
        count, watermark = said["revoked"], change["watermark"]
        return [_or_false(count), _or_false(watermark), change["revoked"]]
    if not accepted:
        return [serial_of(said)] if said.get("coupon_id") else []
    totals, serial = said["totals"], serial_of(said)
    if kind == "issue":
        ends = said["expires_at"]
        return [
            serial, change["starts"], _or_false(change["expires"]),
            to_second(ends) if ends else False, change["day"],
            totals["customer"], totals["offer"],
        ]  # fmt: skip
    counts = [serial, totals["coupon"], _or_false(totals["customer"]), totals["offer"]]
    if kind == "reverse":
        return counts
    return [*counts, change["day"], orjson.dumps(said["discount"]).decode()]


def _offer_rest(said: dict[str, Any], change: dict[str, Any]) -> list[Any]:
    offer = Offer.model_validate(said["offer"])
    codes, claim = offer.coupons.codes, said["offer"]["claim"]
    assert codes.type == "unique"
    return [
        change["number"], offer.model_dump_json(exclude={"claim"}), codes.prefix, codes.length,
        offer.offer_code, packed_claim(claim) if claim else False,
        milliseconds_of(change["created_at"]), change["created_by"],
        milliseconds_of(change["modified_at"]), change["modified_by"],
    ]  # fmt: skip


def packed_claim(claim: dict[str, Any]) -> dict[str, Any]:
    """A claim as the ledger keeps it: its end in seconds and as it was written, False for none."""
    moment = claim.get("ends_at")
    return {
        "service": claim["service"],
        "holder": claim["holder"],
        "ends_at": to_second(moment) if moment else False,
        "ends_moment": moment or False,
    }


def serial_of(said: dict[str, Any]) -> int:
    """The serial in an outcome's ``coupon_id``."""
    return int(said["coupon_id"].rpartition(":")[2])


def _or_false(value: int | None) -> int | bool:
    return False if value is None else value
