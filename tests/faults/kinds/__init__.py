"""Every kind of fault, by name."""

from tests.faults.kinds import kafka, redis, workers
from tests.faults.kinds.story import KINDS, Kind, Step, Story

__all__ = ["KINDS", "Kind", "Step", "Story", "kafka", "redis", "workers"]
