"""The commands. Exit 0: done; 1: refused or found wrong; 2: bad usage or input."""

import sys
from importlib import import_module

import click
from confluent_kafka import KafkaException

from deploy.process import StackError
from state.calls import LedgerError
from streams.broker import BrokerError
from streams.bulk import FileError
from streams.settings import SettingsError

#: Module and name there of each command. It is imported when it is asked for: it needs a part of
#: what all of them do, and somebody waits for each import.
_COMMANDS = {
    "demo": "demo.demo",
    "up": "servers.up",
    "down": "servers.down",
    "worker": "servers.worker",
    "offers": "offers.offers",
    "org": "org.org",
    "send": "send.send",
    "issue": "issue.issue",
    "codes": "codes.codes",
    "watch": "watch.watch",
    "tail": "tail.tail",
    "audit": "ledger.audit_",
    "rebuild": "ledger.rebuild",
    "bench": "bench.bench",
}


class _Commands(click.Group):
    def list_commands(self, _: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[name].split(".")
        command: click.Command = getattr(import_module(f"{__name__}.{module}"), attribute)
        return command


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="redeemonce")
def redeemonce() -> None:
    """Coupons that hold their limits: a streaming redemption processor."""


def main() -> None:
    try:
        redeemonce(prog_name="redeemonce")
    except SettingsError as error:
        _end(str(error), 2)
    except (BrokerError, FileError, LedgerError, StackError) as error:
        _end(str(error), 1)
    except KafkaException as error:
        _end(f"Kafka: {error.args[0].str()}", 1)


def _end(message: str, status: int) -> None:
    click.echo(f"Error: {message}", err=True)
    sys.exit(status)
