"""Coupon codes: computed from a secret, the offer and the coupon's serial, never stored.

The generated part of a code is its serial, encrypted by FF1 (`state.ff1`) with the offer as tweak:
one to one, so unique without a look-up, and not to be guessed from other codes. FF1 wants a
million possible strings; fewer are shuffled under the same secret instead, one to one as well.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import NamedTuple, Self

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from state.ff1 import FF1, Half, Halves, constant, longest

_TWEAK_BYTES = 8
_INFO = b"redeemonce codes"
_KNOWN_SERIES = 65_536  # some 300 bytes each
_SHUFFLES_BYTES = 2**27  # 40 kB a series for four characters of 0-9, 800 kB for five
_SPAN_ROWS = 8_192  # so that what a round touches stays in the processor's cache

_UPPER = re.compile("[0-9A-Z]*")


@dataclass(frozen=True)
class Series:
    """What the codes of one offer have in common. ValueError if no codes can be made of it.

    The part after the lead is generated: up to 36 digits, or 24 of 36 letters and digits.
    """

    lead: str  #: how each code begins: A-Z and 0-9, may be empty
    charset: str  #: what the rest is made of: at least two different ones of A-Z and 0-9
    length: int  #: characters of a whole code, the lead's included
    tweak: bytes  #: 8 bytes that are the offer's own

    def __post_init__(self) -> None:
        if not _UPPER.fullmatch(self.lead):
            raise ValueError(f"lead {self.lead!r} has other characters than A-Z and 0-9")
        if not _UPPER.fullmatch(self.charset) or len(set(self.charset)) < len(self.charset):
            raise ValueError(
                f"charset {self.charset!r} isn't made of different ones of A-Z and 0-9"
            )
        if self.length <= len(self.lead):
            raise ValueError(f"length {self.length} leaves no character after lead {self.lead!r}")
        if len(self.charset) < 2:
            raise ValueError(f"charset {self.charset!r} has fewer than two characters")
        most = longest(len(self.charset))
        if self.generated > most:
            raise ValueError(
                f"length {self.length} leaves {self.generated} characters after lead "
                f"{self.lead!r}: at most {most} can be generated, so make the code shorter or "
                f"the lead longer"
            )
        if len(self.tweak) != _TWEAK_BYTES:
            raise ValueError(f"the tweak has {len(self.tweak)} bytes, not {_TWEAK_BYTES}")

    @classmethod
    def of(cls, offer_id: str, lead: str, charset: str, length: int) -> Self:
        """The series of an offer. The tweak is the first 8 bytes of the id's SHA-256."""
        tweak = hashlib.sha256(offer_id.encode()).digest()[:_TWEAK_BYTES]
        return cls(lead, charset, length, tweak)

    @property
    def generated(self) -> int:
        """Characters of a code after its lead."""
        return self.length - len(self.lead)

    @property
    def space(self) -> int:
        """How many codes there are; serials are below it."""
        return _tails(self.charset, self.generated).count

    @property
    def small(self) -> bool:
        """Whether there are too few codes for FF1 (under a million): guessing one is easy then."""
        return _tails(self.charset, self.generated).small


