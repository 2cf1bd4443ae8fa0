"""What an offer may say, and every error with its path."""

import orjson
import pytest

from schemas.offers import Offer, charset_of, errors_of, lead_of_sample
from tests.unit.written_offers import OFFER, Sections, codes, errors, paths, when

#: Every section there is, as in the contract's example.
FULL: Sections = OFFER | {
    "offer_code": "DIW10",
    "owner": "marketing@example.com",
    "products": {
        "categories": ["shoes"],
        "exclude": {"skus": ["S1"], "categories": [], "brands": [], "customer_tags": ["staff"]},
    },
    "issue": {
        "max_per_customer": 2,
        "min_gap_days": 1,
        "max_total": 1_000_000,
        "unless_received": {"offers": ["other"], "months": 6},
        "resend": {"content": "Your code {code}"},
    },
    "redeem": {
        "uses_per_coupon": "unlimited",
        "max_per_customer": 2,
        "max_total": 500_000,
        "bill": {"min": "500.00", "max": None},
        "org_entities": {"stores": [], "zones": ["north"], "concepts": [], "tills": []},
        "when": [
            {
                "days": ["mon", "tue"],
                "from": "10:00",
                "to": "18:00",
                "dates": {"from": "2026-11-20", "to": "2026-12-31"},
            }
        ],
    },
    "budget": {"discount": "2000000.00", "revenue_goal": None},
    "coupons": OFFER["coupons"]
    | {"delivery": "ours", "expiry": {"type": "days_after_issue", "days": 30}},
    "reminders": [
        {"days_before": 3, "at": "11:00", "channel": "sms", "content": "{code} ends {expires_at}"}
    ],
    "poc_reminders": [{"days_before": 4, "pocs": ["poc@example.com"]}],
    "claim": {"service": "loyalty", "holder": "gold", "ends_at": None},
}


def test_an_offer_of_the_sections_it_needs_is_one() -> None:
    offer, wrong = errors_of(OFFER, "INR")
    assert wrong == []
    assert offer is not None
    assert (offer.redeem.uses_per_coupon, offer.redeem.anyone_may_redeem) == (1, False)


def test_an_offer_is_stored_as_it_was_written_and_read_back() -> None:
    offer, wrong = errors_of(FULL, "INR")
    assert wrong == []
    assert offer is not None
    stored = orjson.loads(offer.model_dump_json(exclude={"claim"}))
    assert stored["redeem"]["when"] == FULL["redeem"]["when"]
    assert Offer.model_validate(stored) == offer.model_copy(update={"claim": None})


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("colour", {"colour": "red"}),
        ("offer_id", {"offer_id": "with space"}),
        ("discount.percent", {"discount": {"type": "percentage", "percent": "101"}}),
        ("discount.percent", {"discount": {"type": "percentage", "percent": "0.0"}}),
        ("discount.percent", {"discount": {"type": "percentage", "percent": 10}}),
        ("discount.percent", {"discount": {"type": "percentage", "percent": "1e1"}}),
        ("discount.currency", {"discount": {"type": "fixed", "amount": "1", "currency": "EUR"}}),
        ("expiry.at", {"expiry": {"type": "fixed_date", "at": "2026-02-30T00:00:00Z"}}),
        ("expiry", {"expiry": {"type": "never"}}),
        ("redeem.uses_per_coupon", {"redeem": {"uses_per_coupon": 0}}),
        ("redeem.max_total", {"redeem": {"max_total": 0}}),
        ("issue.unless_received.offers", {"issue": {"unless_received": {"offers": []}}}),
        ("issue.unless_received.months",
         {"issue": {"unless_received": {"offers": ["x"], "months": 0}}}),
        # code ways
        ("coupons.codes", codes(**OFFER["coupons"]["codes"], prefix="ABCDEFGHI")),
        ("coupons.codes.prefix", codes(**OFFER["coupons"]["codes"], prefix="a b")),
        ("coupons.codes.length", codes(type="unique", charset="digits", length=3)),
        ("coupons.codes.no_lookalikes",
         codes(type="unique", charset="digits", length=10, no_lookalikes=True)),
        ("coupons.codes.code", codes(type="common", code="")),
        ("coupons.codes.code", codes(type="common", code=" - \N{NON-BREAKING HYPHEN}")),
        ("coupons.codes.code", codes(type="common", code="SAVE\0")),
        ("coupons.codes.code", codes(type="common", code="दिवाली")),
        ("coupons.codes.code", codes(type="common", code="SAVE\N{ZERO WIDTH SPACE}10")),
        ("coupons.codes.code", codes(type="common", code="S" * 65)),
        ("coupons.codes.sample", codes(type="randomised", sample="A1B2")),
        ("coupons.codes.sample", codes(type="randomised", sample="A1B2C3D4E5F")),
        ("coupons.codes.sample", codes(type="randomised", sample="A1-B2C")),
        ("coupons.codes.sample", codes(type="randomised", sample="SOMMÉ")),
        # when
        ("redeem.when.0.days.1", when({"days": ["mon", "Tue"]})),
        ("redeem.when.0.from", when({"from": "24:00"})),
        ("redeem.when.0.from", when({"from": "9:00"})),
        ("redeem.when.0.from_", when({"from_": "09:00"})),
        ("redeem.when.0.to", when({"to": "24:01"})),
        ("redeem.when.0.to", when({"to": "12:60"})),
        ("redeem.when.1.hours", when({}, {"hours": "10-18"})),
        ("redeem.when.0.dates.from", when({"dates": {"from": "2026-11-31"}})),
        ("redeem.when.0.dates.to", when({"dates": {"to": "20261130"}})),
        ("redeem.when.0.dates.until", when({"dates": {"until": "2026-11-30"}})),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_path(path: str, change: Sections) -> None:
    assert set(paths(**change)) == {path}


