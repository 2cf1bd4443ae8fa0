"""`redeemonce tail --reminders` takes only what triggers have."""

import pytest
from click.testing import CliRunner

from streams.cli import redeemonce


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
def test_what_only_outcomes_have_does_not_go_with_reminders(
    options: list[str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given nobody who answers
    monkeypatch.setenv("REDEEMONCE_KAFKA_BOOTSTRAP_SERVERS", "localhost:1")

    # when
    ended = CliRunner().invoke(redeemonce, ["tail", "--no-follow", "--reminders", *options])

    # expect
    assert ended.exit_code == 2
    assert f"{named} of outcomes only, not with --reminders" in ended.output
