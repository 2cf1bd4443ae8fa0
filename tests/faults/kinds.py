"""Every kind of fault, as a story: what is done to the workers and servers, one step after another.

A story yields either seconds to wait or a condition to wait for; the load goes on meanwhile.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

from streams.fault_points import POINTS
from tests.faults.proxy import Trap, kafka_request, script_call
from tests.faults.scene import EXTRA, Scene

Step = float | Callable[[], bool]
Story = Iterator[Step]
#: Of Kafka's protocol.
_OFFSETS_OF_TRANSACTION, _END_OF_TRANSACTION = 28, 26
#: A worker that is silent for 6 s loses its partitions, for 10 s its transaction.
_FROZEN_S = (8.5, 14.0)
_LANES = ("redeem", "issue")
#: Of a batch: those at which a worker can be met while requests come in.
_IN_A_BATCH = POINTS[:5]


class Kind(NamedTuple):
    """``needs``: what no other fault may touch meanwhile. ``of_ours``: there is no such thing where
    workers have no points to be met at, no places, or no Redis."""

    name: str
    story: Callable[[Scene], Story]
    needs: frozenset[str]
    of_ours: bool


KINDS: dict[str, Kind] = {}


def _kind(
    *needs: str, of_ours: bool = False
) -> Callable[[Callable[[Scene], Story]], Callable[[Scene], Story]]:
    def note(story: Callable[[Scene], Story]) -> Callable[[Scene], Story]:
        name = story.__name__.replace("_", " ")
        KINDS[name] = Kind(name, story, frozenset(needs), of_ours or "redis" in needs)
        return story

    return note


# Workers -----------------------------------------------------------------------------------------


@_kind("worker")
def worker_killed(scene: Scene) -> Story:
    place = scene.pick()
    scene.kill(place)
    yield 0.3
    scene.start(place)


@_kind("worker")
def worker_killed_and_away(scene: Scene) -> Story:
    place = scene.pick()
    scene.kill(place)
    yield scene.chance.uniform(7.0, 12.0)
    scene.start(place)


@_kind("worker")
def worker_frozen(scene: Scene) -> Story:
    place = scene.pick()
    scene.signal(place, signal.SIGSTOP)
    yield scene.chance.uniform(*_FROZEN_S)
    scene.signal(place, signal.SIGCONT)


def _at(scene: Scene, point: str, action: str) -> str:
    """As `REDEEMONCE_FAULT_POINTS` wants it, at a batch some way from the start."""
    return f"{scene.chance.choice(_LANES)}:{point}:{scene.chance.randint(3, 40)}:{action}"


def _killed_at(point: str, scene: Scene) -> Story:
    place = scene.pick()
    scene.start(place, _at(scene, point, "kill"))
    yield lambda: scene.died(place)
    scene.start(place)


def _frozen_at(point: str, scene: Scene) -> Story:
    place = scene.pick()
    scene.start(place, _at(scene, point, "stop"))
    yield lambda: scene.is_stopped(place)
    yield scene.chance.uniform(*_FROZEN_S)
    scene.signal(place, signal.SIGCONT)


for _point in _IN_A_BATCH:
    for _done, _story in (("killed", _killed_at), ("frozen", _frozen_at)):
        _name = f"worker {_done} {_point.replace('_', ' ')}"
        KINDS[_name] = Kind(_name, partial(_story, _point), frozenset({"worker"}), of_ours=True)


def _on_revoke(scene: Scene, action: str) -> str:
    """Its partitions are taken away because another worker comes."""
    place = scene.pick()
    armed = ",".join(f"{lane}:on_revoke:1:{action}" for lane in _LANES)
    scene.start(place, armed)
    return place


@_kind("worker", "places", of_ours=True)
def worker_killed_on_revoke(scene: Scene) -> Story:
    place = _on_revoke(scene, "kill")
    yield lambda: scene.is_ready(place)
    scene.start(EXTRA)
    yield lambda: scene.died(place)
    scene.start(place)
    yield lambda: scene.is_ready(place)
    scene.stop(EXTRA)


@_kind("worker", "places", of_ours=True)
def worker_frozen_on_revoke(scene: Scene) -> Story:
    place = _on_revoke(scene, "stop")
    yield lambda: scene.is_ready(place)
    scene.start(EXTRA)
    yield lambda: scene.is_stopped(place)
    yield scene.chance.uniform(*_FROZEN_S)
    scene.signal(place, signal.SIGCONT)
    yield lambda: scene.is_ready(place)
    scene.stop(EXTRA)


@_kind("worker", "places")
def workers_come_and_go(scene: Scene) -> Story:
    for _ in range(scene.chance.randint(2, 4)):
        scene.start(EXTRA)
        yield scene.chance.uniform(1.0, 4.0)
        if scene.chance.random() < 0.5:
            scene.kill(EXTRA)
        else:
            scene.stop(EXTRA)
        yield scene.chance.uniform(0.0, 1.0)


@_kind("worker", "places", of_ours=True)
def two_workers_for_one_place(scene: Scene) -> Story:
    place = scene.pick()
    scene.start_twin(place)
    yield lambda: scene.died(place)
    scene.twin_takes(place)


# Kafka -------------------------------------------------------------------------------------------


@_kind("kafka")
def broker_killed(scene: Scene) -> Story:
    scene.stand.kill_kafka()
    yield scene.chance.uniform(0.2, 2.0)
    yield scene.doing(scene.stand.start_kafka)


def _held_at(scene: Scene, point: str) -> tuple[Path, Callable[[], bool]]:
    """A worker that stands still at that point until the file is removed; when it does."""
    file = Path(mkdtemp(prefix="redeemonce-held-")) / "held"
    scene.start(scene.pick(), _at(scene, point, f"hold={file}"))
    return file, file.exists


@_kind("kafka", "worker", of_ours=True)
def broker_killed_between_offsets_and_commit(scene: Scene) -> Story:
    file, stands = _held_at(scene, "after_offsets")
    yield stands
    scene.stand.kill_kafka()
    file.unlink()
    yield 0.5
    yield scene.doing(scene.stand.start_kafka)


@_kind("kafka")
def broker_unreachable(scene: Scene) -> Story:
    scene.stand.broker_link.cut()
    yield scene.chance.uniform(0.5, 8.0)
    scene.stand.broker_link.mend()


@_kind("kafka")
def broker_silent(scene: Scene) -> Story:
    scene.stand.broker_link.stall()
    yield scene.chance.uniform(1.0, 8.0)
    scene.stand.broker_link.mend()


def _lost_on_the_way(scene: Scene, api_key: int, loses: str) -> Story:
    trap = scene.stand.broker_link.lay(Trap(kafka_request(api_key), loses))
    yield trap.sprung.is_set
    scene.stand.broker_link.cut()
    yield scene.chance.uniform(0.2, 4.0)
    scene.stand.broker_link.mend()


for _name, _key, _loses in (
    ("broker unreachable as offsets are sent", _OFFSETS_OF_TRANSACTION, "request"),
    ("broker's answer to offsets lost", _OFFSETS_OF_TRANSACTION, "reply"),
    ("broker unreachable at a commit", _END_OF_TRANSACTION, "request"),
    ("broker's answer to a commit lost", _END_OF_TRANSACTION, "reply"),
):
    KINDS[_name] = Kind(
        _name,
        partial(_lost_on_the_way, api_key=_key, loses=_loses),
        frozenset({"kafka"}),
        of_ours=False,
    )


# Redis -------------------------------------------------------------------------------------------


@_kind("redis")
def redis_killed(scene: Scene) -> Story:
    scene.stand.kill_redis()
    yield scene.chance.uniform(0.1, 2.0)
    scene.stand.start_redis_again()


@_kind("redis")
def redis_lost_its_last_seconds(scene: Scene) -> Story:
    file, length = scene.stand.written()
    yield scene.chance.uniform(0.5, 4.0)
    scene.stand.kill_redis()
    os.truncate(file, scene.chance.randint(length, file.stat().st_size))
    scene.stand.start_redis_again()


@_kind("redis")
def redis_flushed(scene: Scene) -> Story:
    scene.stand.client().flushall()
    yield 0.1


def _lost_with_a_decision(scene: Scene, loses: Callable[[Scene], Story]) -> Story:
    """What a worker has decided is lost before it has committed it, and others decide it anew."""
    place = scene.pick()
    scene.start(place, _at(scene, "after_script", "stop"))
    yield lambda: scene.is_stopped(place)
    frozen = time.monotonic()
    yield scene.chance.uniform(0.2, 2.0)
    yield from loses(scene)
    yield max(14.0 - (time.monotonic() - frozen), 0.1)
    scene.signal(place, signal.SIGCONT)


for _name, _story in (("flushed", redis_flushed), ("cut", redis_lost_its_last_seconds)):
    _name = f"redis {_name} with decisions not yet committed"
    KINDS[_name] = Kind(
        _name, partial(_lost_with_a_decision, loses=_story), frozenset({"redis", "worker"})
    )


@_kind("redis", "worker")
def worker_killed_on_restore(scene: Scene) -> Story:
    """All start again to restore; the one that does is killed half way."""
    for place in scene.places:
        scene.start(place, "ledger:on_restore:1:kill")
    scene.stand.client().flushall()
    yield lambda: any(scene.died(place) for place in scene.places)
    for place in scene.places:
        scene.start(place)


@_kind("redis")
def old_copy_of_redis(scene: Scene) -> Story:
    copy = scene.stand.copy_redis()
    yield scene.chance.uniform(1.0, 8.0)
    scene.stand.kill_redis()
    scene.stand.put_back(copy)
    scene.stand.start_redis_again()


@_kind("redis")
def older_copy_of_redis_after_a_loss(scene: Scene) -> Story:
    """What was decided since the copy is decided, lost, and decided again before it comes back."""
    copy = scene.stand.copy_redis()
    yield from redis_lost_its_last_seconds(scene)
    yield scene.chance.uniform(2.0, 6.0)
    scene.stand.kill_redis()
    scene.stand.put_back(copy)
    scene.stand.start_redis_again()


@_kind("redis")
def lagging_replica_promoted(scene: Scene) -> Story:
    replica = scene.stand.replica()
    yield scene.chance.uniform(0.5, 2.0)
    replica.link.cut()
    yield scene.chance.uniform(0.1, 3.0)
    scene.stand.kill_redis()
    scene.stand.promote(replica)


@_kind("redis")
def redis_lost_its_progress(scene: Scene) -> Story:
    """Some keys are gone from a server that runs: how far partitions are decided."""
    redis = scene.stand.client()
    keys = sorted(redis.scan_iter("*chain:*"))
    redis.delete(*scene.chance.sample(keys, scene.chance.randint(1, len(keys))))
    yield 0.1


@_kind("redis")
def reply_of_a_script_lost(scene: Scene) -> Story:
    trap = scene.stand.redis_link.lay(Trap(script_call, "reply"))
    yield trap.sprung.is_set


@_kind("redis")
def redis_unreachable(scene: Scene) -> Story:
    scene.stand.redis_link.cut()
    yield scene.chance.uniform(0.2, 5.0)
    scene.stand.redis_link.mend()


@_kind("redis")
def redis_silent(scene: Scene) -> Story:
    scene.stand.redis_link.stall()
    yield scene.chance.uniform(1.0, 9.0)
    scene.stand.redis_link.mend()
