"""The commands. Exit 0: done; 1: refused or found wrong; 2: bad usage or input."""

import sys

import click
from confluent_kafka import KafkaException

from deploy.local import StackError
from state.ledger import LedgerError
from streams.broker import BrokerError
from streams.bulk.tables import TableChanged
from streams.bulk.written import NotWritten
from streams.cli.bench import bench
from streams.cli.codes import codes
from streams.cli.demo import demo
from streams.cli.issue import issue
from streams.cli.ledger import audit_, rebuild
from streams.cli.offers import offers
from streams.cli.org import org
from streams.cli.send import send
from streams.cli.servers import down, up, worker
from streams.cli.tail import tail
from streams.cli.uploads import audience, stores, upload_codes
from streams.cli.watch import watch
from streams.settings import SettingsError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="redeemonce")
def redeemonce() -> None:
    """Coupons that hold their limits: a streaming redemption processor."""


for command in (upload_codes, audience, stores):
    offers.add_command(command)
for command in (demo, up, down, worker, offers, org, send, issue, codes):
    redeemonce.add_command(command)
for command in (watch, tail, audit_, rebuild, bench):
    redeemonce.add_command(command)


def main() -> None:
    try:
        redeemonce(prog_name="redeemonce")
    except SettingsError as error:
        _end(str(error), 2)
    except (BrokerError, LedgerError, NotWritten, StackError, TableChanged) as error:
        _end(str(error), 1)
    except KafkaException as error:
        _end(f"Kafka: {error.args[0].str()}", 1)


def _end(message: str, status: int) -> None:
    click.echo(f"Error: {message}", err=True)
    sys.exit(status)
