"""Org entities: tills with their stores, zones, concepts and time zones, from a compacted topic."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import orjson
from confluent_kafka import TopicPartition
from mode import Service

from schemas.org import OrgEntity
from schemas.topics import ORG_ENTITIES
from state.ledger import Ledger, LedgerAway
from streams.broker import consumer, ends_of, partitions_of
from streams.settings import Settings

logger = logging.getLogger("redeemonce")
_POLL_S = 0.5


class OrgReader(Service):
    """Keeps every till's entity; says in Redis how far it has read, for `org apply` to wait."""

    def __init__(self, settings: Settings, ledger: Ledger, **more: Any) -> None:
        super().__init__(**more)
        self.entities: dict[str, OrgEntity] = {}
        self._settings, self._ledger = settings, ledger
        self._thread = ThreadPoolExecutor(1, "org")

    @Service.task
    async def _run(self) -> None:
        await self.loop.run_in_executor(self._thread, self._read)

    def _read(self) -> None:
        settings = self._settings
        name, count = settings.topic(ORG_ENTITIES), partitions_of(settings, ORG_ENTITIES)
        client = consumer(settings, settings.topic_prefix + "redeemonce-org")
        bounds = ends_of(client, name, count)
        client.assign([TopicPartition(name, p, first) for p, (first, _) in enumerate(bounds)])
        positions = {p: first for p, (first, _) in enumerate(bounds)}
        while not self.should_stop:
            for message in client.consume(1_000, _POLL_S):
                if message.error() is None:
                    self._learn(message.key(), message.value())
                    positions[message.partition()] = message.offset() + 1
            self._report(positions)
        client.close()

    def _learn(self, key: bytes | None, value: bytes | None) -> None:
        till_id = (key or b"").decode(errors="replace")
        if value is None:
            self.entities.pop(till_id, None)
            return
        try:
            entity = OrgEntity.model_validate(orjson.loads(value))
        except ValueError as error:
            logger.warning("org-entities: %s is no till: %s", till_id, error)
            return
        self.entities[entity.till_id] = entity

    def _report(self, positions: dict[int, int]) -> None:
        with suppress(LedgerAway):  # said elsewhere; the next round reports
            self._ledger.note_reader(self._settings.place, positions, time.time())
