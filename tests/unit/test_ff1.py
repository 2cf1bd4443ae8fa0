"""FF1 against NIST's sample vectors, and against the standard's text written out in plain numbers.

The vectors are samples 1 to 9 of NIST's FF1samples.pdf (csrc.nist.gov, Examples with Intermediate
Values), as carried by capitalone/fpe in ff1/ff1_test.go.
"""

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from hypothesis import given, settings
from hypothesis import strategies as st

from state.ff1 import FF1, MIN_DOMAIN, Halves, longest

KEY = "2B7E151628AED2A6ABF7158809CF4F3CEF4359D8D580AA4F7F036D6F04FC6A94"
KEY_128, KEY_192, KEY_256 = KEY[:32], KEY[:48], KEY
TWEAK_10 = "39383736353433323130"
TWEAK_11 = "3737373770717273373737"
DIGITS = "0123456789"
LETTERS = "0123456789abcdefghi"

NIST_SAMPLES = [
    (KEY_128, 10, "", DIGITS, "2433477484"),
    (KEY_128, 10, TWEAK_10, DIGITS, "6124200773"),
    (KEY_128, 36, TWEAK_11, LETTERS, "a9tv40mll9kdu509eum"),
    (KEY_192, 10, "", DIGITS, "2830668132"),
    (KEY_192, 10, TWEAK_10, DIGITS, "2496655549"),
    (KEY_192, 36, TWEAK_11, LETTERS, "xbj3kv35jrawxv32ysr"),
    (KEY_256, 10, "", DIGITS, "6657667009"),
    (KEY_256, 10, TWEAK_10, DIGITS, "1001623463"),
    (KEY_256, 36, TWEAK_11, LETTERS, "xs8a0azh2avyalyzuwd"),
]


def numerals(text: str) -> list[int]:
    return [int(character, 36) for character in text]


@pytest.mark.parametrize(
    ("key", "radix", "tweak", "plain", "encrypted"),
    NIST_SAMPLES,
    ids=[f"sample {number}" for number in range(1, 10)],
)
def test_nist_samples_hold_in_both_directions(
    key: str, radix: int, tweak: str, plain: str, encrypted: str
) -> None:
    ff1 = FF1(bytes.fromhex(key), radix)
    assert ff1.encrypt(numerals(plain), bytes.fromhex(tweak)).tolist() == numerals(encrypted)
    assert ff1.decrypt(numerals(encrypted), bytes.fromhex(tweak)).tolist() == numerals(plain)


def test_rows_are_encrypted_each_for_itself() -> None:
    ff1 = FF1(bytes.fromhex(KEY_128), 10)
    rows = [numerals(DIGITS), numerals("9876543210"), numerals(DIGITS)]
    encrypted = ff1.encrypt(rows, b"")
    assert encrypted.shape == (3, 10)
    assert encrypted[0].tolist() == encrypted[2].tolist() == numerals("2433477484")
    assert encrypted[1].tolist() == ff1.encrypt(rows[1], b"").tolist()
    assert ff1.decrypt(encrypted, b"").tolist() == rows


def plain_ff1(key: bytes, radix: int, tweak: bytes, text: list[int]) -> list[int]:
    """Algorithm 7 step by step with Python's unlimited numbers, as slow as it is short."""

    def number(digits: list[int]) -> int:
        return sum(digit * radix**place for place, digit in enumerate(reversed(digits)))

    def string(value: int, width: int) -> list[int]:
        return [value // radix**place % radix for place in reversed(range(width))]

    def ciph(block: bytes) -> bytes:
        return Cipher(AES(key), modes.ECB()).encryptor().update(block)

    def mac(message: bytes) -> bytes:
        state = bytes(16)
        for at in range(0, len(message), 16):
            block = message[at : at + 16]
            state = ciph(bytes(x ^ y for x, y in zip(state, block, strict=True)))
        return state

    n, t = len(text), len(tweak)
    u = n // 2
    v = n - u
    a, b_half = text[:u], text[u:]
    b = -(-(radix**v - 1).bit_length() // 8)
    d = 4 * -(-b // 4) + 4
    p = bytes([1, 2, 1]) + radix.to_bytes(3) + bytes([10, u % 256]) + n.to_bytes(4) + t.to_bytes(4)
    for i in range(10):
        q = tweak + bytes((-t - b - 1) % 16) + bytes([i]) + number(b_half).to_bytes(b)
        y = int.from_bytes(mac(p + q)[:d])
        m = v if i % 2 else u
        a, b_half = b_half, string((number(a) + y) % radix**m, m)
    return a + b_half


@st.composite
def strings(draw: st.DrawFn) -> tuple[int, list[int]]:
    """A radix and numerals of it, of every length the implementation takes."""
    radix = draw(st.sampled_from([2, 3, 10, 16, 31, 32, 36, 100, 256, 1000, 65535, 65536]))
    shortest = next(length for length in range(2, 65) if radix**length >= MIN_DOMAIN)
    length = draw(st.integers(shortest, longest(radix)))
    edges = st.sampled_from([0, radix - 1])
    digit = st.one_of(edges, st.integers(0, radix - 1))
    return radix, draw(st.lists(digit, min_size=length, max_size=length))


@settings(deadline=None)
@given(strings(), st.sampled_from([16, 24, 32]), st.binary(max_size=40))
def test_agrees_with_the_standard_written_out(
    string: tuple[int, list[int]], key_bytes: int, tweak: bytes
) -> None:
    radix, text = string
    key = bytes.fromhex(KEY)[:key_bytes]
    encrypted = FF1(key, radix).encrypt(text, tweak)
    assert encrypted.tolist() == plain_ff1(key, radix, tweak, text)
    assert FF1(key, radix).decrypt(encrypted, tweak).tolist() == text


@given(strings())
def test_halves_come_apart_and_together(string: tuple[int, list[int]]) -> None:
    radix, text = string
    halves = Halves(radix, len(text))
    left, right = halves.cut(np.array([text, text[::-1]]))
    assert int(left[0]) < halves.left_count
    assert int(right[0]) < halves.right_count
    assert halves.join(left, right).tolist() == [text, text[::-1]]


@pytest.mark.parametrize(
    ("radix", "most"), [(2, 126), (10, 36), (32, 24), (36, 24), (256, 14), (1000, 12), (65536, 6)]
)
def test_the_longest_strings_are_as_documented(radix: int, most: int) -> None:
    assert longest(radix) == most
    assert radix ** (most // 2) <= 2**63
    Halves(radix, most)
    with pytest.raises(ValueError, match=f"1 to {most}"):
        Halves(radix, most + 1)


@pytest.mark.parametrize(
    ("radix", "text", "says"),
    [
        (10, [1, 2, 3, 4, 5], "at least 1000000"),
        (10, [0] * 37, "can be encrypted"),
        (36, [0] * 25, "can be encrypted"),
        (10, [1, 2, 3, 4, 5, 10], "between 0 and 9"),
        (10, [1, 2, 3, 4, 5, -1], "between 0 and 9"),
        (10, [0.5] * 10, "whole numbers"),
        (10, [], "whole numbers"),
        (1, [0] * 10, "radix 1"),
        (65537, [0] * 10, "radix 65537"),
    ],
)
def test_what_it_cannot_encrypt_it_says(radix: int, text: list[int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        FF1(bytes(16), radix).encrypt(text, b"")
