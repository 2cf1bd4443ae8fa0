"""`make screenshots`: the pictures of the README, of pages that a worker serves."""

from pathlib import Path
from random import Random

from playwright.sync_api import Browser, Page, expect

from tests.pages.browser import browsing
from tests.pages.conftest import TOKEN, Shop, sign_in
from tests.servers import servers
from tests.world import create, issue, organisation, redeem

_FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"


def _share(percent: str, **more: str) -> dict[str, str]:
    return {"type": "percentage", "percent": percent, **more}


_OFFERS = {
    "diwali-10": ("Diwali 10% off shoes", _share("10", max_amount="500.00")),
    "monsoon-100": ("Monsoon, 100 off", {"type": "fixed", "amount": "100.00", "currency": "INR"}),
    "birthday": ("For your birthday", _share("15")),
    "winback": ("We miss you", _share("20", max_amount="300.00")),
}
_DAYS = [f"2026-11-{day:02}" for day in range(8, 21)]


def fill(shop: Shop) -> None:
    """Some offers, two weeks of what customers do with them."""
    chance = Random(7)
    for offer_id, (name, discount) in _OFFERS.items():
        rules = {"max_per_customer": 2, "min_gap_days": 1, "bill": {"min": "500.00"}}
        claim = {"service": "loyalty", "holder": "gold"}
        made = create(offer_id, name=name, discount=discount, redeem=rules, claim=claim)
        assert shop.reasons(made) == ["accepted"]
    requests = [
        issue(f"c-{n}", offer_id, service="loyalty", holder="gold",
              occurred_at=f"{chance.choice(_DAYS[:8])}T10:00:00+05:30")
        for offer_id in _OFFERS
        for n in range(chance.randint(60, 240))
    ]  # fmt: skip
    issued = [said for said in shop.ask(*requests) if said["outcome"] == "accepted"]
    bills = ["1499.00", "320.00", "780.50", "2250.00"]
    shop.ask(
        *(
            redeem(said["code"], said["customer_id"] if chance.random() < 0.95 else "c-999",
                   occurred_at=f"{chance.choice(_DAYS[7:])}T{chance.randint(10, 20)}:00:00+05:30",
                   bill={"number": f"B-{n}", "amount": chance.choice(bills), "currency": "INR"})
            for n, said in enumerate(chance.choices(issued, k=len(issued) * 2 // 3))
        )
    )  # fmt: skip


def take(page: Page, name: str) -> None:
    page.wait_for_timeout(300)
    page.screenshot(path=_FOLDER / f"{name}.png")


def pictures(browser: Browser, shop: Shop) -> None:
    page = browser.new_context(
        base_url=shop.address, viewport={"width": 1100, "height": 720}
    ).new_page()
    page.goto("/")
    sign_in(page)
    expect(page.locator("#total")).to_have_text(f"{len(_OFFERS)} offers")
    take(page, "offers")
    page.goto("/#/offer/diwali-10")
    expect(page.locator("#over-time svg")).to_be_visible()
    take(page, "offer")
    page.goto("/#/offer/diwali-10/edit")
    page.locator("#preview").click()
    page.locator("#in-words").scroll_into_view_if_needed()
    take(page, "edit")
    phone = browser.new_context(
        base_url=shop.address, viewport={"width": 390, "height": 780}, is_mobile=True
    ).new_page()
    phone.goto("/#/offer/diwali-10")
    expect(phone.locator("#redeemed")).to_be_visible()
    take(phone, "phone")


def main() -> None:
    _FOLDER.mkdir(exist_ok=True)
    with servers() as running, browsing() as browser:
        shop = Shop(organisation(running, "screenshots"))
        shop.more = {"REDEEMONCE_OPERATOR_TOKEN": TOKEN}
        try:
            shop.start()
            fill(shop)
            pictures(browser, shop)
        finally:
            shop.close()


if __name__ == "__main__":
    main()
