"""What is particular to one lane: how its requests are judged, and what its outcomes say."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from schemas.reading import Reader
from schemas.topics import Lane
from state.layout import Operation
from state.ledger import Decided, Ledger, Transition
from streams.batches import Emission
from streams.outcomes import body_of

#: The JSON of an outcome without the brace that ends it, and what goes out beside it.
Worded = tuple[str, Sequence[Emission]]


class Work(Protocol):
    """A request is judged right after it was read, and worded once the ledger has decided it."""

    lane: Lane
    transition: Transition
    #: Whether it judges by the catalogue, so that a changed offer means judging again.
    judges_by_offers: bool
    reader: Reader

    @property
    def looks_up(self) -> bool:
        """Whether requests have to be looked up before they are judged."""

    async def look_up(self, requests: list[dict[str, Any]], ledger: Ledger) -> None:
        """Put into these what only the ledger knows, and judging needs."""

    def judge(self, offset: int, request: dict[str, Any]) -> tuple[Operation, Any]:
        """What a request asks of the ledger, and what to keep of it until it is worded. Where
        millions come that is little: it is what is in the processor's way meanwhile."""

    def complete(self, operations: list[Operation], kept: list[Any]) -> None:
        """Put into the operations what is found for many at once faster than for one."""

    def worded(self, kept: list[Any], decisions: list[Decided]) -> Iterator[Worded]:
        """What to say of each; the source is added later. One at a time: what is written at once
        is still in the processor's cache."""


class Plain:
    """A lane that looks nothing up and completes nothing."""

    looks_up = False

    async def look_up(self, requests: list[dict[str, Any]], ledger: Ledger) -> None:
        """Nothing."""

    def complete(self, operations: list[Operation], kept: list[Any]) -> None:
        """Nothing."""


class FromDicts(Plain, ABC):
    """Keeps the whole request, and makes each outcome as a dict."""

    def judge(self, offset: int, request: dict[str, Any]) -> tuple[Operation, dict[str, Any]]:
        return self._operation(offset, request), request

    @abstractmethod
    def _operation(self, offset: int, request: dict[str, Any]) -> Operation: ...

    def worded(self, kept: list[dict[str, Any]], decisions: list[Decided]) -> Iterator[Worded]:
        for said in self.outcomes(kept, decisions):
            more = self.more_emissions(said)
            yield body_of(said), more

    @abstractmethod
    def outcomes(
        self, requests: list[dict[str, Any]], decisions: list[Decided]
    ) -> Iterator[dict[str, Any]]:
        """One of each."""

    def more_emissions(self, _: dict[str, Any], /) -> Sequence[Emission]:
        """What goes out beside an outcome. Taken out of it."""
        return ()


class OneByOne(FromDicts):
    """Makes each outcome by itself."""

    def outcomes(
        self, requests: list[dict[str, Any]], decisions: list[Decided]
    ) -> Iterator[dict[str, Any]]:
        for request, decided in zip(requests, decisions, strict=True):
            yield self._outcome(request, decided)

    @abstractmethod
    def _outcome(self, request: dict[str, Any], decided: Decided) -> dict[str, Any]: ...
