"""What a worker counts about itself, and what an audit found, for Prometheus."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_RECORDS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000)


class LaneMetrics:
    """The figures of one lane."""

    def __init__(self, metrics: "Metrics", lane: str) -> None:
        self._decisions, self._lag, self._lane = metrics.decisions, metrics.lag, lane
        self._by_result: dict[str, Counter] = {}
        self._lagging: set[int] = set()
        self.batch_seconds = metrics.batch_seconds.labels(lane)
        self.batch_records = metrics.batch_records.labels(lane)
        self.commit_seconds = metrics.commit_seconds.labels(lane)
        self.aborted = metrics.aborted.labels(lane)
        self.replayed = metrics.replayed.labels(lane)
        self.partitions = metrics.partitions.labels(lane)

    def count(self, results: Mapping[str, int]) -> None:
        """So many decisions more, by ``accepted``, a reason, or ``dead_letter``."""
        for result, count in results.items():
            counter = self._by_result.get(result)
            if counter is None:
                counter = self._by_result[result] = self._decisions.labels(self._lane, result)
            counter.inc(count)

    def lag(self, records: Mapping[int, int]) -> None:
        """Requests not decided yet of each partition; of partitions not named, nothing is said."""
        for partition in self._lagging - records.keys():
            self._lag.remove(self._lane, str(partition))
        for partition, count in records.items():
            self._lag.labels(self._lane, str(partition)).set(count)
        self._lagging = set(records)


class Metrics:
    """All figures of a worker, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.decisions = Counter(
            "redeemonce_decisions", "Requests decided, by result", ["lane", "result"],
            registry=registry,
        )  # fmt: skip
        self.batch_seconds = Histogram(
            "redeemonce_batch_seconds", "From a batch read to its outcomes made", ["lane"],
            registry=registry, buckets=_SECONDS,
        )  # fmt: skip
        self.batch_records = Histogram(
            "redeemonce_batch_records", "Requests read together and decided as one batch", ["lane"],
            registry=registry, buckets=_RECORDS,
        )  # fmt: skip
        self.commit_seconds = Histogram(
            "redeemonce_commit_seconds", "Producing and committing a batch's outcomes", ["lane"],
            registry=registry, buckets=_SECONDS,
        )  # fmt: skip
        self.aborted = Counter(
            "redeemonce_aborted_transactions", "Transactions given up and tried again", ["lane"],
            registry=registry,
        )  # fmt: skip
        self.replayed = Counter(
            "redeemonce_replayed_decisions", "Made before a crash or an abort, and told again",
            ["lane"], registry=registry,
        )  # fmt: skip
        self.partitions = Gauge(
            "redeemonce_partitions", "Partitions this worker decides", ["lane"], registry=registry
        )
        self.lag = Gauge(
            "redeemonce_lag", "Requests in a partition of this worker that aren't decided yet",
            ["lane", "partition"], registry=registry,
        )  # fmt: skip
        self.offers = Gauge("redeemonce_offers", "Offers this worker knows", registry=registry)
        self._started = Gauge(
            "redeemonce_start_time_seconds", "When this worker's program began, since 1970",
            registry=registry,
        )  # fmt: skip
        self._started.set_to_current_time()
        self._restored_outcomes = Gauge(
            "redeemonce_restored_outcomes", "Merged when this worker restored the ledger last",
            registry=registry,
        )  # fmt: skip
        self._restore_seconds = Gauge(
            "redeemonce_restore_seconds", "What the last restore by this worker took",
            registry=registry,
        )  # fmt: skip
        self._guessable = Gauge(
            "redeemonce_guessable_codes",
            "Issued for each possible code, of offers with fewer than 10,000 possible ones for each"
            " issued", ["offer"], registry=registry,
        )  # fmt: skip

    def guessable(self, shares: Mapping[str, float]) -> None:
        """Issued / possible codes of each offer whose codes are guessable; of no other."""
        self._guessable.clear()
        for offer_id, share in shares.items():
            self._guessable.labels(offer_id).set(share)

    def restored(self, outcomes: int, seconds: float) -> None:
        self._restored_outcomes.set(outcomes)
        self._restore_seconds.set(seconds)

    def lane(self, name: str) -> LaneMetrics:
        return LaneMetrics(self, name)


def audit_registry(ok: bool, differences: int, at_s: float) -> CollectorRegistry:
    """What the audit that ended at ``at_s`` (seconds since 1970) found."""
    registry = CollectorRegistry()
    for name, text, value in (
        ("ok", "1 where the last audit found nothing wrong, else 0", float(ok)),
        ("differences", "What the last audit found wrong, limits passed among it", differences),
        ("timestamp_seconds", "When the last audit ended, since 1970", at_s),
    ):
        Gauge(f"redeemonce_audit_{name}", text, registry=registry).set(value)
    return registry
