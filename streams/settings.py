"""Settings from the environment or a `.env` file: `REDEEMONCE_` and the names below in capitals."""

import socket
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.local import running
from schemas.money import decimals_of
from schemas.times import Calendar
from schemas.topics import Lane, Topic


class SettingsError(Exception):
    """A setting is missing or wrong; the message names it and says how to mend it."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="REDEEMONCE_", env_file=".env", extra="ignore", frozen=True
    )

    kafka_bootstrap_servers: str = "localhost:9092"
    redis_url: str = "redis://localhost:6379/0"
    topic_prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,100}$")
    time_zone: str = "UTC"
    currency: str = "INR"
    code_secret: SecretStr | None = None
    request_memory_days: int = Field(default=7, ge=1, le=366)
    web_port: int = Field(default=6066, ge=1, le=65535)
    worker_id: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,200}$")
    #: Of each topic that doesn't exist yet.
    partitions: int = Field(default=4, ge=1, le=1024)

    @field_validator("redis_url")
    @classmethod
    def _redis_address(cls, url: str) -> str:
        if not url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError(f"{url!r} is not an address such as 'redis://localhost:6379/0'")
        return url

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is not an IANA time zone such as 'Asia/Kolkata'") from None
        return name

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, currency: str) -> str:
        decimals_of(currency)
        return currency

    @cached_property
    def decimals(self) -> int:
        return decimals_of(self.currency)

    @cached_property
    def calendar(self) -> Calendar:
        return Calendar(self.time_zone)

    @property
    def place(self) -> str:
        """This worker's stable name."""
        return self.worker_id or f"{socket.gethostname()}-{self.web_port}"

    def topic(self, topic: Topic) -> str:
        """The topic's name on the broker."""
        return self.topic_prefix + topic.name

    def group(self, lane: Lane) -> str:
        """The consumer group whose offsets say what of a lane is decided."""
        return f"{self.topic_prefix}redeemonce.{lane.name}"

    def transactional_id(self, lane: Lane) -> str:
        return f"{self.topic_prefix}{self.place}.{lane.name}"

    def secret(self) -> str:
        """The key of the generated codes. Raises `SettingsError` where none is set."""
        if self.code_secret is not None and self.code_secret.get_secret_value():
            return self.code_secret.get_secret_value()
        stack = running()
        ours = self.kafka_bootstrap_servers.replace("localhost", "127.0.0.1")
        if stack is not None and stack.kafka_bootstrap_servers == ours:
            return stack.code_secret
        raise SettingsError(
            "REDEEMONCE_CODE_SECRET is not set. It keys the generated codes, so it must be the "
            "same for every worker, for good: set it to a long random text "
            "(python -c 'import secrets; print(secrets.token_hex(32))')."
        )


def read_settings() -> Settings:
    """Raises `SettingsError` that names every wrong setting."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = [
            f"REDEEMONCE_{str(one['loc'][0]).upper()}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_url=False)
        ]
        raise SettingsError("; ".join(wrong)) from None
