"""How many requests of a lane's partitions aren't decided yet."""

from collections.abc import Collection, Mapping
from functools import partial

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.metrics import LaneMetrics

#: Seconds between two looks, and that one of them waits for Kafka.
LAG_S = 1.0


class Lag:
    """The client knows the ends; Kafka is asked once where each partition that becomes ours stands,
    for what nothing is read from. On the Kafka thread, like the `Log` it belongs to."""

    def __init__(self, topic: str, metrics: LaneMetrics) -> None:
        self._topic, self._metrics = topic, metrics
        self._starts: dict[int, int] = {}  # committed when they became ours

    def forget(self, partition: int) -> None:
        """It became ours anew: others may have decided some of it."""
        self._starts.pop(partition, None)

    def look(
        self, client: Consumer, partitions: Collection[int], positions: Mapping[int, int]
    ) -> None:
        """Note it. ``positions``: what Kafka has committed, of those that we read from."""
        known = self._starts | dict(positions)
        places = [TopicPartition(self._topic, p) for p in partitions]
        unknown = [place for place in places if place.partition not in known]
        watermarks = partial(client.get_watermark_offsets, cached=True)
        try:
            for found in client.committed(unknown, LAG_S) if unknown else ():
                if found.offset >= 0:
                    known[found.partition] = self._starts[found.partition] = found.offset
            ends = {place.partition: watermarks(place)[1] for place in places}
        except KafkaException:
            return  # it is only a figure: the next look will tell
        self._metrics.lag(
            {p: max(end - known[p], 0) for p, end in ends.items() if p in known and end >= 0}
        )
