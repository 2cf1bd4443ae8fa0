"""An offer made by one is live only when another has approved."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.pages.conftest import ANNA, BOB, Shop, shop_of, sign_in
from tests.servers import Servers
from tests.world import create, offer

_CARL = "carl-who-only-looks"


@pytest.fixture(scope="module")
def careful(running_servers: Servers) -> Iterator[Shop]:
    """Anna manages, Bob manages and approves, Carl looks; nobody else sees anything."""
    listed = f"anna:manage:{ANNA},bob:manage+approve:{BOB},carl:look:{_CARL}"
    yield from shop_of(
        running_servers, "careful", OPERATORS=listed, APPROVAL="true", PAGES_OPEN="false"
    )


def said(shop: Shop, path: str, token: str = "", body: object = None) -> tuple[int, object]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(shop.address + path, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except HTTPError as error:
        return error.code, error.read().decode()


def test_what_one_proposes_another_approves(browser: Browser, careful: Shop) -> None:
    context = browser.new_context(base_url=careful.address)
    anna: Page = context.new_page()
    anna.goto("/#/new")
    sign_in(anna, ANNA)
    anna.locator("[data-field=offer_id]").fill("two-eyes")
    anna.locator("[data-field=name]").fill("Seen by two")
    anna.locator("[data-field='expiry.at']").fill("2098-12-31T23:59:59+05:30")
    anna.locator("[data-field='discount.percent']").fill("10")
    anna.locator("#preview").click()
    anna.locator("#save").click()
    mine = anna.locator("[data-proposal=two-eyes]")
    expect(mine).to_contain_text("by anna")
    assert said(careful, "/offers", _CARL) == (200, [])

    bob: Page = browser.new_context(base_url=careful.address).new_page()
    bob.goto("/#/proposals")
    sign_in(bob, BOB)
    bob.locator("[data-proposal=two-eyes] [data-do=approve]").click()
    expect(bob.locator("#proposals")).to_contain_text("Nothing waits for approval.")
    bob.goto("/#/offer/two-eyes")
    expect(bob.get_by_role("heading", name="Seen by two")).to_be_visible()
    expect(bob.locator("dl")).to_contain_text("by anna")


def test_nobody_approves_what_they_proposed(careful: Shop) -> None:
    status, proposal = said(careful, "/api/proposals", BOB, offer("own"))
    assert status == 200
    assert isinstance(proposal, dict)
    path, digest = "/api/proposals/own/approve", {"digest": proposal["digest"]}
    status, why = said(careful, path, BOB, digest)
    assert (status, "another person" in str(why)) == (409, True)
    assert said(careful, path, ANNA, digest)[0] == 403  # she may not approve
    assert said(careful, "/api/proposals/own/withdraw", ANNA, digest)[0] == 200
    assert said(careful, path, BOB, digest)[0] == 409


def test_nothing_goes_round_the_approval(careful: Shop) -> None:
    request = create("around")
    assert careful.reasons(request) == ["invalid_offer"]
    approved = request | {"request_id": "a-2", "approved_by": request["actor"]}
    assert careful.reasons(approved) == ["invalid_offer"]
    status, found = said(careful, "/api/requests", ANNA, request | {"request_id": "a-3"})
    assert status == 200
    assert isinstance(found, list)
    assert found[0]["outcome"]["reason"] == "invalid_offer"
    assert "approved_by" in found[0]["outcome"]["detail"]
    # nor in the name of who may approve
    named = request | {"request_id": "a-4", "approved_by": "bob"}
    status, found = said(careful, "/api/requests", ANNA, named)
    assert isinstance(found, list)
    assert (status, found[0]["outcome"]["reason"]) == (200, "invalid_offer")


@pytest.mark.parametrize(
    ("path", "nobodys", "carls"),
    [("/", 200, 200), ("/health", 200, 200), ("/offers", 401, 200), ("/api/me", 401, 200),
     ("/openapi.json", 401, 200)],
)  # fmt: skip
def test_looking_needs_a_token_where_pages_arent_open(
    careful: Shop, path: str, nobodys: int, carls: int
) -> None:
    for token, due in (("", nobodys), (_CARL, carls)):
        request = urllib.request.Request(careful.address + path)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            status = urllib.request.urlopen(request, timeout=20).status
        except HTTPError as error:
            status = error.code
        assert (path, token, status) == (path, token, due)


def test_what_is_no_request_of_a_person_is_named(careful: Shop) -> None:
    for content in ({"type": "remind"}, [create("x"), {"type": "nothing"}], "text", [[]]):
        status, why = said(careful, "/api/requests", BOB, content)
        assert (status, "type: one of issue," in str(why)) == (400, True), content
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    for path in ("/api/requests", "/api/preview", "/api/proposals"):
        status, why = said(careful, path, BOB, create("x", tags=deep))
        assert (status, "nested" in str(why)) == (400, True), path
    assert said(careful, "/api/requests", BOB, [create("x")] * 501)[0] == 413
    assert said(careful, "/api/requests", BOB, [{}] * 501)[0] == 400


def test_who_only_looks_changes_nothing(careful: Shop) -> None:
    assert said(careful, "/api/requests", _CARL, create("carls"))[0] == 403
    assert said(careful, "/api/proposals", _CARL, offer("carls"))[0] == 403
    assert said(careful, "/api/requests", "a-token-of-nobody", create("x"))[0] == 401
