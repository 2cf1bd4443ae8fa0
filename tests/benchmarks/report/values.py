"""What was measured in one run, by the columns of the page."""

from collections.abc import Mapping

from tests.benchmarks.measuring.drain import Drained
from tests.benchmarks.measuring.latency import Waited
from tests.benchmarks.measuring.processor import Used
from tests.benchmarks.report.kinds import (
    ALL,
    ALL_WITH_START,
    KAFKA,
    LATE,
    LONGEST,
    MISSING,
    OTHERS,
    P50,
    P99,
    PROGRAM,
    RATE,
    REDIS,
    SECOND_HALF,
    SENT,
    WHOLE,
    WRONG,
    Column,
)

Values = Mapping[Column, float | None]


def costs(used: Used, decisions: int) -> Values:
    each = used.each(decisions)
    return {
        ALL: sum(each.values()),
        PROGRAM: each["program"],
        REDIS: each.get("Redis"),
        KAFKA: each["Kafka"],
        OTHERS: used.others_cores,
    }


def of_drain(found: Drained) -> Values:
    return {
        RATE: found.results.rate,
        SECOND_HALF: found.results.rate_of_second_half,
        WHOLE: found.whole.seconds,
        ALL_WITH_START: costs(found.whole, found.results.count)[ALL],
        WRONG: found.results.wrong,
        **(costs(found.at_work, found.decided) if found.at_work else {}),
    }


def of_latency(found: Waited) -> Values:
    return {
        P50: found.p50_ms,
        P99: found.p99_ms,
        LONGEST: found.max_ms,
        SENT: found.sent_a_second,
        LATE: found.late_ms,
        MISSING: found.missing,
        **costs(found.used, found.pace.measured),
    }