class Codes:
    """Serials to codes and back, under one secret. Made once and handed on; threads may share it.

    ValueError for an empty secret. Another secret makes other codes: one that has issued any
    must be kept.
    """

    def __init__(self, secret: str | bytes) -> None:
        material = secret.encode() if isinstance(secret, str) else secret
        if not material:
            raise ValueError("the secret of the codes is empty: set one of 32 random bytes or so")
        keys = HKDF(SHA256(), length=64, salt=None, info=_INFO).derive(material)
        self._key, shuffle_key = keys[:32], keys[32:]
        self._ff1: dict[int, FF1] = {}  # by radix
        self._known: dict[Series, _Known] = {}
        self._shuffles = _Shuffles(shuffle_key, _SHUFFLES_BYTES)

    def encode(self, items: Sequence[tuple[Series, int]]) -> list[str]:
        """The code of each (series, serial). ValueError for a serial outside its series' space."""
        codes = [""] * len(items)
        for tails, places in self._by_tails(series for series, _ in items):
            group = [items[place] for place in places]
            for series, serial in group:
                if not 0 <= serial < tails.count:
                    raise ValueError(_outside(series, serial))
            texts = tails.texts(*self._encrypted(tails, group))
            for place, (series, _), text in zip(places, group, texts, strict=True):
                codes[place] = series.lead + text
        return codes

    def decode(self, items: Sequence[tuple[Series, str]]) -> list[int | None]:
        """The serial of each (series, normalised code): None where it is no code of the series.

        That is one of another length, another lead or with characters not in the charset. Any
        other code has a serial: whether it was ever issued, the ledger knows.
        """
        serials: list[int | None] = [None] * len(items)
        for tails, places in self._by_tails(series for series, _ in items):
            likely = [
                (place, series, code[len(series.lead) :])
                for place in places
                for series, code in (items[place],)
                if len(code) == series.length and code.startswith(series.lead)
            ]
            if not likely:
                continue
            valid, left, right = tails.read([text for _, _, text in likely])
            found = self._decrypted(tails, [series for _, series, _ in likely], left, right)
            for (place, _, _), is_valid, serial in zip(likely, valid, found, strict=True):
                if is_valid:
                    serials[place] = serial
        return serials

    def span(self, series: Series, first: int, count: int) -> NDArray[np.bytes_]:
        """The codes of serials first to first + count - 1, for exports.

        Shape (count,), ASCII bytes of the series' length. ValueError if that leaves the space.
        """
        if first < 0 or count < 0 or first + count > series.space:
            raise ValueError(_outside(series, first if first < 0 else first + count - 1))
        codes = np.empty((count, series.length), np.uint8)
        lead = len(series.lead)
        codes[:, :lead] = np.frombuffer(series.lead.encode(), np.uint8)
        for at in range(0, count, _SPAN_ROWS):
            rows = min(_SPAN_ROWS, count - at)
            codes[at : at + rows, lead:] = self._tails_of_span(series, first + at, rows)
        return codes.reshape(-1).view(f"S{series.length}")

    def _encrypted(self, tails: "_Tails", group: list[tuple[Series, int]]) -> tuple[Half, Half]:
        if tails.small:
            return tails.split(
                [int(self._shuffles.of(series).place_of[serial]) for series, serial in group]
            )
        left, right = tails.split([serial for _, serial in group])
        starts = b"".join([known.start for known in self._each_known(one for one, _ in group)])
        return self._ff1_of(tails).encrypt_halves(tails.halves, left, right, starts)

    def _decrypted(
        self, tails: "_Tails", series: list[Series], left: Half, right: Half
    ) -> list[int]:
        if tails.small:
            places = tails.whole(left, right)
            return [
                int(self._shuffles.of(one).serial_at[place])
                for one, place in zip(series, places, strict=True)
            ]
        starts = b"".join([known.start for known in self._each_known(series)])
        ff1 = self._ff1_of(tails)
        return tails.whole(*ff1.decrypt_halves(tails.halves, left, right, starts))

    def _tails_of_span(self, series: Series, first: int, rows: int) -> NDArray[np.uint8]:
        """The generated characters of ``rows`` serials, of shape (rows, generated)."""
        tails, start = self._known_of(series)
        if tails.small:
            places = self._shuffles.of(series).place_of[first : first + rows]
            return tails.characters(*tails.run(0, places.astype(np.uint64)))
        left, right = tails.run(first, np.arange(rows, dtype=np.uint64))
        ff1 = self._ff1_of(tails)
        return tails.characters(*ff1.encrypt_halves(tails.halves, left, right, start))

    def _by_tails(self, every: Iterable[Series]) -> Iterable[tuple["_Tails", list[int]]]:
        """The places of the series that can be worked on at once."""
        places: dict[_Tails, list[int]] = {}
        for place, known in enumerate(self._each_known(every)):
            places.setdefault(known.tails, []).append(place)
        return places.items()

    def _each_known(self, every: Iterable[Series]) -> Iterator["_Known"]:
        """Of each series; most are the one before."""
        last: Series | None = None
        for series in every:
            if series is not last:
                last, known = series, self._known_of(series)
            yield known

    def _known_of(self, series: Series) -> "_Known":
        known = self._known.get(series)
        if known is None:
            tails = _tails(series.charset, series.generated)
            start = b""
            if not tails.small:
                start = self._ff1_of(tails).start(tails.halves, series.tweak)
            known = _Known(tails, start)
            if len(self._known) >= _KNOWN_SERIES:
                self._known.clear()
            self._known[series] = known
        return known

    def _ff1_of(self, tails: "_Tails") -> FF1:
        radix = tails.halves.radix
        if radix not in self._ff1:
            self._ff1[radix] = FF1(self._key, radix)
        return self._ff1[radix]


