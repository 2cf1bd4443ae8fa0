"""FF1, format-preserving encryption (NIST SP 800-38G, Algorithms 7 and 8), over many rows at once.

A numeral string is kept as its two halves, each a whole number in a uint64; a round then is one
AES call and a few NumPy operations over all rows. Single letters in comments (n, u, v, b, d, P, Q,
R, S, y) are the standard's.
"""

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from numpy.typing import ArrayLike, NDArray

#: One half of each row's numeral string, as a number.
Half: TypeAlias = NDArray[np.uint64]

#: The fewest numeral strings of one length FF1 may permute (SP 800-38G Rev. 1, section 5.1).
MIN_DOMAIN = 1_000_000
#: The most values a half may have: the sum of two then fits a uint64.
MAX_HALF = 2**63
#: The most values a quarter may have (the longer one): see `_Modulus`.
MAX_QUARTER = 2**32

_ROUNDS = 10
_BLOCK = 16  # bytes of an AES block
_BIG_ENDIAN = np.dtype(">u8")


def constant(number: int) -> Half:
    """A number below 2**64 to reckon halves with: 0-d, as NumPy takes those faster than scalars."""
    return np.array(number, np.uint64)


_32 = constant(32)


def longest(radix: int) -> int:
    """The most numerals a string of a radix may have here: 36 of radix 10, 24 of radix 36."""
    half = 1
    while radix ** (half + 1) <= MAX_HALF and radix ** (half // 2 + 1) <= MAX_QUARTER:
        half += 1
    return 2 * half


class Halves:
    """Numeral strings of one radix and length n, cut into u = n // 2 and v = n - u numerals.

    ValueError for a radix not in 2..65536, for no numerals and for more than `longest` allows.
    """

    def __init__(self, radix: int, length: int) -> None:
        if not 2 <= radix <= 2**16:
            raise ValueError(f"radix {radix} is not between 2 and 65536")
        if not 1 <= length <= longest(radix):
            raise ValueError(
                f"{length} numerals of radix {radix}: 1 to {longest(radix)} can be encrypted"
            )
        self.radix = radix
        self.length = length
        self.left_width = length // 2
        self.right_width = length - length // 2
        self.left_count: int = radix**self.left_width
        self.right_count: int = radix**self.right_width
        #: How many numeral strings there are.
        self.count: int = radix**length
        self._radix = constant(radix)
        #: Whether FF1 may be used: for fewer strings it is not safe.
        self.enough = self.count >= MIN_DOMAIN
        powers = [radix**place for place in range(self.right_width - 1, -1, -1)]
        self._powers = np.array(powers, np.uint64)

    @cached_property
    def plan(self) -> "_Plan":
        """What FF1's rounds need. ValueError for fewer strings than `MIN_DOMAIN`."""
        return _Plan(self)

    def cut(self, numerals: NDArray[np.integer]) -> tuple[Half, Half]:
        """The halves, each of shape (rows,), of numerals of shape (rows, length)."""
        exact = numerals.astype(np.uint64)
        left_powers = self._powers[self.right_width - self.left_width :]
        left: Half = exact[:, : self.left_width] @ left_powers
        right: Half = exact[:, self.left_width :] @ self._powers
        return left, right

    def join(self, left: Half, right: Half) -> NDArray[np.uint16]:
        """The numerals, of shape (rows, length), of halves of shape (rows,)."""
        rest = np.array((left, right))
        numerals = np.empty((len(left), 2, self.right_width), np.uint16)
        for place in range(self.right_width - 1, 0, -1):
            more = rest // self._radix
            numerals[:, :, place] = (rest - more * self._radix).T
            rest = more
        numerals[:, :, 0] = rest.T
        return numerals.reshape(len(left), -1)[:, self.right_width - self.left_width :]


class _Modulus:
    """Remainders of S, a number of d = 8 or 12 bytes, divided by radix**m: exact in 64 bits.

    radix**m = low * high with both at most 2**32, so S % radix**m is
    S % low + low * (S // low % high), and each step divides less than 2**64.
    """

    def __init__(self, radix: int, width: int) -> None:
        self.count = constant(radix**width)
        self._low = constant(radix ** (width - width // 2))
        self._high = constant(radix ** (width // 2))

    def of_short(self, first: Half) -> Half:
        """S % radix**m for an S of 8 bytes."""
        rest: Half = first - first // self.count * self.count
        return rest

    def of_long(self, first: Half, last: Half) -> Half:
        """S % radix**m for an S of 12 bytes: the first 8, and the last 4."""
        low, high = self._low, self._high
        upper = first // low
        rest = (first - upper * low) << _32 | last
        lower = rest // low
        quotient = (upper - upper // high * high) << _32 | lower
        answer: Half = (quotient - quotient // high * high) * low + (rest - lower * low)
        return answer


class _Round(NamedTuple):
    modulus: _Modulus
    first: Half  # the round's number i, where it stands in the last block of Q
    last: Half


class _Plan:
    """What the rounds need to know of numeral strings of one radix and length (steps 1 to 4)."""

    def __init__(self, halves: Halves) -> None:
        if not halves.enough:
            raise ValueError(
                f"{halves.length} numerals of radix {halves.radix} have {halves.count} values: "
                f"FF1 asks for at least {MIN_DOMAIN}"
            )
        bits = (halves.right_count - 1).bit_length()
        self.number_bytes = (bits + 7) // 8  # b, at most 8
        self.long = self.number_bytes > 4  # d is 12 then, and 8 else
        left = _Modulus(halves.radix, halves.left_width)
        right = _Modulus(halves.radix, halves.right_width)
        self.rounds = []
        for number in range(_ROUNDS):
            first, last = divmod(number << 8 * self.number_bytes, 2**64)
            modulus = right if number % 2 else left
            self.rounds.append(_Round(modulus, constant(first), constant(last)))


class FF1:
    """FF1 of one AES key (16, 24 or 32 bytes) and one radix (2 to 65536). Threads may share it."""

    def __init__(self, key: bytes, radix: int) -> None:
        self.radix = radix
        self._cipher = Cipher(AES(key), modes.ECB())  # the bare block function FF1 is built on

    def encrypt(self, numerals: ArrayLike, tweak: bytes) -> NDArray[np.uint16]:
        """Encrypt numerals of shape (length,) or (rows, length), all rows with one tweak.

        The answer has the same shape. ValueError for a numeral the radix doesn't have, for fewer
        than a million possible strings and for more numerals than `longest` allows.
        """
        return self._whole(self.encrypt_halves, numerals, tweak)

    def decrypt(self, numerals: ArrayLike, tweak: bytes) -> NDArray[np.uint16]:
        """Undo `encrypt`: same shapes, same errors."""
        return self._whole(self.decrypt_halves, numerals, tweak)

    def start(self, halves: Halves, tweak: bytes) -> bytes:
        """Where the rounds begin with a tweak: 16 bytes, the same for every row and round.

        It is the CBC-MAC of P and all of Q but its last block, with that block's share of the
        tweak added. What is left to a round is its number and one half (b + 1 <= 9 bytes), and so
        one call of AES. ValueError as for `encrypt`.
        """
        if halves.radix != self.radix:
            raise ValueError(f"numerals of radix {halves.radix}, not {self.radix}")
        number_bytes = halves.plan.number_bytes
        message = b"".join(
            (
                bytes((1, 2, 1)),
                self.radix.to_bytes(3),
                bytes((_ROUNDS, halves.left_width % 256)),
                halves.length.to_bytes(4),
                len(tweak).to_bytes(4),
                tweak,
                bytes((-len(tweak) - number_bytes - 1) % _BLOCK),
                bytes(1 + number_bytes),
            )
        )
        aes = self._cipher.encryptor()
        state = bytes(_BLOCK)
        for at in range(0, len(message) - _BLOCK, _BLOCK):
            state = aes.update(_xor(state, message[at : at + _BLOCK]))
        return _xor(state, message[-_BLOCK:])

    def encrypt_halves(
        self, halves: Halves, left: Half, right: Half, starts: bytes
    ) -> tuple[Half, Half]:
        """Encrypt strings given as halves of shape (rows,), into halves of shape (rows,).

        ``starts`` is one `start` for all rows, or one for each, end to end. Halves must be below
        ``left_count`` and ``right_count``: that isn't checked here.
        """
        mixed = self._mixer(halves.plan, starts, len(left))
        for step in halves.plan.rounds:
            count = step.modulus.count
            total = left + mixed(step, right)
            # What wrapped below zero is the greater of the two.
            left, right = right, np.minimum(total, total - count)
        return left, right

    def decrypt_halves(
        self, halves: Halves, left: Half, right: Half, starts: bytes
    ) -> tuple[Half, Half]:
        """Undo `encrypt_halves`."""
        mixed = self._mixer(halves.plan, starts, len(left))
        for step in reversed(halves.plan.rounds):
            count = step.modulus.count
            rest = right - mixed(step, left)
            left, right = np.minimum(rest, rest + count), left
        return left, right

    def _mixer(self, plan: _Plan, starts: bytes, rows: int) -> Callable[[_Round, Half], Half]:
        """The round function (steps 6.i to 6.v): y % radix**m of a round and half of each row."""
        encrypt = self._cipher.encryptor().update
        words = np.frombuffer(starts, _BIG_ENDIAN).astype(np.uint64)
        first, last = words[0::2], words[1::2]
        blocks = np.empty((rows, 2), _BIG_ENDIAN)
        raw = blocks.reshape(-1).view(np.uint8).data

        def mixed(step: _Round, half: Half) -> Half:
            blocks[:, 0] = first ^ step.first
            blocks[:, 1] = last ^ step.last ^ half
            stream = np.frombuffer(encrypt(raw), _BIG_ENDIAN)
            head = stream[0::2].astype(np.uint64)
            if plan.long:
                return step.modulus.of_long(head, stream[1::2].astype(np.uint64) >> _32)
            return step.modulus.of_short(head)

        return mixed

    def _whole(
        self,
        change: Callable[[Halves, Half, Half, bytes], tuple[Half, Half]],
        numerals: ArrayLike,
        tweak: bytes,
    ) -> NDArray[np.uint16]:
        given = np.asarray(numerals)
        if given.ndim not in (1, 2) or not np.issubdtype(given.dtype, np.integer):
            raise ValueError("numerals are whole numbers of shape (length,) or (rows, length)")
        if given.size and not 0 <= given.min() <= given.max() < self.radix:
            raise ValueError(f"a numeral of radix {self.radix} is between 0 and {self.radix - 1}")
        halves = Halves(self.radix, given.shape[-1])
        rows = np.atleast_2d(given)
        changed = change(halves, *halves.cut(rows), self.start(halves, tweak))
        return halves.join(*changed).reshape(given.shape)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
