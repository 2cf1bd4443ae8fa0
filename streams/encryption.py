"""How clients prove themselves to Kafka and Redis: which settings go together, what they become.

Errors name the settings and their files, never what is secret in them.
"""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from pydantic import SecretStr
from redis.connection import parse_url
from redis.exceptions import AuthenticationError, NoPermissionError

from state.connecting import CertificateWanted

if TYPE_CHECKING:
    from streams.settings import Settings

_REDIS_SCHEMES = ("redis", "rediss", "unix")
_KAFKA = "REDEEMONCE_KAFKA_"
_REDIS = "REDEEMONCE_REDIS_"
_REFUSED = (
    AuthenticationError,
    CertificateWanted,
    NoPermissionError,
    ssl.SSLCertVerificationError,
)
_parse: Any = parse_url  # has no types
#: redis-py's name in an address, of each file.
_REDIS_FILES = {"ca": "ssl_ca_certs", "certificate": "ssl_certfile", "key": "ssl_keyfile"}


def revealed(secret: SecretStr | None) -> str:
    """What a secret says, empty where there is none."""
    return secret.get_secret_value() if secret is not None else ""


def wrong_for_kafka(settings: "Settings") -> Iterator[str]:
    """Every sentence on settings of Kafka that contradict each other, or files that are no good."""
    protocol = settings.kafka_security_protocol
    user, password = settings.kafka_sasl_username, revealed(settings.kafka_sasl_password)
    if protocol.startswith("SASL"):
        for name, given in (("USERNAME", user), ("PASSWORD", password)):
            if not given:
                yield f"{_KAFKA}SASL_{name} is not set; the protocol {protocol} needs it"
    elif user or password:
        yield (
            f"{_KAFKA}SASL_{'USERNAME' if user else 'PASSWORD'} is set, but the protocol "
            f"{protocol} sends none; set {_KAFKA}SECURITY_PROTOCOL to SASL_SSL"
        )
    files = (settings.kafka_ssl_ca, settings.kafka_ssl_certificate, settings.kafka_ssl_key)
    if not protocol.endswith("SSL") and any(files):
        yield (
            f"{_KAFKA}SSL_… is set, but the protocol {protocol} isn't encrypted; set "
            f"{_KAFKA}SECURITY_PROTOCOL to SSL or SASL_SSL"
        )
    yield from _wrong_files(f"{_KAFKA}SSL_", *files, revealed(settings.kafka_ssl_key_password))


def kafka_client(settings: "Settings") -> dict[str, Any]:
    """What a client of Kafka is told beyond the address."""
    protocol = settings.kafka_security_protocol
    told: dict[str, Any] = {"security.protocol": protocol}
    if protocol.startswith("SASL"):
        told["sasl.mechanism"] = settings.kafka_sasl_mechanism
        told["sasl.username"] = settings.kafka_sasl_username
        told["sasl.password"] = revealed(settings.kafka_sasl_password)
    if protocol.endswith("SSL"):
        files = {
            "ssl.ca.location": settings.kafka_ssl_ca,
            "ssl.certificate.location": settings.kafka_ssl_certificate,
            "ssl.key.location": settings.kafka_ssl_key,
        }
        told |= {name: str(path) for name, path in files.items() if path is not None}
        if password := revealed(settings.kafka_ssl_key_password):
            told["ssl.key.password"] = password
    return told


def wrong_for_redis(settings: "Settings") -> Iterator[str]:
    """As `wrong_for_kafka`. What an address says itself is looked at by `redis_address`."""
    files = (settings.redis_ssl_ca, settings.redis_ssl_certificate, settings.redis_ssl_key)
    if any(files) and not settings.redis_url.startswith("rediss://"):
        yield f"{_REDIS}SSL_… is set, but {_REDIS}URL doesn't begin with rediss://"
    if settings.redis_username and not urlsplit(settings.redis_url).password:
        yield f"{_REDIS}USERNAME is set without {_REDIS}PASSWORD"
    yield from _wrong_files(f"{_REDIS}SSL_", *files, "")


def redis_address(
    url: str, username: str, password: str, files: dict[str, Path | None]
) -> str:  # fmt: skip
    """The address with user, password and files put in, as redis-py reads it.

    Raises ValueError, whose words don't repeat the address: a password may stand in it.
    """
    try:
        parts = urlsplit(url)
        told = _parse(url) if parts.scheme in _REDIS_SCHEMES else None
    except ValueError:
        told = None
    if told is None:
        raise ValueError(
            "is not an address such as 'redis://localhost:6379/0' (rediss:// with TLS); of a "
            f"password in it, signs such as / : @ # are written as %2F %3A %40 %23, or give it as "
            f"{_REDIS}PASSWORD"
        )
    for name, given in (("username", username), ("password", password)):
        if given and told.get(name, given) != given:
            raise ValueError(f"has another {name} in it than {_REDIS}{name.upper()} says")
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if parts.scheme == "rediss":  # of others `wrong_for_redis` says so
        query |= {_REDIS_FILES[kind]: str(path) for kind, path in files.items() if path}
    user = quote(username or str(told.get("username", "")), safe="")
    secret = quote(password or str(told.get("password", "")), safe="")
    place = parts.netloc.rpartition("@")[2]
    netloc = f"{user}:{secret}@{place}" if user or secret else place
    more = f"?{urlencode(query)}" if query else ""
    return f"{parts.scheme}://{netloc}{parts.path}{more}"


def refused(error: BaseException) -> bool:
    """Whether an error of Redis comes from a certificate, a user or a password that is wrong."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, _REFUSED) or (
            isinstance(cause, ssl.SSLError) and "ALERT" in (cause.reason or "")
        ):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _wrong_files(
    prefix: str, ca: Path | None, certificate: Path | None, key: Path | None, key_password: str
) -> Iterator[str]:
    """Of files of certificates, in PEM: there, readable, and what they should be."""
    lacking = [
        f"{prefix}{name}: {path} can't be read"
        for name, path in (("CA", ca), ("CERTIFICATE", certificate), ("KEY", key))
        if path is not None and not _readable(path)
    ]
    if lacking:
        yield from lacking
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca is not None:
        try:
            context.load_verify_locations(ca)
        except (ssl.SSLError, OSError):
            yield f"{prefix}CA: {ca} holds no certificate in PEM"
    if (certificate is None) != (key is None):
        missing, given = ("KEY", "CERTIFICATE") if key is None else ("CERTIFICATE", "KEY")
        yield f"{prefix}{missing} is not set; it goes with {prefix}{given}"
    elif certificate is not None:
        try:
            context.load_cert_chain(certificate, key, lambda: key_password)
        except (ssl.SSLError, OSError, ValueError):
            yield (
                f"{prefix}KEY: {key} is not the key of {certificate} in PEM, or its password is "
                "another"
            )


def _readable(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return bool(file.read(1))
    except OSError:
        return False
