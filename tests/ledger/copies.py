"""Copies of a ledger's keys, as a backup of Redis or a replica that lags has them."""

from state.ledger import Ledger

#: Key -> milliseconds to live (0: for good), content as Redis dumps it.
Copy = dict[bytes, tuple[int, bytes]]


def copy_of(ledger: Ledger) -> Copy:
    """Every key as it is now, but for a restorer's lock."""
    client = ledger.client
    keys = list(client.scan_iter(match=ledger.base.replace("[", "\\[") + "*", count=1000))
    return {
        key: (max(client.pttl(key), 0), client.dump(key))
        for key in keys
        if not key.endswith(b":restorer")
    }


def put_back(ledger: Ledger, copy: Copy) -> None:
    """Redis lost all that was written since; a server that was started on that isn't open."""
    ledger.wipe()
    for key, (milliseconds, content) in copy.items():
        ledger.client.restore(key, milliseconds, content)
    ledger.close()
