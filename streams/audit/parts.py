"""What uploads in parts bring: codes with their places, customers, stores; and what of it waits."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple


class Codes(NamedTuple):
    """A part of an upload of codes. ``issued``: positions of those that the upload issues; the
    others are free."""

    first: int
    size: int
    issued: list[int]


class Uploaded:
    """The codes of one offer, also those that wait or were given up.

    A code's position is its coupon's serial; a free one also has an index in the stock, from
    which issuing takes them in order: those below ``taken`` are gone, those below ``stock_end``
    are in effect.
    """

    def __init__(self) -> None:
        self.codes: dict[int, str] = {}
        self.recipients: dict[int, str] = {}  # of those that their upload issues, '' for none
        self.stock: dict[int, int] = {}  # index -> position
        self.positions = self.stock_next = self.stock_end = self.taken = 0

    def free(self, in_effect: Callable[[int], Any]) -> tuple[int, int] | None:
        """Index and position of the next free code; ``in_effect`` tells it of a position."""
        for index in range(self.taken, self.stock_end):
            position = self.stock.get(index, -1)
            if in_effect(position):
                return index, position
        return None


class Waiting:
    """Parts of one upload until the last one is there."""

    def __init__(self, parts: int) -> None:
        self.parts = parts
        self.held: dict[int, Any] = {}


def add_part(
    waiting: dict[str, Waiting], kind: str, place: tuple[int, int], content: Any, complete: bool
) -> tuple[list[Any], bool]:
    """Put it (``place``: part, parts) to those it belongs to; what waited is given up where it
    belongs to none of them.

    Returns the content of all parts, and whether none is missing. Where it was decided that the
    upload is ``complete``, nothing of it waits any more.
    """
    part, parts = place
    upload = waiting.get(kind)
    if upload is None or upload.parts != parts or part in upload.held:
        upload = waiting[kind] = Waiting(parts)
    upload.held[part] = content
    if complete:
        del waiting[kind]
    held = [upload.held[number] for number in sorted(upload.held)]
    return held, len(held) == parts


def merged(spans: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """(first, count, ...) in a row that go on from one another, with all else the same, as one."""
    found: list[tuple[Any, ...]] = []
    for first, count, *more in sorted(spans, key=lambda span: int(span[0])):
        if found and found[-1][0] + found[-1][1] == first and list(found[-1][2:]) == more:
            found[-1] = (found[-1][0], found[-1][1] + count, *more)
        elif count:
            found.append((first, count, *more))
    return found
