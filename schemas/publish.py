"""JSON Schema of what travels, from the same models that read it."""

from typing import Any

from schemas import outcomes, requests
from schemas.offers import Offer
from schemas.org import OrgEntity


def published() -> dict[str, Any]:
    """By name: each type of request, the outcome, the offer, the org entity."""
    return {
        "requests": requests.json_schemas(),
        "outcome": outcomes.json_schema(),
        "offer": Offer.model_json_schema(),
        "org-entity": OrgEntity.model_json_schema(),
    }
