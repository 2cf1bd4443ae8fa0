"""A server that ends a connection at the first word, as a proxy does whose Redis is down."""

import asyncio
import socketserver
import threading
from collections.abc import Iterator

import pytest

from state.ledger import Chain, Ledger, LedgerAway, Transition


@pytest.fixture
def url() -> Iterator[str]:
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"redis://127.0.0.1:{server.server_address[1]}/0"
        server.shutdown()


def causes(error: BaseException) -> list[type]:
    found = []
    while error.__cause__ is not None and len(found) < 20:
        error = error.__cause__
        found.append(type(error))
    return found


def test_it_is_away(url: str) -> None:
    with pytest.raises(LedgerAway, match="Redis doesn't answer") as away:
        Ledger(url, "o").is_open()
    assert 0 < len(causes(away.value)) < 20


def test_it_is_away_for_calls_that_are_sent_ahead(url: str) -> None:
    async def decide() -> None:
        await (await Ledger(url, "o").decide(Chain(), Transition.REDEEM, []))

    with pytest.raises(LedgerAway, match="Redis doesn't answer") as away:
        asyncio.run(decide())
    assert 0 < len(causes(away.value)) < 20
