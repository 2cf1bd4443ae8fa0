"""Org entities: tills with their stores, zones, concepts and time zones, from a compacted topic."""

import asyncio
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
    """Keeps every till's entity in ``tills``; says in Redis how far it has read, for `org apply`
    to wait. ``caught_up`` is set once it has read what was there when it began."""

    def __init__(
        self, settings: Settings, ledger: Ledger, tills: dict[str, OrgEntity], **more: Any
    ) -> None:
        super().__init__(**more)
        self._tills, self._settings, self._ledger = tills, settings, ledger
        self._thread = ThreadPoolExecutor(1, "org")
        self.caught_up = asyncio.Event()

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
        behind = {p for p, (first, end) in enumerate(bounds) if first < end}
        while not self.should_stop:
            if not behind and not self.caught_up.is_set():
                self.loop.call_soon_threadsafe(self.caught_up.set)
            for message in client.consume(1_000, 0.05 if behind else _POLL_S):
                if message.error() is None:
                    self._learn(message.key(), message.value())
                    positions[message.partition()] = message.offset() + 1
            behind = {
                place.partition
                for place in client.position([TopicPartition(name, p) for p in behind])
                if place.offset < bounds[place.partition][1]
            }
            self._report(positions)
        client.close()

    def _learn(self, key: bytes | None, value: bytes | None) -> None:
        till_id = (key or b"").decode(errors="replace")
        if value is None:
            self._tills.pop(till_id, None)
            return
        try:
            entity = OrgEntity.model_validate(orjson.loads(value))
        except ValueError as error:
            logger.warning("org-entities: %s is no till: %s", till_id, error)
            return
        self._tills[entity.till_id] = entity

    def _report(self, positions: dict[int, int]) -> None:
        with suppress(LedgerAway):  # said elsewhere; the next round reports
            self._ledger.note_reader(self._settings.place, positions, time.time())
