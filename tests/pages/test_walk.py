"""What a person does in the browser: an offer made, issued, redeemed, counted, revoked, refused."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.pages.conftest import Shop, sign_in


def test_an_offer_from_its_form_to_its_revocation(page: Page, shop: Shop, tmp_path: Path) -> None:
    page.goto("/")
    expect(page.locator("#total")).to_have_text("0 offers")
    sign_in(page)

    # a new offer: the model's errors stand beside their fields, then it is told in words
    page.get_by_role("link", name="New offer").click()
    page.locator("[data-field=offer_id]").fill("diwali-10")
    page.locator("[data-field='discount.percent']").fill("200")
    page.locator("#preview").click()
    expect(page.locator("[data-error=name]")).to_have_text("Field required")
    expect(page.locator("[data-error='discount.percent']")).to_contain_text("up to 100")
    expect(page.locator("#save")).to_be_disabled()
    page.locator("[data-field=name]").fill("Diwali 10% off")
    page.locator("[data-field='expiry.at']").fill("2026-12-31T23:59:59+05:30")
    page.locator("[data-field='discount.percent']").fill("10")
    page.locator("#preview").click()
    expect(page.locator("#in-words")).to_contain_text("10% are taken off what the offer is for.")
    page.locator("#save").click()
    expect(page.get_by_role("heading", name="Diwali 10% off")).to_be_visible()

    # claimed, and issued to three customers of a CSV
    page.get_by_role("button", name="Claim").click()
    page.locator("#service").select_option("dvs")
    page.locator("#holder").fill("h")
    page.locator("#do-it").click()
    expect(page.locator("#said")).to_contain_text("Claimed by dvs h.")
    (tmp_path / "customers.csv").write_text("customer_id\nc-1\nc-2\nc-3\n")
    page.get_by_role("button", name="Issue from CSV").click()
    page.locator("#file").set_input_files(tmp_path / "customers.csv")
    page.locator("#service").select_option("dvs")
    page.locator("#holder").fill("h")
    page.locator("#do-it").click()
    expect(page.locator("#said")).to_contain_text("3 of 3 issued.")
    expect(page.locator("#issued")).to_have_text("3")

    # redeemed at the till to try, with the message that went over the topic
    rows = page.locator("#codes").inner_text().splitlines()[1:]
    codes = dict(row.split(",") for row in rows)
    page.get_by_role("link", name="Try the till").click()
    page.locator("#code").fill(codes["c-1"])
    page.locator("#customer").fill("c-1")
    page.get_by_role("button", name="Validate").click()
    expect(page.locator("[data-answer]").first).to_contain_text("validate: accepted, 149.90")
    page.get_by_role("button", name="Redeem").click()
    expect(page.locator("[data-answer]").first).to_contain_text("redeem: accepted, 149.90")
    expect(page.locator("#answers pre").first).to_contain_text(f'"code": "{codes["c-1"]}"')
    expect(page.locator("#answers summary").first).to_contain_text("redeem.requests")

    # counted, without a reload
    page.get_by_role("link", name="Offers").click()
    expect(page.locator("[data-offer=diwali-10]")).to_contain_text("33.33%")
    page.get_by_role("link", name="Diwali 10% off").click()
    expect(page.locator("#redeemed")).to_have_text("1")
    shop.redeem(codes["c-2"], "c-2")
    expect(page.locator("#redeemed")).to_have_text("2")
    expect(page.locator("#over-time svg")).to_be_visible()

    # revoked, once somebody said that they understand; then refused
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("#do-it")).to_be_disabled()
    page.locator("#understand").check()
    page.locator("#do-it").click()
    expect(page.locator("#said")).to_contain_text("Revoked: unredeemed.")
    page.goto(f"/#/till/{codes['c-3']}")
    page.locator("#customer").fill("c-3")
    page.get_by_role("button", name="Redeem").click()
    expect(page.locator("[data-answer=coupon_revoked]")).to_be_visible()
    page.goto("/#/offer/diwali-10")
    expect(page.locator("#refusals")).to_contain_text("redeem: coupon revoked")
    expect(page.locator("#history")).to_contain_text("operator")
    expect(page.locator("#history")).to_contain_text("Revoke: unredeemed")
