"""Exports: an offer's next codes. The ledger gives a run of serials; here are their codes."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from state.catalogue import offer_in, series_of
from state.codes import Codes, Series

_BLOCK = 500_000


def series_in(fields: dict[bytes, bytes]) -> Series:
    """What the codes of the offer in this hash (as in Redis) have in common."""
    return series_of(offer_in(fields), fields[b"lead"].decode())


def blocks(codes: Codes, series: Series, first: int, count: int) -> Iterator[NDArray[np.bytes_]]:
    """The codes of serials first to first + count - 1, some hundred thousand at once."""
    for at in range(first, first + count, _BLOCK):
        yield codes.span(series, at, min(_BLOCK, first + count - at))
