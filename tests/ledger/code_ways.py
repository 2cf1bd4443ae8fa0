"""Ways of codes, as an offer says them."""

from typing import Any

from tests.ledger.desk import Desk

UPLOADED: dict[str, Any] = {"coupons": {"codes": {"type": "uploaded"}}}
COMMON: dict[str, Any] = {"coupons": {"codes": {"type": "common", "code": "Festive-50"}}}
EXPORTED: dict[str, Any] = {
    "coupons": {
        "delivery": "third_party",
        "codes": {"type": "unique", "charset": "alphanumeric", "length": 10},
    }
}


def code_at(desk: Desk, serial: int, offer_id: str = "o") -> str:
    desk.refresh()
    compiled = desk.catalogue.get(offer_id)
    assert compiled is not None
    return desk.catalogue.code_of(compiled, serial)
