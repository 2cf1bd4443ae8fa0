"""Redis dies, loses writes, or can't be reached."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial

from tests.faults.kinds.story import Story, Teller, add, kind
from tests.faults.kinds.workers import at_point
from tests.faults.proxy import Trap, script_call
from tests.faults.scene import Scene

#: Requests of a partition: by then the first of them are committed.
_SOME = 50
Keys = Callable[[], list[bytes]]


@kind("redis")
def redis_killed(scene: Scene) -> Story:
    scene.stand.kill_redis()
    yield scene.chance.uniform(0.1, 2.0)
    scene.stand.start_redis_again()


@kind("redis")
def redis_lost_its_last_seconds(scene: Scene) -> Story:
    file, length = scene.stand.written()
    yield scene.chance.uniform(0.5, 4.0)
    scene.stand.kill_redis()
    os.truncate(file, scene.chance.randint(length, file.stat().st_size))
    scene.stand.start_redis_again()


@kind("redis")
def redis_flushed(scene: Scene) -> Story:
    scene.stand.client().flushall()
    yield 0.1


def _lost_with_a_decision(scene: Scene, loses: Teller) -> Story:
    """What a worker has decided is lost before it has committed it, and others decide it anew."""
    place = scene.pick()
    scene.start(place, at_point(scene, "after_script", "stop"))
    yield lambda: scene.is_stopped(place)
    frozen = time.monotonic()
    yield scene.chance.uniform(0.2, 2.0)
    yield from loses(scene)
    yield max(14.0 - (time.monotonic() - frozen), 0.1)
    scene.signal(place, signal.SIGCONT)


for _name, _story in (("flushed", redis_flushed), ("cut", redis_lost_its_last_seconds)):
    _name = f"redis {_name} with decisions not yet committed"
    add(_name, partial(_lost_with_a_decision, loses=_story), "redis", "worker")


def _restorer(scene: Scene, action: str) -> str:
    """One worker alone, that has everything to restore and is met half way."""
    place = scene.pick()
    for each in scene.places:
        scene.kill(each)
    scene.stand.client().flushall()
    scene.start(place, f"ledger:on_restore:1:{action}")
    return place


def _start_others(scene: Scene, place: str) -> None:
    for each in scene.places:
        if each != place:
            scene.start(each)


@kind("redis", "worker")
def worker_killed_on_restore(scene: Scene) -> Story:
    place = _restorer(scene, "kill")
    yield lambda: scene.died(place)
    _start_others(scene, place)
    scene.start(place)


@kind("redis", "worker")
def worker_frozen_on_restore(scene: Scene) -> Story:
    """Another takes over and opens the ledger before it goes on."""
    place = _restorer(scene, "stop")
    yield lambda: scene.is_stopped(place)
    _start_others(scene, place)
    yield scene.chance.uniform(9.0, 14.0)
    scene.signal(place, signal.SIGCONT)


@kind("redis")
def old_copy_of_redis(scene: Scene) -> Story:
    copy = scene.stand.copy_redis()
    yield scene.chance.uniform(1.0, 8.0)
    scene.stand.kill_redis()
    scene.stand.put_back(copy)
    scene.stand.start_redis_again()


@kind("redis")
def older_copy_of_redis_after_a_loss(scene: Scene) -> Story:
    """What was decided since the copy is decided, lost, and decided again before it comes back."""
    copy = scene.stand.copy_redis()
    yield from redis_lost_its_last_seconds(scene)
    yield scene.chance.uniform(2.0, 6.0)
    scene.stand.kill_redis()
    scene.stand.put_back(copy)
    scene.stand.start_redis_again()


@kind("redis")
def lagging_replica_promoted(scene: Scene) -> Story:
    replica = scene.stand.replica()
    yield scene.chance.uniform(0.5, 2.0)
    replica.link.cut()
    yield scene.chance.uniform(0.1, 3.0)
    scene.stand.kill_redis()
    scene.stand.promote(replica)


def _lost_keys(scene: Scene, found: Keys, chosen: Callable[[list[bytes]], list[bytes]]) -> Story:
    """Once there are some, those chosen of them are gone from a server that runs."""
    keys: list[bytes] = []

    def are_there() -> bool:
        keys[:] = found()
        return scene.is_open() and bool(keys)

    yield are_there
    behind = scene.left("BEHIND")
    scene.stand.client().delete(*chosen(keys))
    yield lambda: scene.left("BEHIND") > behind


@kind("redis", "worker", "kafka")
def redis_lost_its_progress(scene: Scene) -> Story:
    """How far some partitions are decided. Of one in which little is asked nobody would notice
    soon."""
    return _lost_keys(
        scene,
        lambda: sorted(key for key, applied in scene.applied().items() if applied > _SOME),
        lambda keys: scene.chance.sample(keys, scene.chance.randint(1, len(keys))),
    )


@kind("redis", "worker", "kafka")
def redis_lost_its_counts(scene: Scene) -> Story:
    """Of all offers, what was issued and redeemed: their limits would begin anew."""
    return _lost_keys(scene, scene.counts, list)


@kind("redis")
def reply_of_a_script_lost(scene: Scene) -> Story:
    trap = scene.stand.redis_link.lay(Trap(script_call, "reply"))
    yield trap.sprung.is_set


@kind("redis")
def redis_unreachable(scene: Scene) -> Story:
    scene.stand.redis_link.cut()
    yield scene.chance.uniform(0.2, 5.0)
    scene.stand.redis_link.mend()


@kind("redis")
def redis_silent(scene: Scene) -> Story:
    scene.stand.redis_link.stall()
    yield scene.chance.uniform(1.0, 9.0)
    scene.stand.redis_link.mend()


@kind("redis")
def redis_full(scene: Scene) -> Story:
    """It answers, and refuses what takes memory."""
    client = scene.stand.client()
    client.config_set("maxmemory", 1 << 20)
    yield scene.chance.uniform(0.2, 4.0)
    client.config_set("maxmemory", 0)
