"""One browser, and a worker whose pages it looks at."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.pages.browser import browsing
from tests.servers import Servers
from tests.world import TOMORROW, World, organisation, redeem

TOKEN = "an operator's token"
ANNA, BOB = "anna-and-her-own-token", "bob-and-his-own-token"
expect.set_options(timeout=15_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not longer: while playwright goes on, no other test in this process has an event loop."""
    with browsing() as made:
        yield made


class Shop(World):
    """A worker with operators."""

    more: dict[str, str]

    def environment(self, place: str = "w0", port: int | None = None) -> dict[str, str]:
        return super().environment(place, port) | self.more

    def redeem(self, code: str, customer_id: str) -> None:
        """As a till somewhere else does."""
        assert self.reasons(redeem(code, customer_id, occurred_at=TOMORROW)) == ["accepted"]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.settings.web_port}"


def shop_of(servers: Servers, name: str, **more: str) -> Iterator[Shop]:
    made = Shop(organisation(servers, name))
    made.more = {f"REDEEMONCE_{key}": value for key, value in more.items()}
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def shop(running_servers: Servers) -> Iterator[Shop]:
    yield from shop_of(running_servers, "pages", OPERATOR_TOKEN=TOKEN)


@pytest.fixture
def page(browser: Browser, shop: Shop) -> Iterator[Page]:
    """Nobody is signed in. Errors of the page's own scripts fail the test."""
    with_errors: list[str] = []
    context = browser.new_context(base_url=shop.address)
    made = context.new_page()
    made.on("pageerror", lambda error: with_errors.append(str(error)))
    yield made
    context.close()
    assert with_errors == []


def sign_in(page: Page, token: str = TOKEN) -> None:
    page.get_by_role("button", name="Sign in", exact=True).click()
    dialog = page.locator("#sign-in")
    dialog.get_by_label("Token").fill(token)
    dialog.get_by_label("Token").press("Enter")
    expect(page.locator("#who")).to_contain_text("sign out")
