"""What all workers of a simulated world have in common."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from streams.log import Log
from streams.source import take_turn
from tests.simulation.broker_model import Broker
from tests.simulation.redis_model import ModelLedger, Redis, Rules

#: Tries of a commit, in place of the log's own number: a batch given up is then not far away.
ATTEMPTS = 2


@dataclass(frozen=True)
class Variation:
    """The steps the workers take: the project's, unless a test puts wrong ones in."""

    log: type[Log] = Log
    turn: Callable[..., Any] = take_turn
    ledger: type[ModelLedger] = ModelLedger
    rules: type[Rules] = Rules
    restore_fences: bool = True


@dataclass
class Shared:
    broker: Broker
    redis: Redis
    variation: Variation = field(default_factory=Variation)
    #: Of a worker's thread for Kafka and the one for Redis, which does its work first.
    kafka_first: bool = True
