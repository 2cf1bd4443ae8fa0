"""The fold's end beside Redis: each coupon, customer, offer, remembered request, and no more."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from schemas.topics import LANES
from state.keys import LANE_LETTERS
from state.records import LAYOUT, Coupon, Lists, Use, coupon_of, lists_of
from streams.audit.growing import Tables
from streams.audit.history import History
from streams.audit.model import Customer as CustomerModel
from streams.audit.model import OfferModel, Unwritten
from streams.audit.offers_compared import compare_offer, compare_registers
from streams.audit.redis_state import SINGLE, RedisState
from streams.audit.reminding import RUN
from streams.audit.uploads_compared import UploadsComparison
from streams.audit.verdict import Findings, Progress
from streams.settings import Settings

_COUPONS_A_HASH = 64
_KINDS = {"chain", "decisions", "offer", "coupons", "customers", "requests", "uploaded", "codes",
          "stock", "audience", "ends", "tallies", "rules", "counts"}  # fmt: skip
_LETTERS = {letter: lane for lane, letter in LANE_LETTERS.items()}


class Comparison:
    """Takes away from the history's offers what it finds; what is left, Redis lacks."""

    def __init__(
        self, settings: Settings, state: RedisState, history: History, findings: Findings
    ) -> None:
        self._settings, self._state, self._history = settings, state, history
        self._findings = findings
        self._names = state.names()
        self._offers = {
            offer.number: offer for offer in history.offers.values() if offer.number is not None
        }
        self._tables = Tables(state.hash("sizes"), state.hash("buckets"))
        #: By offer's number and customer: day -> redemptions that their record has to count.
        self._counted: defaultdict[tuple[int | None, str], Counter[int]] = defaultdict(Counter)
        #: By offer's number, the coupons that don't tell what their recipient redeemed.
        self._apart: defaultdict[int | None, set[int]] = defaultdict(set)

    def run(self, report: Progress) -> None:
        found = self._state.number("layout")
        if found not in (0, LAYOUT):  # 0: of an empty one
            text = f"has a ledger of the layout {found}, which can't be read here: {LAYOUT} can"
            self._wrong(f"{text}. The next worker of this version to start makes it anew")
            return
        self._check_names()
        self._offer_hashes()
        self._check_tallies()
        self._ends()
        self._coupons(report)
        self._customers(report)
        uploads = UploadsComparison(self._state, self._offers, self._tables, self._findings)
        uploads.run(self._names)
        self._requests(report)

    def _wrong(self, text: str) -> None:
        self._findings.difference(f"Redis: {text}")

    def _check_names(self) -> None:
        for kind, found in self._names.items():
            if kind not in _KINDS and not (kind in SINGLE and found == [""]):
                self._wrong(f"has {len(found)} keys {kind}, which nobody knows ({found[:3]})")
        partitions = {lane.name: set[str]() for lane in LANES}
        for place in (*self._names["chain"], *self._names["decisions"]):
            lane, _, partition = place.partition(":")
            if lane not in partitions or not partition.isdigit():
                self._wrong(f"has offsets of {place}, which is no lane's partition")

    def _offer_hashes(self) -> None:
        left = dict(self._history.offers)
        beside = self._state.strings(
            f"{kind}:{offer_id}" for kind in ("rules", "counts") for offer_id in self._names[kind]
        )
        names = [f"offer:{offer_id}" for offer_id in self._names["offer"]]
        for name, fields in self._state.hashes(names):
            offer_id = name.partition(":")[2]
            rules, counts = (beside.pop(f"{kind}:{offer_id}", b"") for kind in ("rules", "counts"))
            offer = left.pop(offer_id, None)
            if offer is None:
                self._wrong(f"has the offer {offer_id}, which nobody created")
                continue
            for text in compare_offer(offer, fields, rules, counts, self._settings.decimals):
                self._wrong(f"offer {offer.offer_id} {text}")
            self._findings.compared["offers"] += 1
        for offer_id in left:
            self._wrong(f"lacks the offer {offer_id}")
        for name in sorted(beside)[:5]:
            self._wrong(f"has {name}, of an offer that isn't there")
        for text in compare_registers(self._history.offers, self._state):
            self._wrong(text)

    def _check_tallies(self) -> None:
        due = {number: offer.tallies for number, offer in self._offers.items() if offer.tallies}
        names = {str(number) for number in due} | set(self._names["tallies"])
        for name, fields in self._state.hashes(f"tallies:{n}" for n in names):
            counts = due.get(int(name.partition(":")[2]), Counter())
            found = Counter({field.decode(): int(count) for field, count in fields.items()})
            for field in sorted(found.keys() | counts.keys()):
                if found[field] != counts[field]:
                    text = f"{name} counts {found[field]} of {field} (day, kind, result)"
                    self._wrong(f"{text}; due {counts[field]}")

    # Coupons -------------------------------------------------------------------------------------

    def _ends(self) -> None:
        """Where coupons with an end of their own lie, but for those of a range that ends so."""
        due: defaultdict[str, set[int]] = defaultdict(set)
        for number, offer in self._offers.items():
            for serial, coupon in offer.coupons.items():
                if coupon.expires is not None and not isinstance(coupon, Unwritten):
                    due[f"{number}:{coupon.expires}"].add(serial // RUN)
        names = [f"ends:{name}" for name in due.keys() | set(self._names["ends"])]
        for name, members in self._state.sets(names):
            found, there = set(map(int, members)), due.get(name.partition(":")[2], set())
            if found != there:
                text = f"{name} (offer's number, second) has the runs {sorted(found)[:5]}"
                self._wrong(f"{text} of coupons; due {sorted(there)[:5]}")

    def _coupons(self, report: Progress) -> None:
        total = sum(len(offer.coupons) for offer in self._offers.values())
        done = 0
        for name, fields in self._state.hashes(f"coupons:{n}" for n in self._names["coupons"]):
            _, number, part = name.split(":")
            offer, first = self._offers.get(int(number)), int(part) * _COUPONS_A_HASH
            if offer is None:
                self._wrong(f"has {len(fields)} coupons of an offer {number} that isn't there")
                continue
            for field, packed in fields.items():
                self._coupon(offer, first + int(field), packed)
            done += len(fields)
            report("coupons", done, total)
        self._findings.compared["coupons"] += done
        for offer in self._offers.values():
            for serial, coupon in offer.coupons.items():
                if isinstance(coupon, Unwritten) and not coupon.uses and not coupon.revoked:
                    continue
                name = f"coupon {serial} of offer {offer.offer_id}, customer {coupon.recipient}"
                self._wrong(f"lacks {name}")

    def _coupon(self, offer: OfferModel, serial: int, packed: bytes) -> None:
        found, found_uses = coupon_of(packed)
        coupon = offer.coupons.pop(serial, None) or offer.coupon(serial)
        name = f"coupon {serial} of offer {offer.offer_id}"
        if coupon is None:
            self._wrong(f"has {name}, customer {found.recipient}, which was never issued")
            return
        expires = False if coupon.expires is None else coupon.expires
        due = (coupon.recipient, coupon.starts, expires, coupon.revoked)
        is_ = found[: len(due)]
        if is_ != due:
            self._wrong(f"{name} is {is_} (recipient, starts, expires, revoked); due {due}")
        uses = coupon.uses or []
        if found_uses != uses and sorted(found_uses, key=repr) != sorted(uses, key=repr):
            text = f"{name} of customer {coupon.recipient} has the redemptions {found_uses[:5]}"
            self._wrong(f"{text}; due {uses[:5]}")
        self._note_counted(offer, serial, found, found_uses)

    def _note_counted(
        self, offer: OfferModel, serial: int, coupon: Coupon, uses: list[list[Any]]
    ) -> None:
        if coupon.apart:
            self._apart[offer.number].add(serial)
        elif offer.uploaded is not None and offer.uploaded.recipients.get(serial):
            self._tells_too_little(offer, serial)
        whole = (use for use in uses if len(use) == len(Use._fields))
        for use in map(Use._make, whole):
            is_told = use.customer_id == coupon.recipient and not coupon.apart
            if use.customer_id and use.reversed_by is False and not is_told:
                self._counted[offer.number, use.customer_id][use.day] += 1

    def _tells_too_little(self, offer: OfferModel, serial: int) -> None:
        text = f"coupon {serial} of offer {offer.offer_id} stands for all that its recipient"
        self._wrong(f"{text} redeemed, who has more than it")

    # Customers -----------------------------------------------------------------------------------

    def _customers(self, report: Progress) -> None:
        total, done = sum(len(offer.customers) for offer in self._offers.values()), 0
        buckets = self._tables.buckets("customers")
        for name, fields in self._state.hashes(f"customers:{n}" for n in self._names["customers"]):
            bucket = int(name.rpartition(":")[2])
            for key, packed in fields.items():
                number, _, customer_id = key[4:].partition(b":")
                offer = self._offers.get(int(number))
                customer = customer_id.decode(errors="replace")
                if offer is None:
                    self._wrong(
                        f"has customer {customer} of an offer {int(number)} that isn't there"
                    )
                    continue
                if buckets.of(key) != bucket:
                    text = f"customer {customer} of offer {offer.offer_id} lies in bucket {bucket}"
                    self._wrong(f"{text}, looked for in {buckets.of(key)}")
                self._customer(offer, customer, packed)
            done += len(fields)
            report("customers", done, total)
        self._findings.compared["customers"] += done
        if done != self._tables.entries("customers"):
            self._wrong(f"has {done} customers and counts {self._tables.entries('customers')}")
        for offer in self._offers.values():
            for customer in offer.customers:
                self._wrong(f"lacks customer {customer} of offer {offer.offer_id}")

    def _customer(self, offer: OfferModel, customer: str, packed: bytes) -> None:
        found, known = lists_of(packed), offer.customers.pop(customer, None)
        name = f"customer {customer} of offer {offer.offer_id}"
        if known is None:
            known = CustomerModel()
            if not found.uploaded:  # those of an upload that waits or was given up
                self._wrong(f"has {name}, who never had a coupon")
                return
        if found.issued != known.issued and _pairs(found.issued) != _pairs(known.issued):
            self._wrong(f"{name} was issued {found.issued[:8]} (serial, day, ...); due "
                        f"{known.issued[:8]}")  # fmt: skip
        self._redeemed(offer, customer, found)
        if (found.taken or known.taken) and sorted(found.taken) != sorted(known.taken or ()):
            self._wrong(f"{name} redeemed {found.taken[:8]} without being their recipient; due "
                        f"{(known.taken or [])[:8]}")  # fmt: skip
        if found.uploaded or known.uploaded:
            self._uploaded(offer, customer, found.uploaded, known)

    def _uploaded(
        self, offer: OfferModel, customer: str, found: Sequence[int], known: CustomerModel
    ) -> None:
        """Redis may name codes of uploads besides that never took effect."""
        recipients = offer.uploaded.recipients if offer.uploaded else {}
        due = set((known.uploaded or [])[::2])
        name = f"customer {customer} of offer {offer.offer_id}"
        if lacks := due - set(found):
            self._wrong(f"{name} lacks the uploaded coupons {sorted(lacks)[:8]}")
        for serial in set(found) - due:
            if recipients.get(serial) != customer or offer.span(serial):
                self._wrong(f"{name} has the uploaded coupon {serial}, which isn't theirs")

    def _redeemed(self, offer: OfferModel, customer: str, found: Lists) -> None:
        """The redemptions of each coupon were compared: a record counts those that none tells."""
        due = self._counted.get((offer.number, customer), Counter())
        days = found.redeemed
        if len(found.issued) > 2 or found.uploaded or found.taken or days:
            for serial in set(found.issued[::2]) - self._apart[offer.number]:
                self._tells_too_little(offer, serial)
        if dict(_pairs(days)) != due or len(days) != 2 * len(due):
            text = f"customer {customer} of offer {offer.offer_id} redeemed {days[:8]}"
            self._wrong(f"{text} (day, count, ...); due {list(due.items())[:4]}")

    # Remembered requests -------------------------------------------------------------------------

    def _requests(self, report: Progress) -> None:
        """Those of the present and the last generation; older ones may be forgotten."""
        remembered, memory_ms = self._history.remembered, self._memory_ms()
        oldest = self._settings.now_ms() // memory_ms - 1
        due: Counter[int] = Counter()
        for by_offer in remembered.firsts.values():
            for by_id in by_offer.values():
                for first in by_id.values():
                    due[remembered.decided_ms(first) // memory_ms] += 1
        total, done, found = sum(n for g, n in due.items() if g >= oldest), 0, Counter[int]()
        for kept in self._names["requests"]:
            name = f"requests:{kept}"
            found[int(kept)] = self._state.size(name)
            for fields in self._state.scanned(name):
                for key, packed in fields.items():
                    self._request(int(kept), key, packed)
                done += len(fields)
                report("remembered requests", done, total)
        self._findings.compared["remembered requests"] += found.total()
        for generation in sorted(due.keys() | found.keys()):
            if generation >= oldest and due[generation] != found[generation]:
                text = f"remembers {found[generation]} requests of the days from "
                days = generation * self._settings.request_memory_days
                self._wrong(f"{text}day {days} of 1970 on; due {due[generation]}")

    def _memory_ms(self) -> int:
        return self._settings.request_memory_days * 86_400_000

    def _request(self, generation: int, key: bytes, packed: bytes) -> None:
        lane, (offer, _, request_id) = _LETTERS[key[:1]], key[1:].partition(b"\0")
        known = self._offers.get(int(offer)) if lane != "offers" else None
        offer_id = offer.decode() if lane == "offers" else known.offer_id if known else ""
        remembered = self._history.remembered
        first = remembered.firsts.get(lane, {}).get(offer_id, {}).get(request_id.decode())
        if first is None:
            text = f"remembers the {lane} request {request_id.decode()} of offer {offer_id}"
            self._wrong(f"{text}, which has no outcome")
        elif first.fingerprint != packed[:8]:
            decided = remembered.decided_ms(first) // self._memory_ms()
            if decided == generation:
                text = f"remembers other content of the {lane} request {request_id.decode()}"
                self._wrong(f"{text} of offer {offer_id} than it was decided with")


def _pairs(flat: list[int]) -> list[tuple[int, int]]:
    return sorted(zip(flat[::2], flat[1::2], strict=False))
