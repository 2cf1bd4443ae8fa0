"""What a person does in the browser: an offer made, issued, redeemed, counted, revoked, refused."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.pages.conftest import Shop, sign_in


def test_an_offer_from_its_form_to_its_revocation(page: Page, shop: Shop, tmp_path: Path) -> None:
    page.goto("/")
    expect(page.locator("#total")).to_have_text("0 offers")
    sign_in(page)
    _create(page)
    _claim(page)
    codes = _issue(page, tmp_path / "customers.csv", "c-1", "c-2", "c-3")
    _try_the_till(page, codes["c-1"], "c-1")
    _see_it_counted(page, shop, codes["c-2"], "c-2")
    _revoke(page)
    _see_it_refused(page, codes["c-3"], "c-3")


def _create(page: Page) -> None:
    """The model's errors stand beside their fields, then the offer is told in words."""
    page.get_by_role("link", name="New offer").click()
    page.locator("[data-field=offer_id]").fill("diwali-10")
    page.locator("[data-field='discount.percent']").fill("200")
    page.locator("#preview").click()
    expect(page.locator("[data-error=name]")).to_have_text("Field required")
    expect(page.locator("[data-error='discount.percent']")).to_contain_text("up to 100")
    expect(page.locator("#save")).to_be_disabled()
    page.locator("[data-field=name]").fill("Diwali 10% off")
    page.locator("[data-field='expiry.at']").fill("2098-12-31T23:59:59+05:30")
    page.locator("[data-field='discount.percent']").fill("10")
    page.locator("#preview").click()
    expect(page.locator("#in-words")).to_contain_text("10% are taken off what the offer is for.")
    page.locator("#save").click()
    expect(page.get_by_role("heading", name="Diwali 10% off")).to_be_visible()


def _claim(page: Page) -> None:
    page.get_by_role("button", name="Claim").click()
    page.locator("#service").select_option("dvs")
    page.locator("#holder").fill("h")
    page.locator("#do-it").click()
    expect(page.locator("#said")).to_contain_text("Claimed by dvs h.")


def _issue(page: Page, file: Path, *customers: str) -> dict[str, str]:
    """The codes that the page shows for the customers of a CSV."""
    file.write_text("\n".join(("customer_id", *customers)))
    page.get_by_role("button", name="Issue from CSV").click()
    page.locator("#file").set_input_files(file)
    expect(page.locator("#service")).to_have_value("dvs")
    expect(page.locator("#holder")).to_have_value("h")
    page.locator("#do-it").click()
    expect(page.locator("#said")).to_contain_text("3 of 3 issued.")
    expect(page.locator("#issued")).to_have_text("3")
    rows = page.locator("#codes").inner_text().splitlines()[1:]
    return dict(row.split(",") for row in rows)


def _try_the_till(page: Page, code: str, customer: str) -> None:
    """It shows the message that went over the topic."""
    page.get_by_role("link", name="Try the till").click()
    page.locator("#code").fill(code)
    page.locator("#customer").fill(customer)
    page.get_by_role("button", name="Validate").click()
    expect(page.locator("[data-answer]").first).to_contain_text("validate: accepted, 149.90")
    page.get_by_role("button", name="Redeem").click()
    expect(page.locator("[data-answer]").first).to_contain_text("redeem: accepted, 149.90")
    page.locator("#answers summary").first.click()
    expect(page.locator("#answers pre").first).to_contain_text(f'"code": "{code}"')
    expect(page.locator("#answers summary").first).to_contain_text("redeem.requests")


def _see_it_counted(page: Page, shop: Shop, code: str, customer: str) -> None:
    """Without a reload."""
    page.get_by_role("link", name="Offers").click()
    expect(page.locator("[data-offer=diwali-10]")).to_contain_text("33.33%")
    page.get_by_role("link", name="Diwali 10% off").click()
    expect(page.locator("#redeemed")).to_have_text("1")
    shop.redeem(code, customer)
    expect(page.locator("#redeemed")).to_have_text("2")
    expect(page.locator("#over-time svg")).to_be_visible()


def _revoke(page: Page) -> None:
    """Once somebody said that they understand."""
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("#customers")).to_be_hidden()
    expect(page.locator("#do-it")).to_be_disabled()
    page.locator("#understand").check()
    page.locator("#do-it").click()
    expect(page.locator("#said")).to_contain_text("Revoked: unredeemed.")


def _see_it_refused(page: Page, code: str, customer: str) -> None:
    page.goto(f"/#/till/{code}")
    page.locator("#customer").fill(customer)
    page.get_by_role("button", name="Redeem").click()
    expect(page.locator("[data-answer=coupon_revoked]")).to_be_visible()
    page.goto("/#/offer/diwali-10")
    expect(page.locator("#refusals")).to_contain_text("redeem: coupon revoked")
    expect(page.locator("#history")).to_contain_text("operator")
    expect(page.locator("#history")).to_contain_text("Revoke: unredeemed")
