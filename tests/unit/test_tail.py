"""`redeemonce tail --reminders` takes only what triggers have."""

import pytest

from tests.unit.commands import refused


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--lane", "redeem"], "--lane:"),
        (["--type", "redeem"], "--type:"),
        (["--reason", "coupon_redeemed"], "--reason:"),
        (["--accepted"], "--accepted:"),
        (["--rejected", "--offer", "a"], "--rejected:"),
        (["--type", "issue", "--rejected"], "--type, --rejected:"),
    ],
)
def test_what_only_outcomes_have_does_not_go_with_reminders(options: list[str], named: str) -> None:
    said = refused("tail", "--no-follow", "--reminders", *options)
    assert f"{named} of outcomes only, not with --reminders" in said
