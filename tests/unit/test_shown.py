"""`offers show`: an offer as it is set, without what sets nothing."""

from typing import Any

import orjson
import pytest
import yaml

from schemas.offers import Offer
from streams.cli.shown import offer_in_words
from tests.unit.written_offers import OFFER

_CODES = OFFER["coupons"]["codes"]


def definition(**sections: Any) -> dict[str, Any]:
    """What is shown of an offer as it is stored."""
    offer = Offer.model_validate(OFFER | sections)
    counts = {"version": 1, "issued": 0, "redeemed": 0, "redemption_rate": None}
    moments = {"last_issued_at": None, "last_redeemed_at": None}
    one = {"offer_id": offer.offer_id, "name": offer.name, **counts, **moments}
    stored = orjson.loads(offer.model_dump_json(exclude={"claim"}))
    words = offer_in_words(one | {"code_space": None, "offer": stored, "history": []})
    shown: dict[str, Any] = yaml.safe_load(words.split("\n\n")[1])
    return shown


@pytest.mark.parametrize(
    "sections",
    [
        {"coupons": {"codes": _CODES, "expiry": {"type": "days_after_issue", "days": 0}}},
        {"redeem": {"start": {"type": "days_after_issue", "days": 0}}},
        {"issue": {"min_gap_days": 0}},
        {"poc_reminders": [{"days_before": 0, "pocs": ["poc@example.com"]}]},
        {"reminders": [
            {"days_before": 0, "at": "11:00", "channel": "sms", "content": "{code} ends today"}
        ]},
    ],
)  # fmt: skip
def test_a_zero_is_shown(sections: dict[str, Any]) -> None:
    shown = definition(**sections)
    for section, content in sections.items():
        if isinstance(content, dict):
            assert content.items() <= shown[section].items()
        else:
            assert shown[section] == content


def test_what_sets_nothing_is_not_shown() -> None:
    shown = definition(products={"on_sale_items": False, "categories": []}, tags=[])
    assert not {"products", "tags", "budget", "campaign_id"} & set(shown)
    assert "max_total" not in shown["issue"]
