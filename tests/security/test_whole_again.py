"""The last test of this folder: it closes the ledger on the workers."""

from tests.security.stand import SecureWorld


def test_a_rebuild_needs_no_more_rights(shop: SecureWorld) -> None:
    told = shop.run("rebuild")

    assert told.returncode == 0, told.stdout + told.stderr
