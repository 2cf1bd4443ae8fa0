"""The first words on a new connection to Redis, and what it means where they fail."""

from typing import Any

from redis.connection import SSLConnection
from redis.exceptions import AuthenticationError, ConnectionError


class CertificateWanted(ConnectionError):
    """Redis took the connection, then ended it at the first word: it saw no certificate of ours."""


def first_words(connection: Any) -> None:
    """Say who we are. With TLS 1.3 a server that wants a certificate hangs up only now, and often
    before what it says of that is read; so it is said here."""
    try:
        connection.on_connect()
    except AuthenticationError:
        raise
    except ConnectionError as error:
        if not isinstance(connection, SSLConnection) or connection.certfile:
            raise
        raise CertificateWanted(
            f"it ended the connection at the first word ({error}): it wants a certificate, and "
            "REDEEMONCE_REDIS_SSL_CERTIFICATE is not set"
        ) from error
