"""An event loop for one simulated worker: no threads, no sockets, its clock moves when it sleeps.

What the worker would hand to a thread is called here, one call after the other, when nothing else
is left to do. So a worker is never switched away from inside of a coroutine. Of two threads that
both have something to do, one is always the faster.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Protocol


class Ended(BaseException):
    """This life of the worker is over; no code of the worker may hold it up."""


class Owner(Protocol):
    """Whose loop it is. ``sleep`` lets others go first."""

    clock: float

    def sleep(self, seconds: float) -> None: ...


class _Handle:
    """A callback to come."""

    __slots__ = ("_arguments", "_callback", "_cancelled", "_context", "at")

    def __init__(
        self,
        callback: Callable[..., Any],
        arguments: tuple[Any, ...],
        context: Context | None,
        at: float = 0.0,
    ) -> None:
        self._callback, self._arguments, self._context = callback, arguments, context
        self._cancelled, self.at = False, at

    def cancel(self) -> None:
        self._cancelled = True

    def cancelled(self) -> bool:
        return self._cancelled

    def run(self) -> None:
        if self._cancelled:
            return
        if self._context is None:
            self._callback(*self._arguments)
        else:
            self._context.run(self._callback, *self._arguments)


#: What `run_in_executor` gets for the thread that has the Kafka clients.
KAFKA = "kafka"
_Call = tuple[Callable[..., Any], tuple[Any, ...], asyncio.Future[Any]]


class Loop(asyncio.AbstractEventLoop):
    """As much of an event loop as a batch on its way through a worker needs."""

    def __init__(self, owner: Owner, kafka_first: bool) -> None:
        self._owner, self._kafka_first = owner, kafka_first
        self._ready: deque[_Handle] = deque()
        self._timers: list[_Handle] = []
        self._calls_of: dict[bool, deque[_Call]] = {True: deque(), False: deque()}
        self._ended: Ended | None = None

    def run_until_complete(self, future: Any) -> Any:
        """Raises `Ended`, once the coroutine has been taken down, where that came upon a call."""
        main: Coroutine[Any, Any, Any] = future
        task = asyncio.Task(main, loop=self)
        while not task.done():
            if self._ready:
                self._run_ready()
            elif (
                calls := self._calls_of[self._kafka_first] or self._calls_of[not self._kafka_first]
            ):
                self._call(*calls.popleft())
            elif self._ended is not None:  # it waits for what will never be
                task.cancel()
            else:
                self._wait_for_timer()
        if self._ended is not None:
            if not task.cancelled():
                task.exception()
            raise self._ended
        return task.result()

    def _run_ready(self) -> None:
        asyncio._set_running_loop(self)
        try:
            while self._ready:
                self._ready.popleft().run()
        finally:
            asyncio._set_running_loop(None)

    def _call(
        self, call: Callable[..., Any], arguments: tuple[Any, ...], answer: asyncio.Future[Any]
    ) -> None:
        if self._ended is not None:
            answer.set_exception(self._ended)
            return
        try:
            answer.set_result(call(*arguments))
        except Ended as ended:
            self._ended = ended
            answer.set_exception(ended)
        except Exception as error:
            answer.set_exception(error)

    def _wait_for_timer(self) -> None:
        self._timers = [timer for timer in self._timers if not timer.cancelled()]
        first = min(self._timers, key=lambda timer: timer.at)
        self._timers.remove(first)
        if self._ended is None:
            try:
                self._owner.sleep(first.at - self._owner.clock)
            except Ended as ended:
                self._ended = ended
        self._ready.append(first)

    # What asyncio asks of a loop -----------------------------------------------------------------

    def time(self) -> float:
        return self._owner.clock

    def get_debug(self) -> bool:
        return False

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, **_: Any) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=self)

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Any:
        handle = _Handle(callback, args, context)
        self._ready.append(handle)
        return handle

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        handle = _Handle(callback, args, context, when)
        self._timers.append(handle)
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        answer = self.create_future()
        self._calls_of[executor == KAFKA].append((func, args, answer))
        return answer

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Nobody asked how a call ended whose worker is gone."""
