"""The table of offers: found, sorted, live, on a phone, and whatever an offer is called."""

from playwright.sync_api import Browser, Page, expect

from tests.pages.conftest import Shop
from tests.world import create, issue

_HOSTILE = "<img src=x onerror=\"document.title='hit'\"> & <b>bold</b>"


def test_found_sorted_and_live(page: Page, shop: Shop) -> None:
    # given
    ended = {"expiry": {"type": "fixed_date", "at": "2020-01-01T00:00:00Z"}}
    made = [create("shoes", name="Shoes for all"), create("hats", name="Hats"),
            create("old", name="Old shoes", **ended),
            create("inside", name="Shoes inside", created_in="dvs")]  # fmt: skip
    for one in made:
        assert shop.reasons(one) == ["accepted"]
    names = page.locator("#offers tbody tr a")

    # expect
    page.goto("/")
    expect(page.locator("#total")).to_have_text("3 offers")
    expect(names).to_have_text(["Old shoes", "Hats", "Shoes for all"])
    page.locator("#search").fill("sHoEs")
    expect(page.locator("#total")).to_have_text("2 offers")
    page.locator("#active").check()
    expect(page.locator("#total")).to_have_text("1 offers")
    expect(names).to_have_text(["Shoes for all"])
    page.locator("#active").uncheck()
    page.locator("#search").fill("")
    page.locator("#created-in").select_option("dvs")
    expect(page.locator("#total")).to_have_text("1 offers")
    expect(names).to_have_text(["Shoes inside"])
    page.locator("#created-in").select_option("no service")

    # live: somebody else issues, and edits
    shop.ask(issue("c-1", "hats"))
    expect(page.locator("[data-offer=hats] td").nth(5)).to_have_text("1")
    edit = made[0] | {"type": "edit", "request_id": "e-1"}
    edit["offer"] = edit["offer"] | {"name": "Shoes for some", "claim": None}
    assert shop.reasons(edit) == ["accepted"]
    page.locator("#sort").select_option("modified")
    expect(names.first).to_have_text("Shoes for some")


def test_a_name_is_text_and_never_markup(page: Page, shop: Shop) -> None:
    assert shop.reasons(create("hostile", name=_HOSTILE)) == ["accepted"]
    page.goto("/")
    expect(page.locator("[data-offer=hostile] a")).to_have_text(_HOSTILE)
    page.goto("/#/offer/hostile")
    expect(page.get_by_role("heading", level=1)).to_have_text(_HOSTILE)
    assert page.title() == "redeemonce"


def test_on_a_phone_nothing_is_beside_the_screen(browser: Browser, shop: Shop) -> None:
    shop.ask(create("phone", name="A name that is quite long for a small screen, really"))
    context = browser.new_context(
        base_url=shop.address, viewport={"width": 360, "height": 740}, is_mobile=True
    )
    page = context.new_page()
    for path in ("/", "/#/offer/phone", "/#/till"):
        page.goto(path)
        expect(page.locator("main > *").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
    context.close()


def test_who_isnt_signed_in_changes_nothing(page: Page) -> None:
    page.goto("/#/new")
    expect(page.locator(".notice")).to_contain_text("Sign in")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.locator("#sign-in").get_by_label("Token").fill("not the right token")
    page.locator("#sign-in").get_by_role("button", name="Sign in").click()
    expect(page.locator("#sign-in-error")).to_have_text("nobody has this token")
