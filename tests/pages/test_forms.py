"""Forms: whatever an offer says is kept by an edit, and files go up from the browser."""

import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from streams.client import new_request
from tests.pages.conftest import Shop, sign_in
from tests.unit.test_offers import FULL
from tests.world import TOMORROW, create, issue, redeem


def history(shop: Shop, offer_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shop.get(f"/offers/{offer_id}/history")[1])
    return found


def test_an_edit_keeps_every_rule_that_nobody_touched(page: Page, shop: Shop) -> None:
    # given
    offer = FULL | {"offer_id": "full", "name": "Everything set", "offer_code": "FULL-1"}
    made = new_request("create", offer_id="full", actor="t", offer=offer)
    assert shop.reasons(made) == ["accepted"]

    # when
    page.goto("/#/offer/full")
    sign_in(page)
    page.get_by_role("button", name="Edit").click()
    page.locator("[data-field=name]").fill("Everything kept")
    page.locator("#preview").click()
    expect(page.locator("#in-words")).to_contain_text("Mondays and Tuesdays from 10:00")
    page.locator("#save").click()
    expect(page.get_by_role("heading", name="Everything kept")).to_be_visible()

    # expect
    [_, edit] = history(shop, "full")
    assert edit["changes"] == [
        {"field": "name", "before": "Everything set", "after": "Everything kept"}
    ]
    assert edit["actor"] == "operator"


def test_a_refused_edit_says_why(page: Page, shop: Shop) -> None:
    assert shop.reasons(create("fixed")) == ["accepted"]
    page.goto("/#/offer/fixed/edit")
    sign_in(page)
    page.locator("[data-field='coupons.codes.length']").fill("12")
    page.locator("#preview").click()
    page.locator("#save").click()
    expect(page.locator("#errors")).to_contain_text("field_not_editable")


def test_what_a_new_offer_says_of_its_fields(page: Page, shop: Shop) -> None:
    assert shop.reasons(create("taken")) == ["accepted"]
    page.goto("/")
    sign_in(page)
    page.goto("/#/new")
    for field, text in (("offer_id", "taken"), ("name", "Again"), ("discount.percent", "10"),
                        ("expiry.at", "2020-01-01T00:00:00+05:30")):  # fmt: skip
        page.locator(f"[data-field='{field}']").fill(text)
    page.locator("summary", has_text="Redeem").first.click()
    page.locator("[data-field='redeem.uses_per_coupon']").fill("0")
    page.locator("#preview").click()
    wrong = page.locator("[data-error='redeem.uses_per_coupon']")
    expect(wrong).to_contain_text("equal to 1, or input should be 'unlimited'")
    expect(page.locator("#errors")).to_have_text("One field is not right yet.")

    page.locator("[data-field='redeem.uses_per_coupon']").fill("1")
    page.locator("#preview").click()
    expect(page.locator("#in-words")).to_contain_text("00:00:00+05:30, which is over")
    page.locator("#save").click()
    expect(page.locator("[data-error=offer_id]")).to_contain_text("there is an offer of this id")


def test_codes_go_up_from_a_file(page: Page, shop: Shop, tmp_path: Path) -> None:
    # given
    assert shop.reasons(create("up", coupons={"codes": {"type": "uploaded"}})) == ["accepted"]
    rows = ["code,customer_id", *(f"UP-{n:04},c-{n}" for n in range(600)), '"UP-9999",']
    (tmp_path / "codes.csv").write_text("\r\n".join(rows) + "\r\n")

    # when
    page.goto("/#/offer/up")
    sign_in(page)
    page.get_by_role("button", name="Upload").click()
    page.locator("#file").set_input_files(tmp_path / "codes.csv")
    page.locator("#do-it").click()
    expect(page.locator("#said")).to_contain_text("601 uploaded.")

    # expect
    expect(page.locator("#issued")).to_have_text("600")
    used = [
        redeem(code, customer, occurred_at=TOMORROW)
        for code, customer in (("up 0599", "c-599"), ("UP-0000", "c-1"))
    ]
    assert shop.reasons(*used) == ["accepted", "not_recipient"]
    page.get_by_role("button", name="Upload").click()
    (tmp_path / "wrong.csv").write_text("codes\nX\n")
    page.locator("#file").set_input_files(tmp_path / "wrong.csv")
    page.locator("#do-it").click()
    expect(page.locator("dialog .error").last).to_contain_text("line 1: a header with code")


def test_some_customers_coupons_are_revoked(page: Page, shop: Shop) -> None:
    # given
    assert shop.reasons(create("some")) == ["accepted"]
    shop.ask(*(issue(f"c-{n}", "some") for n in range(3)))

    # when
    page.goto("/#/offer/some")
    sign_in(page)
    page.get_by_role("button", name="Revoke").click()
    page.locator("#scope").select_option("customers")
    page.locator("#understand").check()
    page.locator("#do-it").click()
    expect(page.locator("dialog .error").last).to_have_text("name at least one customer")
    page.locator("#customers").fill("c-0\nc-2")
    page.locator("#do-it").click()
    expect(page.locator("#said")).to_contain_text("Revoked: customers, 2 coupons ended.")

    # What somebody else does is seen without a reload.
    assert shop.reasons(new_request("revoke", offer_id="some", scope="unissued")) == ["accepted"]
    expect(page.locator("#history")).to_contain_text("Revoke: unissued")
    expect(page.locator("main")).to_contain_text("what was not issued is revoked")
