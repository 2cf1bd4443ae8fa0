"""Settings from the environment or a `.env` file: `REDEEMONCE_` and the names below in capitals.

What is secret may also lie in a file each, named like the setting in small letters, where Docker
and Kubernetes put secrets.
"""

import socket
import time
from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.local import running
from schemas.money import decimals_of
from schemas.times import Calendar
from schemas.topics import Lane, Topic
from streams.encryption import redis_address, revealed, wrong_for_kafka, wrong_for_redis
from streams.operators import TOKEN_LENGTH, Operators, read_operators

#: Where files of secrets are mounted, if any.
SECRETS = Path("/run/secrets")


class SettingsError(Exception):
    """A setting is missing or wrong; the message names it and says how to mend it."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="REDEEMONCE_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    kafka_bootstrap_servers: str = "localhost:9092"
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_sasl_username: str = ""
    kafka_sasl_password: SecretStr | None = None
    kafka_ssl_ca: Path | None = None
    kafka_ssl_certificate: Path | None = None
    kafka_ssl_key: Path | None = None
    kafka_ssl_key_password: SecretStr | None = None
    redis_username: str = ""
    redis_password: SecretStr | None = None
    redis_ssl_ca: Path | None = None
    redis_ssl_certificate: Path | None = None
    redis_ssl_key: Path | None = None
    #: With everything above in it that a client of Redis needs, so never to be shown.
    redis_url: str = Field(default="redis://localhost:6379/0", repr=False, validate_default=True)
    topic_prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,100}$")
    time_zone: str = "UTC"
    currency: str = "INR"
    code_secret: SecretStr | None = None
    request_memory_days: int = Field(default=7, ge=1, le=366)
    web_port: int = Field(default=6066, ge=1, le=65535)
    #: Who may change something through the web pages says this; nobody may where it isn't set.
    operator_token: SecretStr | None = Field(default=None, min_length=TOKEN_LENGTH)
    #: People with names, roles and tokens of their own: `NAME:ROLES:TOKEN`, commas between.
    operators: SecretStr | None = None
    #: Whether looking needs no token.
    pages_open: bool = True
    #: Whether an offer, or its edit, needs another person than the one who wrote it.
    approval: bool = False
    worker_id: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,200}$")
    #: A reminder that was missed is still sent so much later; after that it isn't.
    reminder_grace_hours: int = Field(default=24, ge=0)
    #: The organisation's people who can be reminded of offers, with commas between; empty: anyone.
    pocs: str = ""
    log_format: Literal["text", "json"] = "text"
    #: Whether the log has a line for each decision, with its request's id.
    log_decisions: bool = False
    #: Added to this machine's clock: for trying what a later day brings.
    clock_offset_seconds: int = 0
    #: Of each topic that doesn't exist yet.
    partitions: int = Field(default=4, ge=1, le=1024)

    @field_validator("redis_url")
    @classmethod
    def _redis_address(cls, url: str, before: ValidationInfo) -> str:
        given = before.data
        files = {kind: given.get(f"redis_ssl_{kind}") for kind in ("ca", "certificate", "key")}
        password = revealed(given.get("redis_password"))
        return redis_address(url, given.get("redis_username", ""), password, files)

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

    @field_validator("operators")
    @classmethod
    def _known_operators(cls, listed: SecretStr | None) -> SecretStr | None:
        for _ in read_operators(revealed(listed)):
            pass
        return listed

    @model_validator(mode="after")
    def _go_together(self) -> "Settings":
        wrong = list(chain(wrong_for_kafka(self), wrong_for_redis(self), self._wrong_grace()))
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def _wrong_grace(self) -> Iterator[str]:
        """That a reminder was sent is known as long as a request id is remembered."""
        if self.reminder_grace_hours > 24 * self.request_memory_days:
            yield (
                f"REDEEMONCE_REMINDER_GRACE_HOURS: {self.reminder_grace_hours} hours are more than "
                f"the {self.request_memory_days} of REDEEMONCE_REQUEST_MEMORY_DAYS"
            )

    def who_operates(self) -> Operators:
        return Operators(revealed(self.operator_token), revealed(self.operators))

    def now_ms(self) -> int:
        """Milliseconds since 1970 by the worker's clock."""
        return time.time_ns() // 1_000_000 + self.clock_offset_seconds * 1_000

    @cached_property
    def known_pocs(self) -> tuple[str, ...]:
        return tuple(poc.strip() for poc in self.pocs.split(",") if poc.strip())

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

    def environment(self) -> dict[str, str]:
        """With which another process reads the same settings. Secrets are in it as they are."""
        return {
            f"REDEEMONCE_{name.upper()}": (
                revealed(value) if isinstance(value, SecretStr) else str(value)
            )
            for name, value in self.model_dump(exclude_none=True).items()
        }

    def secret(self) -> str:
        """The key of the generated codes. Raises `SettingsError` where none is set."""
        if secret := revealed(self.code_secret):
            return secret
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
    files: dict[str, Any] = {"_secrets_dir": SECRETS} if SECRETS.is_dir() else {}
    try:
        return Settings(**files)
    except ValidationError as error:
        wrong = [_sentence(one) for one in error.errors(include_url=False, include_input=False)]
        raise SettingsError("; ".join(wrong)) from None


def _sentence(error: ErrorDetails) -> str:
    """An error of one setting, or of several that don't go together: that names them itself."""
    place = f"REDEEMONCE_{str(error['loc'][0]).upper()}: " if error["loc"] else ""
    return place + error["msg"].removeprefix("Value error, ")
