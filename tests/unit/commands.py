"""Commands in this process, where no server answers: what they refuse before they ask anybody."""

from click.testing import CliRunner

from streams.cli import redeemonce

_NOBODY = {
    "REDEEMONCE_KAFKA_BOOTSTRAP_SERVERS": "localhost:1",
    "REDEEMONCE_REDIS_URL": "redis://localhost:1/0",
}


def refused(*arguments: str) -> str:
    """What a command says that ends as one does that is given bad input: had it asked a server, it
    would have ended otherwise."""
    ended = CliRunner(env=_NOBODY).invoke(redeemonce, arguments)
    assert ended.exit_code == 2, ended.output
    return ended.output
