"""The batch source of one lane: takes batches from the log, has the agent settle them, commits."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from faust.types import ChannelT
from mode import Service

from schemas.topics import Lane
from streams.batches import Batch
from streams.lag import LAG_S
from streams.log import BATCH_S, Log
from streams.restart import start_again, start_again_after

T = TypeVar("T")
#: Records of a transaction at the most: the broker works on one while the next is decided. The
#: more, the less it works for each record.
TRANSACTION_RECORDS = 4_000
#: Starts a call on the thread that has the Kafka clients.
OnKafkaThread = Callable[..., "asyncio.Future[Any]"]
#: Hands a batch to the agent, which settles its shares.
Agent = Callable[[Batch], Awaitable[None]]


async def take_turn(log: Log, agent: Agent, on_kafka_thread: OnKafkaThread) -> None:
    """Poll, then agent and commit for each share of the batch, and nothing polled before the last
    is settled: the one order there is. A share is committed while the next is decided; after one
    that isn't committed, no later one is. Where it raises, nobody knows how the batch stands, and
    the worker has to start again."""
    # A client call that hangs must not keep the partitions: leave, settle afresh.
    parts = await asyncio.wait_for(on_kafka_thread(log.poll), BATCH_S * 2)
    if not parts:
        return
    deadline = time.monotonic() + BATCH_S
    async with asyncio.timeout(BATCH_S):
        batch = Batch.of(parts, TRANSACTION_RECORDS)
        await agent(batch)
        left = deque(batch.shares)
        underway: asyncio.Future[bool] | None = None
        for share in batch.shares:
            emissions = await share.settled
            if underway is not None:
                if not await underway:
                    break
                left.popleft()
            underway = on_kafka_thread(log.commit, share.parts, emissions, deadline)
        if underway is not None and await underway:
            left.popleft()
        if left:
            await asyncio.wait([share.settled for share in left])
            await on_kafka_thread(log.rewind, [part for share in left for part in share.parts])


class Source(Service):
    """Runs a `Log`: one batch at a time through the agent's channel. ``look_s``: between two looks
    at the lag."""

    def __init__(
        self,
        lane: Lane,
        log: Log,
        channel: ChannelT[Batch],
        look_s: float = LAG_S,
        **more: Any,
    ) -> None:
        super().__init__(**more)
        self.lane, self._log, self._channel, self._look_s = lane, log, channel, look_s
        self._thread = ThreadPoolExecutor(1, f"kafka-{lane.name}")
        self._draining = False
        self.joined, self.drained = asyncio.Event(), asyncio.Event()

    def has(self, partition: int) -> bool:
        return self._log.has(partition)

    async def drain(self) -> None:
        """Finish the batch in flight and leave the group."""
        self._draining = True
        await self.drained.wait()

    @Service.task
    async def _run(self) -> None:
        try:
            await self._on_kafka_thread(self._log.start)
            self.joined.set()
            while not self._draining:
                await take_turn(self._log, self._channel.put, self._on_kafka_thread)
            await self._on_kafka_thread(self._log.close)
        except TimeoutError:
            start_again(f"{self.lane.name}: Kafka or Redis took longer than a batch may")
        except Exception as error:
            await start_again_after(self.lane.name, error)
        finally:
            self.drained.set()

    @Service.task
    async def _look_at_lag(self) -> None:
        """Also while a batch waits: that is when the lag grows. It polls nothing."""
        await self.joined.wait()
        while not (self._draining or self.should_stop):
            await self._on_kafka_thread(self._log.look_at_lag)
            await self.sleep(self._look_s)

    def _on_kafka_thread(self, call: Callable[..., T], *arguments: Any) -> "asyncio.Future[T]":
        return asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)
