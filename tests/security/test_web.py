"""The web pages of a running worker: nobody changes anything without the operator's token, and
nobody makes them read without end."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.security.stand import OPERATOR_TOKEN, SecureWorld, Stand
from tests.world import wait_for

PAGES = ("/", "/offers", "/offers/none", "/health", "/metrics", "/nowhere")
LOOKING = ("GET", "HEAD", "OPTIONS")
CHANGING = ("POST", "PUT", "PATCH", "DELETE")
WRONG = (
    None, "", OPERATOR_TOKEN, "Bearer", "Bearer ", f"Bearer {OPERATOR_TOKEN}x",
    f"Bearer {OPERATOR_TOKEN[:-1]}", f"Basic {OPERATOR_TOKEN}", "Bearer \xff\xfe",
)  # fmt: skip


def said(
    world: SecureWorld, method: str, path: str, token: str | None = None, body: bytes | None = None
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", world.settings.web_port, timeout=10)
    connection.request(method, path, body, {} if token is None else {"Authorization": token})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


@pytest.mark.parametrize("method", CHANGING)
@pytest.mark.parametrize("path", PAGES)
def test_a_change_needs_the_operators_token(shop: SecureWorld, method: str, path: str) -> None:
    for wrong in WRONG:
        answer = said(shop, method, path, wrong)
        assert (answer.status, wrong) == (401, wrong)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    known = path != "/nowhere"
    assert said(shop, method, path, f"Bearer {OPERATOR_TOKEN}").status == (405 if known else 404)


@pytest.mark.parametrize("path", PAGES)
def test_looking_needs_none(shop: SecureWorld, path: str) -> None:
    statuses = [said(shop, method, path).status for method in LOOKING]

    missing = path in ("/offers/none", "/nowhere")
    unrouted = 404 if path == "/nowhere" else 405
    assert statuses == [404, 404, unrouted] if missing else [200, 200, unrouted]


@pytest.fixture(scope="module")
def without_a_token(stand: Stand, shop: SecureWorld) -> Iterator[SecureWorld]:
    """A worker that nobody has given a token; it need not decide, so it may wait for Kafka."""
    assert shop.health()[0] == 200
    given = stand.settings(KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1", WORKER_ID="w2")
    del given["OPERATOR_TOKEN"]
    world = stand.world(given)
    world.start("w2", ready=False)
    wait_for("its pages", lambda: world.health()[0] == 503)
    yield world
    world.kill("w2")


@pytest.mark.parametrize("method", CHANGING)
def test_nobody_changes_anything_where_no_token_is_set(
    without_a_token: SecureWorld, method: str
) -> None:
    for token in (None, "Bearer ", f"Bearer {OPERATOR_TOKEN}"):
        assert said(without_a_token, method, "/offers", token).status == 403


@pytest.mark.parametrize(("method", "path"), [("GET", page) for page in PAGES] + [("POST", "/")])
def test_pages_say_what_a_browser_may_do_with_them(
    shop: SecureWorld, method: str, path: str
) -> None:
    headers = said(shop, method, path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    policy = dict(
        part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert not any("http" in sources or "*" in sources for sources in policy.values())
    assert "aiohttp" not in headers["Server"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 400, id="line"),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 400, id="field"
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-Y: z\r\n" * 50_000 + b"\r\n", 400, id="fields"
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + OPERATOR_TOKEN.encode()
            + b"\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 100_000, 413, id="body",
        ),
        pytest.param(
            b"GET /offers HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n", 413,
            id="body of a look",
        ),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01", 400, id="TLS"),
    ],
)  # fmt: skip
def test_what_is_too_large_is_not_read(shop: SecureWorld, sent: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", shop.settings.web_port), timeout=10) as client:
        with suppress(OSError):  # it has hung up already, with the answer on its way
            client.sendall(sent)
        answer = client.recv(100)

    assert answer.startswith(b"HTTP/1."), answer
    assert int(answer.split()[1]) == status
    assert shop.health()[0] == 200