@pytest.mark.parametrize(
    "change",
    [
        codes(type="common", code="S" * 64),
        codes(type="common", code="  diwali-10 "),
        codes(type="uploaded"),
        codes(type="randomised", sample="a1B2c"),
        codes(type="randomised", sample="0123456789"),
        codes(type="unique", charset="alphanumeric", length=10, no_lookalikes=True, prefix="LOO"),
        codes(type="unique", charset="digits", length=10, no_lookalikes=False),
        {"coupons": OFFER["coupons"] | {"delivery": "third_party"}},
        {"coupons": OFFER["coupons"] | {"expiry": {"type": "month_ends_after_issue", "months": 1}}},
        {"discount": {"type": "percentage", "percent": "100"}},
        {"discount": {"type": "fixed", "amount": "0.01", "currency": "INR"}},
        when({}, {"days": ["sun"], "from": "22:00", "to": "24:00", "dates": {}}),
        {"redeem": {"bill": {}, "org_entities": {}, "when": []}},
        {"reminders": [], "poc_reminders": []},
        {"reminders": [
            {"days_before": 0, "at": "00:00", "channel": "sms", "content": "{code}"},
            {"days_before": 365, "at": "23:59", "channel": "email", "content": "last call"},
        ]},
        {"poc_reminders": [{"days_before": 4, "pocs": ["poc@example.com", "desk"]}]},
    ],
)  # fmt: skip
def test_what_an_offer_may_say(change: Sections) -> None:
    assert errors(**change) == []


def test_every_error_is_found_in_one_reading() -> None:
    assert paths(name="", owner=3, tags="x") == ["name", "owner", "tags"]
    amounts = {"discount": "0.00", "revenue_goal": "0.001"}
    assert sorted(paths(budget=amounts, **when({"days": []}))) == [
        "budget.discount",
        "budget.revenue_goal",
        "redeem.when.0.days",
    ]


def test_pocs_are_of_the_organisations_list_where_there_is_one() -> None:
    known = "poc@example.com", "desk@example.com"
    assert errors_of(FULL, "INR", known)[1] == []
    assert errors_of(FULL, "INR", known[1:])[1] == [
        ("poc_reminders.0.pocs",
         "poc@example.com: not in the organisation's list (desk@example.com)"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "section"),
    [
        ("reminders.0.at", {"reminders": [{"days_before": 3, "at": "24:00", "channel": "sms",
                                           "content": "x"}]}),
        ("reminders.0.days_before", {"reminders": [{"days_before": -1, "at": "11:00",
                                                    "channel": "sms", "content": "x"}]}),
        ("reminders.0.channel", {"reminders": [{"days_before": 3, "at": "11:00",
                                                "channel": "fax", "content": "x"}]}),
        ("reminders.0.content", {"reminders": [{"days_before": 3, "at": "11:00",
                                                "channel": "sms", "content": "{cod}"}]}),
        ("poc_reminders.0.pocs", {"poc_reminders": [{"days_before": 3, "pocs": []}]}),
    ],
)  # fmt: skip
def test_a_reminder_that_is_none_is_named(path: str, section: Sections) -> None:
    assert paths(**section) == [path]


@pytest.mark.parametrize("content", [None, [], "offer", 3])
def test_what_is_no_mapping_is_no_offer(content: object) -> None:
    assert errors_of(content, "INR")[1]


@pytest.mark.parametrize(
    ("path", "section"),
    [
        ("discount.amount", {"type": "fixed", "amount": "{}", "currency": "INR"}),
        ("discount.max_amount", {"type": "percentage", "percent": "10", "max_amount": "{}"}),
        ("redeem.bill.min", {"bill": {"min": "{}"}}),
        ("redeem.bill.max", {"bill": {"max": "{}"}}),
        ("budget.discount", {"discount": "{}"}),
        ("budget.revenue_goal", {"revenue_goal": "{}"}),
    ],
)
@pytest.mark.parametrize(
    ("amount", "fits"), [("5.01", True), ("5", True), ("5.010", True), ("5.001", False)]
)
def test_money_has_the_decimals_of_the_currency(
    path: str, section: Sections, amount: str, fits: bool
) -> None:
    written = orjson.loads(orjson.dumps(section).replace(b"{}", amount.encode()))
    wrong = errors(**{path.split(".")[0]: written})
    assert wrong == ([] if fits else [(path, "has more than 2 decimals")])


@pytest.mark.parametrize(
    ("content", "charset"),
    [
        ({"type": "unique", "charset": "digits", "length": 10}, "0123456789"),
        ({"type": "unique", "charset": "alphanumeric", "length": 10},
         "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ({"type": "unique", "charset": "alphanumeric", "length": 10, "no_lookalikes": True},
         "23456789ABCDEFGHJKMNPQRSTUVWXYZ"),
        ({"type": "randomised", "sample": "12345"}, "0123456789"),
        ({"type": "randomised", "sample": "abCDe"}, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ({"type": "randomised", "sample": "abcd1"}, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ],
)  # fmt: skip
def test_the_characters_of_generated_codes(content: Sections, charset: str) -> None:
    offer = Offer.model_validate(OFFER | codes(**content))
    assert offer.coupons.codes.type in ("unique", "randomised")
    assert charset_of(offer.coupons.codes) == charset


@pytest.mark.parametrize(
    ("sample", "lead"), [("ab12c", "AB"), ("AB12CD", "AB1"), ("0123456789", "01234")]
)
def test_the_first_half_of_a_sample_rounded_down_stays(sample: str, lead: str) -> None:
    assert lead_of_sample(sample) == lead
