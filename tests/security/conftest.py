"""Servers of this folder's own: the session's have no TLS."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.stand import SecureWorld, Stand, running


@pytest.fixture(scope="session")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    folder: Path = tmp_path_factory.mktemp("secure")
    with running(folder) as made:
        yield made


@pytest.fixture(scope="session")
def shop(stand: Stand) -> SecureWorld:
    """Two workers of one organisation: one let in by password, one, for revokes, by certificate."""
    by_certificate = stand.world(stand.with_certificates())
    by_certificate.start("w1", 0, False, "--agents", "revoke")
    world = stand.world(stand.settings())
    world.start("w0", 0, True, "--agents", "offers,issue,redeem")
    by_certificate.wait_until_ready("w1")
    return world
