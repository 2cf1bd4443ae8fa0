"""Where tills stand: a till belongs to a store; a store has zones, a concept and a time zone."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, field_validator

from schemas.requests import Id, Text


class OrgEntity(BaseModel):
    """A record of the `org-entities` topic, keyed by ``till_id``."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    till_id: Id
    store_id: Id
    store_name: Text | None = None
    zone_ids: list[Id] = []
    concept_id: Id | None = None
    time_zone: str | None = None

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        try:
            return name and str(ZoneInfo(name))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is not an IANA time zone") from None
