"""Codes: one for each serial, a serial for each code, and nothing of another offer or secret."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import state.codes
from schemas.codes import normalise
from state.codes import Codes, Series

DIGITS = "0123456789"
ALPHANUMERIC = DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NO_LOOKALIKES = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

CODES = Codes("a secret of the tests")
SAVE = Series.of("offer-1", "SAVE", DIGITS, 12)
SMALL = Series.of("offer-2", "TRY", DIGITS, 7)

# The first draw of any text on a machine takes a second or two, a table of 100,000 codes 10 ms.
patient = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


@st.composite
def series(draw: st.DrawFn) -> Series:
    """Any series: small ones, and ones whose serials go beyond 64 bits."""
    lead = draw(st.text(ALPHANUMERIC, max_size=8))
    charset = draw(st.sampled_from([DIGITS, ALPHANUMERIC, NO_LOOKALIKES]))
    generated = draw(st.integers(1, 24))
    offer_id = f"offer-{draw(st.integers(0, 1000))}"
    return Series.of(offer_id, lead, charset, len(lead) + generated)


@st.composite
def coupons(draw: st.DrawFn) -> tuple[Series, int]:
    one = draw(series())
    edges = st.sampled_from([0, one.space - 1])
    return one, draw(st.one_of(edges, st.integers(0, one.space - 1)))


@patient
@given(st.lists(coupons(), max_size=20))
def test_every_code_gives_its_serial_again(items: list[tuple[Series, int]]) -> None:
    codes = CODES.encode(items)
    for (one, _), code in zip(items, codes, strict=True):
        assert len(code) == one.length
        assert code.startswith(one.lead)
        assert set(code[len(one.lead) :]) <= set(one.charset)
        assert normalise(code) == code
    read = [(one, code) for (one, _), code in zip(items, codes, strict=True)]
    assert CODES.decode(read) == [serial for _, serial in items]


@patient
@given(st.lists(coupons(), min_size=1, max_size=20))
def test_company_in_a_batch_changes_no_code(items: list[tuple[Series, int]]) -> None:
    assert CODES.encode(items) == [CODES.encode([item])[0] for item in items]


@pytest.mark.parametrize("generated", [1, 2, 4])
def test_a_small_space_is_used_up_without_a_double(generated: int) -> None:
    one = Series.of("offer-3", "A", DIGITS, 1 + generated)
    assert one.small
    assert one.space == 10**generated
    codes = CODES.encode([(one, serial) for serial in range(one.space)])
    assert sorted(codes) == [f"A{number:0{generated}}" for number in range(one.space)]
    assert CODES.decode([(one, code) for code in codes]) == list(range(one.space))


def test_a_space_of_a_million_is_used_up_without_a_double() -> None:
    one = Series.of("offer-4", "M", DIGITS, 7)
    assert not one.small
    codes = CODES.span(one, 0, one.space)
    assert len(np.unique(codes)) == one.space == 1_000_000


def test_a_small_space_is_shuffled_and_not_just_counted() -> None:
    serials = np.char.lstrip(CODES.span(SMALL, 0, SMALL.space), b"TRY").astype(np.int64)
    assert np.count_nonzero(serials == np.arange(SMALL.space)) < 10  # one expected
    assert abs(np.corrcoef(serials, np.arange(SMALL.space))[0, 1]) < 0.05  # 0.01 expected


def test_codes_once_issued_stay_what_they_are() -> None:
    """These are in customers' hands: a change that makes others of them mustn't be released."""
    issued = {
        (SAVE, 0): "SAVE10220968",
        (SAVE, 99_999_999): "SAVE95778423",
        (Series.of("offer-5", "GO", ALPHANUMERIC, 12), 7): "GOM2XVJLPOU4",
        (Series.of("offer-6", "GO", ALPHANUMERIC, 26), 36**24 - 1): "GO71V139JCDDC0WJ1NHSSRN3JC",
        (SMALL, 0): "TRY8918",
        (SMALL, 9_999): "TRY5075",
    }
    assert CODES.encode(list(issued)) == list(issued.values())


def test_offers_of_one_shape_have_codes_of_their_own() -> None:
    mine = CODES.span(SAVE, 0, 1000)
    other = CODES.span(Series.of("offer-7", "SAVE", DIGITS, 12), 0, 1000)
    assert np.count_nonzero(mine == other) == 0
    small, other_small = (CODES.span(Series.of(o, "", DIGITS, 4), 0, 10_000) for o in "ab")
    assert np.count_nonzero(small == other_small) < 10  # one expected


@pytest.mark.parametrize("one", [SAVE, SMALL])
def test_another_secret_makes_other_codes(one: Series) -> None:
    items = [(one, serial) for serial in range(1000)]
    others = Codes("another secret").encode(items)
    same = [a for a, b in zip(CODES.encode(items), others, strict=True) if a == b]
    assert len(same) < 10
    assert Codes(b"another secret").encode(items) == others


@pytest.mark.parametrize(
    "code",
    [
        "",
        "SAVE",
        "SAVE1234567",  # short
        "SAVE123456789",  # long
        "SAVX12345678",  # another lead
        "SAVE1234567A",  # another charset
        "save12345678",  # not normalised
        "SAVE1234567\N{ARABIC-INDIC DIGIT ONE}",
        "SAVE1234567\ud800",
        "SAVE1234567\0",
    ],
)
def test_what_is_no_code_of_the_series_has_no_serial(code: str) -> None:
    right = "SAVE12345678"
    before, none, after = CODES.decode([(SAVE, right), (SAVE, code), (SAVE, right)])
    assert none is None
    assert before is not None
    assert before == after
    assert CODES.decode([(SAVE, code)]) == [None]


def test_a_small_series_reads_no_other_codes_either() -> None:
    assert CODES.decode([(SMALL, "TRY123A"), (SMALL, "TRX1234"), (SMALL, "TRY12345")]) == [None] * 3


@patient
@given(series(), st.text(max_size=32))
def test_any_text_is_read_or_refused(one: Series, text: str) -> None:
    for code in (text, one.lead + text):
        (serial,) = CODES.decode([(one, code)])
        if serial is not None:
            assert CODES.encode([(one, serial)]) == [code]


@pytest.mark.parametrize("one", [SAVE, SMALL, Series.of("offer-6", "", ALPHANUMERIC, 24)])
def test_a_serial_outside_the_space_is_an_error(one: Series) -> None:
    for serial in (-1, one.space, 2**200):
        with pytest.raises(ValueError, match=f"serial {serial} .* from 0 to {one.space - 1}"):
            CODES.encode([(one, 0), (one, serial)])
    for first, count in ((-1, 1), (0, -1), (one.space, 1), (one.space - 1, 2)):
        with pytest.raises(ValueError, match="serial"):
            CODES.span(one, first, count)


@patient
@given(coupons(), st.integers(0, 40))
def test_a_span_has_the_codes_of_its_serials(coupon: tuple[Series, int], count: int) -> None:
    one, first = coupon
    count = min(count, one.space - first)
    codes = CODES.span(one, first, count)
    assert codes.dtype == np.dtype(f"S{one.length}")
    assert codes.shape == (count,)
    expected = CODES.encode([(one, serial) for serial in range(first, first + count)])
    assert [code.decode() for code in codes.tolist()] == expected


def test_a_span_over_several_pieces_has_them_in_order() -> None:
    codes = CODES.span(SAVE, 5, 20_000)
    for place in (0, 8_191, 8_192, 16_383, 16_384, 19_999):
        assert [codes[place].decode()] == CODES.encode([(SAVE, 5 + place)])


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("SAVE12345678", "SAVE12345678"),
        ("save1234abcd", "SAVE1234ABCD"),
        (" save-1234 5678\r\n", "SAVE12345678"),
        ("SAVE\u00a01234\u20035678\u3000", "SAVE12345678"),  # no-break, em and ideographic space
        ("SAVE\u20101234\u20115678\u00ad", "SAVE12345678"),  # hyphen, non-breaking, soft
        ("stra\u00dfe", "STRA\u00dfE"),  # upper() would make SS of it
        ("\u0131\u017f\ufb01", "\u0131\u017f\ufb01"),  # upper() would make I, S and FI of them
        ("\uff53\uff41", "\uff53\uff41"),  # wide letters stay
        ("10\u2013off", "10\u2013OFF"),  # a dash is no hyphen
        ("", ""),
        (" - ", ""),
    ],
)
def test_codes_are_compared_without_case_spaces_and_hyphens(written: str, compared: str) -> None:
    assert normalise(written) == compared
    assert normalise(compared) == compared


@patient
@given(st.text())
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"lead": "save"}, "lead 'save'"),
        ({"lead": "SAVE\n"}, "lead"),
        ({"lead": "SAVE56789012"}, "leaves no character"),
        ({"charset": "0123a"}, "charset"),
        ({"charset": "01230"}, "charset"),
        ({"charset": "0"}, "fewer than two"),
        ({"charset": ALPHANUMERIC, "length": 29}, "at most 24"),
        ({"length": 41}, "at most 36"),
        ({"tweak": b"short"}, "5 bytes"),
    ],
)
def test_a_series_no_codes_can_be_made_of_says_why(changed: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(SAVE, **changed)  # type: ignore[arg-type]


def test_an_empty_secret_is_refused() -> None:
    for secret in ("", b""):
        with pytest.raises(ValueError, match="secret"):
            Codes(secret)


def test_what_is_kept_of_series_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    # given room for three series, and for tables of two small ones
    monkeypatch.setattr(state.codes, "_KNOWN_SERIES", 3)
    monkeypatch.setattr(state.codes, "_SHUFFLES_BYTES", 2 * 40_000)
    codes = Codes("a secret of the tests")
    items = [
        (Series.of(f"offer-{number}", f"L{number}", DIGITS, 6 + number % 2 * 4), number)
        for number in range(10)
    ]
    # when more are asked for, forwards and backwards
    made = codes.encode(items)
    # then all codes are right, and the room was kept
    assert made == CODES.encode(items)
    assert [codes.encode([item])[0] for item in reversed(items)] == made[::-1]
    assert len(codes._known) <= 3
    assert len(codes._shuffles._kept) == 2


def test_threads_may_share_the_codes() -> None:
    codes = Codes("a secret of the tests")
    items = [(Series.of(f"offer-{n}", "L", DIGITS, 5 + n % 9), n % 7) for n in range(300)]
    expected = CODES.encode(items)
    with ThreadPoolExecutor(8) as pool:
        assert all(made == expected for made in pool.map(codes.encode, [items] * 40))
