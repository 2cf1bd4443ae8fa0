"""How far an engine is, seen from outside: its group's lag, and the end of its results."""

from confluent_kafka import TopicPartition

from streams.broker import consumer, ends_of
from streams.committed import Offsets
from tests.benchmarks.engines.engine import Course


class Backlog:
    """The records of a topic, up to its present end, that a consumer group has not committed."""

    def __init__(self, course: Course) -> None:
        self._settings, self._group = course.settings, course.group
        self._client = consumer(course.settings, course.group)
        self._offsets = Offsets(course.settings, course.group, stable=False)
        self._results, ends = course.results, self._ends(course.requests)
        self._requests = [TopicPartition(course.requests, p) for p in range(len(ends))]
        self._end = sum(ends)
        #: Where each partition of the results ended when this was made.
        self.results_began = self._ends(course.results)

    def left(self) -> int:
        """Without waiting for open transactions."""
        committed = self._offsets.read(self._requests)
        return self._end - sum(max(offset, 0) for offset in committed.values())

    def appended(self) -> int:
        """Results since this was made, committed or not, with the few marks of transactions."""
        return sum(self._ends(self._results)) - sum(self.results_began)

    def close(self) -> None:
        self._client.close()
        self._offsets.close()

    def _ends(self, topic: str) -> list[int]:
        count = len(self._client.list_topics(topic, timeout=10).topics[topic].partitions)
        return [end for _, end in ends_of(self._client, topic, count)]