class _Tails:
    """The strings of one charset and length: numbers, halves and characters of one another."""

    def __init__(self, charset: str, length: int) -> None:
        self.halves = Halves(len(charset), length)
        self.count = self.halves.count
        self.small = not self.halves.enough
        self._right_count = self.halves.right_count
        self._charset = np.frombuffer(charset.encode(), np.uint8)
        self._numerals = np.full(256, len(charset), np.uint8)
        self._numerals[self._charset] = np.arange(len(charset), dtype=np.uint8)

    def split(self, numbers: Sequence[int]) -> tuple[Half, Half]:
        halves = np.array([divmod(number, self._right_count) for number in numbers], np.uint64)
        return halves[:, 0], halves[:, 1]

    def run(self, first: int, further: Half) -> tuple[Half, Half]:
        """The halves of first + each of ``further``, which must be below 2**62."""
        left, right = divmod(first, self._right_count)
        total = further + constant(right)
        carry = total // constant(self._right_count)
        return carry + constant(left), total - carry * constant(self._right_count)

    def whole(self, left: Half, right: Half) -> list[int]:
        count = self._right_count
        both = zip(left.tolist(), right.tolist(), strict=True)
        return [upper * count + lower for upper, lower in both]

    def characters(self, left: Half, right: Half) -> NDArray[np.uint8]:
        return self._charset[self.halves.join(left, right)]

    def texts(self, left: Half, right: Half) -> list[str]:
        whole = self.characters(left, right).tobytes().decode("ascii")
        width = self.halves.length
        return [whole[at : at + width] for at in range(0, len(whole), width)]

    def read(self, texts: list[str]) -> tuple[list[bool], Half, Half]:
        """Which texts are made of the charset, and the halves of all (of the others: any)."""
        raw = np.frombuffer("".join(texts).encode("ascii", "replace"), np.uint8)
        numerals = self._numerals[raw].reshape(len(texts), -1)
        bad = numerals == self.halves.radix
        numerals[bad] = 0
        return (~bad.any(axis=1)).tolist(), *self.halves.cut(numerals)


@lru_cache(maxsize=256)
def _tails(charset: str, length: int) -> _Tails:
    return _Tails(charset, length)


class _Known(NamedTuple):
    tails: _Tails
    start: bytes  # of FF1's rounds


class _Shuffle(NamedTuple):
    place_of: NDArray[np.unsignedinteger]  # by serial
    serial_at: NDArray[np.unsignedinteger]  # by place


class _Shuffles:
    """One-to-one tables for spaces too small for FF1: the serials in the order of AES of each.

    The tables last used are kept, up to a number of bytes.
    """

    def __init__(self, key: bytes, max_bytes: int) -> None:
        self._cipher = Cipher(AES(key), modes.ECB())
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: dict[Series, _Shuffle] = {}  # the longest unused first
        self._lock = Lock()

    def of(self, series: Series) -> _Shuffle:
        with self._lock:
            shuffle = self._kept.pop(series, None)
            if shuffle is None:
                shuffle = self._made(series)
                self._bytes += _bytes_of(shuffle)
            self._kept[series] = shuffle
            while self._bytes > self._max_bytes and len(self._kept) > 1:
                self._bytes -= _bytes_of(self._kept.pop(next(iter(self._kept))))
            return shuffle

    def _made(self, series: Series) -> _Shuffle:
        serials = np.arange(series.space, dtype=np.uint64)
        blocks = np.empty((series.space, 2), np.dtype(">u8"))
        blocks[:, 0] = int.from_bytes(series.tweak, "big")
        # The charset's size, the length and the serial, in 16, 16 and 32 bits.
        blocks[:, 1] = serials + np.uint64(len(series.charset) << 48 | series.generated << 32)
        stream = self._cipher.encryptor().update(blocks.reshape(-1).view(np.uint8).data)
        # Equal values stay in the order of serials, so that every NumPy gives the same result.
        order = np.argsort(np.frombuffer(stream, np.dtype(">u8"))[0::2], kind="stable")
        serial_at = order.astype(np.min_scalar_type(series.space - 1))
        place_of = np.empty_like(serial_at)
        place_of[order] = serials
        return _Shuffle(place_of, serial_at)


def _bytes_of(shuffle: _Shuffle) -> int:
    return shuffle.place_of.nbytes + shuffle.serial_at.nbytes


def _outside(series: Series, serial: int) -> str:
    return (
        f"serial {serial} has no code with lead {series.lead!r} and length {series.length}: "
        f"serials go from 0 to {series.space - 1}"
    )
