"""Uploaded codes, the stock of free ones, and audiences: Redis beside what the outcomes say."""

from collections.abc import Mapping

from state.records import counts_of
from streams.audit.growing import Tables
from streams.audit.model import OfferModel
from streams.audit.parts import Uploaded
from streams.audit.redis_state import RedisState, unpacked
from streams.audit.verdict import Findings

_A_HASH = 64
_KEY_HASH_BYTES = 4


class UploadsComparison:
    """``offers`` by number. What an upload left that was given up may lie there or not."""

    def __init__(
        self,
        state: RedisState,
        offers: Mapping[int, OfferModel],
        tables: Tables,
        findings: Findings,
    ) -> None:
        self._state, self._offers, self._tables = state, offers, tables
        self._findings = findings

    def run(self, names: Mapping[str, list[str]]) -> None:
        self._table([f"uploaded:{rest}" for rest in names.get("uploaded", ())])
        self._codes([f"codes:{rest}" for rest in names.get("codes", ())])
        self._stock([f"stock:{rest}" for rest in names.get("stock", ())])
        self._audiences([f"audience:{rest}" for rest in names.get("audience", ())])

    def _wrong(self, text: str) -> None:
        self._findings.difference(f"Redis: {text}")

    def _uploaded_of(self, number: int | str) -> tuple[str, Uploaded]:
        """An offer's name and uploads; none at all where it has none."""
        offer = self._offers.get(int(number))
        if offer is None:
            return f"number {number}", Uploaded()
        return offer.offer_id, offer.uploaded or Uploaded()

    def _table(self, names: list[str]) -> None:
        """Each code leads to its newest position."""
        found = 0
        size = self._tables.entries("uploaded")
        buckets, left = self._tables.buckets("uploaded"), self._codes_in_use()
        for name, fields in self._state.hashes(names):
            bucket = int(name.rpartition(":")[2])
            for key, packed in fields.items():
                code, (number, position) = key[_KEY_HASH_BYTES:].decode(), unpacked(packed)
                offer = self._offers.get(int(number))
                due = offer.serials.get(code) if offer and offer.uploaded else None
                if due != position:
                    text = f"has the code {code} at {position} of offer number {number}"
                    self._wrong(f"{text}; due {due}")
                if buckets.of(key) != bucket:
                    text = f"the code {code} lies in bucket {bucket}"
                    self._wrong(f"{text}, looked for in {buckets.of(key)}")
                left.discard((int(number), code))
            found += len(fields)
        if found != size:
            self._wrong(f"has {found} uploaded codes and counts {size}")
        for number, code in sorted(left):
            self._wrong(f"lacks the code {code} of offer {self._uploaded_of(number)[0]}")
        if found:
            self._findings.compared["uploaded codes"] += found

    def _codes_in_use(self) -> set[tuple[int, str]]:
        return {
            (number, code)
            for number, offer in self._offers.items()
            if offer.uploaded is not None
            for code in offer.serials
        }

    def _codes(self, names: list[str]) -> None:
        """By position: the code, and whom it came with."""
        seen: dict[int, int] = {}
        for name, fields in self._state.hashes(names):
            _, number, part = name.split(":")
            offer_id, uploaded = self._uploaded_of(number)
            for field, packed in fields.items():
                position = int(part) * _A_HASH + int(field)
                code, customer, *_ = unpacked(packed)
                due = uploaded.codes.get(position), uploaded.recipients.get(position) or ""
                if (code, customer) != due:
                    text = f"has {(code, customer)} at position {position} of offer {offer_id}"
                    self._wrong(f"{text}; due {due}")
                seen[int(number)] = seen.get(int(number), 0) + 1
        for known, offer in self._offers.items():
            count, due_count = seen.get(known, 0), sum(span.size for span in offer.spans)
            if offer.uploaded is not None and count < due_count:
                text = f"has {count} uploaded codes of offer {offer.offer_id}"
                self._wrong(f"{text}; in effect are {due_count}")

    def _stock(self, names: list[str]) -> None:
        """By index: the position of a free code. Those that are gone may be left out."""
        left = {
            (number, index)
            for number, offer in self._offers.items()
            if offer.uploaded is not None
            for index in range(offer.uploaded.taken, offer.uploaded.stock_end)
            if offer.span(offer.uploaded.stock.get(index, -1))
        }
        for name, fields in self._state.hashes(names):
            _, number, part = name.split(":")
            offer_id, uploaded = self._uploaded_of(number)
            for field, position in fields.items():
                index = int(part) * _A_HASH + int(field)
                due = uploaded.stock.get(index)
                if due != int(position):
                    text = f"has position {int(position)} in the stock of offer {offer_id}"
                    self._wrong(f"{text}, at {index}; due {due}")
                left.discard((int(number), index))
        for known, index in sorted(left)[:5]:
            text = f"lacks number {index} of the stock of offer {self._uploaded_of(known)[0]}"
            self._wrong(text)

    def _audiences(self, names: list[str]) -> None:
        """That in effect; the next ones wait for their last parts."""
        counted = {
            known: f"counts:{each.offer_id}"
            for known, each in self._offers.items()
            if each.audience is not None
        }
        found = self._state.strings(counted.values())
        in_effect = {known: counts_of(found.get(key)).audience for known, key in counted.items()}
        missing = set(in_effect)
        for name, members in self._state.sets(names):
            number, generation = (int(part) for part in name.split(":")[1:])
            offer = self._offers.get(number)
            if offer is None:
                self._wrong(f"has the audience of an offer {number} that isn't there")
            elif in_effect.get(number) == generation:
                missing.discard(number)
                if members != offer.audience:
                    differ = sorted(members ^ (offer.audience or set()))
                    text = f"offer {offer.offer_id} has another audience: {differ[:5]} differ"
                    self._wrong(text)
            elif "set_audience" not in offer.waiting:
                text = f"has an audience {generation} of offer {offer.offer_id}"
                self._wrong(f"{text}; none waits, in effect is {in_effect.get(number)}")
        for known in missing:
            self._wrong(f"lacks the audience of offer {self._offers[known].offer_id}")
