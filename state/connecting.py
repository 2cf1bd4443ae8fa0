"""The first words on a new connection to Redis, and what it means where they fail."""

from typing import Any

from redis.asyncio.connection import SSLConnection as AsyncSSLConnection
from redis.connection import SSLConnection
from redis.exceptions import AuthenticationError, ConnectionError

#: Seconds. A server that takes a connection but no longer answers counts as away.
TIMEOUT_S = 5.0


class CertificateWanted(ConnectionError):
    """Redis took the connection, then ended it at the first word: it saw no certificate of ours."""


def first_words(connection: Any) -> None:
    """Say who we are. With TLS 1.3 a server that wants a certificate hangs up only now, and often
    before what it says of that is read; so it is said here."""
    try:
        connection.on_connect()
    except ConnectionError as error:
        _explain(connection, error)
        raise


async def first_words_async(connection: Any) -> None:
    """The same on a connection of asyncio's."""
    try:
        await connection.on_connect()
    except ConnectionError as error:
        _explain(connection, error)
        raise


def _explain(connection: Any, error: ConnectionError) -> None:
    """Raises `CertificateWanted` where the error means that."""
    has_tls = isinstance(connection, SSLConnection | AsyncSSLConnection)
    if isinstance(error, AuthenticationError) or not has_tls or connection.certfile:
        return
    raise CertificateWanted(
        f"it ended the connection at the first word ({error}): it wants a certificate, and "
        "REDEEMONCE_REDIS_SSL_CERTIFICATE is not set"
    ) from error
