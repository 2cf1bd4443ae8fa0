"""How easily a coupon's code is guessed: issued codes among all that are possible.

The line is one issued code in 10,000 possible ones. Somebody who tries a code a second, as a till
or a form on a web page lets them, finds a coupon within three hours there, on average; at one in a
million it takes eleven days, and a hundred guesses a second are seen by whoever watches.
"""

from typing import Any

import orjson

from schemas.offers import Offer
from state.catalogue import kind_of, series_of
from state.records import counts_of
from streams.summary import total_issued

#: Possible codes for each issued one, below which the offer is warned about.
LINE = 10_000


def code_space(fields: dict[bytes, bytes]) -> dict[str, Any] | None:
    """Of an offer's hash as in Redis: ``issued`` and ``possible`` codes, and ``guessable``.

    None where codes aren't generated: what uploaded ones look like isn't known.
    """
    offer = Offer.model_validate(orjson.loads(fields[b"definition"]))
    if kind_of(offer) != "generated":
        return None
    issued = total_issued(counts_of(fields.get(b"counts")))
    possible = series_of(offer, fields[b"lead"].decode()).space
    found: dict[str, Any] = {
        "issued": issued,
        "possible": possible,
        "guessable": possible < issued * LINE,
    }
    if found["guessable"]:
        found["warning"] = (
            f"{issued:,} of {possible:,} possible codes are issued: every "
            f"{possible / issued:,.0f}th guess finds a coupon. Issue from an offer with longer "
            f"codes, of at least {LINE:,} possible ones for each."
        )
    return found
