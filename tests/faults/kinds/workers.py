"""Workers die, stand still, come and go."""

import signal
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

from streams.fault_points import POINTS
from tests.faults.kinds.story import Story, add, kind
from tests.faults.scene import EXTRA, LANES, Scene

#: A worker that is silent for 6 s loses its partitions, for 10 s its transaction.
_FROZEN_S = (8.5, 14.0)
#: Of a batch: those at which a worker can be met while requests come in.
_IN_A_BATCH = POINTS[:5]


@kind("worker")
def worker_killed(scene: Scene) -> Story:
    place = scene.pick()
    scene.kill(place)
    yield 0.3
    scene.start(place)


@kind("worker")
def worker_killed_and_away(scene: Scene) -> Story:
    place = scene.pick()
    scene.kill(place)
    yield scene.chance.uniform(7.0, 12.0)
    scene.start(place)


@kind("worker")
def worker_frozen(scene: Scene) -> Story:
    place = scene.pick()
    scene.signal(place, signal.SIGSTOP)
    yield scene.chance.uniform(*_FROZEN_S)
    scene.signal(place, signal.SIGCONT)


def at_point(scene: Scene, point: str, action: str) -> str:
    """As `REDEEMONCE_FAULT_POINTS` wants it, at a batch some way from the start."""
    return f"{scene.chance.choice(LANES)}:{point}:{scene.chance.randint(3, 20)}:{action}"


def held_at(scene: Scene, point: str) -> tuple[str, Path]:
    """A worker that stands still at that point once there is the file, until it is removed; its
    clients go on."""
    place, file = scene.pick(), Path(mkdtemp(prefix="redeemonce-held-")) / "held"
    scene.start(place, at_point(scene, point, f"hold={file}"))
    return place, file


def _killed_at(point: str, scene: Scene) -> Story:
    place = scene.pick()
    scene.start(place, at_point(scene, point, "kill"))
    yield lambda: scene.died(place)
    scene.start(place)


def _frozen_at(point: str, scene: Scene) -> Story:
    place = scene.pick()
    scene.start(place, at_point(scene, point, "stop"))
    yield lambda: scene.is_stopped(place)
    claims = scene.claims()
    yield scene.chance.uniform(*_FROZEN_S)
    # Others decide what it had by now, so it comes back as one that has nothing any more.
    yield lambda: scene.claims_differ(claims)
    scene.signal(place, signal.SIGCONT)


@kind("worker", "places", "kafka", "redis", of_ours=True)
def worker_frozen_before_script(scene: Scene) -> Story:
    """Others decide what it had, and it comes back before it gives its batch up: so it asks Redis
    with a claim that isn't valid any more. Again where its other lane was in the middle of a
    commit, and left first."""
    fenced = scene.left("FENCED")
    for _ in range(4):
        place = scene.pick()
        scene.start(place, at_point(scene, "before_script", "stop"))
        yield lambda place=place: scene.is_stopped(place)
        claims, starts = scene.claims(), scene.left("fresh starts")
        yield lambda claims=claims: scene.claims_differ(claims)
        scene.signal(place, signal.SIGCONT)
        yield lambda starts=starts: scene.left("fresh starts") > starts
        if scene.left("FENCED") > fenced:
            return


@kind("worker", of_ours=True)
def worker_killed_with_its_outcomes_sent(scene: Scene) -> Story:
    """They are in Kafka, and stay uncommitted there for good."""
    place, file = held_at(scene, "after_offsets")
    yield file.exists
    yield 0.3
    scene.kill(place)
    scene.start(place)


for _done, _story, _points in (
    ("killed", _killed_at, _IN_A_BATCH),
    ("frozen", _frozen_at, _IN_A_BATCH[1:]),  # the first has its own story, above
):
    for _point in _points:
        _name = f"worker {_done} {_point.replace('_', ' ')}"
        add(_name, partial(_story, _point), "worker", of_ours=True)


def _killed_reminding(point: str, scene: Scene) -> Story:
    """Reminders are due once a minute; another worker may have the partitions they are in."""
    place = scene.pick()
    scene.start(place, f"reminders:{point}:1:kill")
    yield lambda: scene.died(place)
    scene.start(place)


for _point in ("after_script", "after_offsets"):
    _name = f"worker killed reminding {_point.replace('_', ' ')}"
    add(_name, partial(_killed_reminding, _point), "worker", of_ours=True)


def _on_revoke(scene: Scene, action: str) -> str:
    """Its partitions are taken away because another worker comes."""
    place = scene.pick()
    scene.start(place, f"{scene.chance.choice(LANES)}:on_revoke:1:{action}")
    return place


@kind("worker", "places", of_ours=True)
def worker_killed_on_revoke(scene: Scene) -> Story:
    place = _on_revoke(scene, "kill")
    yield lambda: scene.is_ready(place)
    scene.start(EXTRA)
    yield lambda: scene.died(place)
    scene.start(place)
    yield lambda: scene.is_ready(place)
    scene.stop(EXTRA)


@kind("worker", "places", of_ours=True)
def worker_frozen_on_revoke(scene: Scene) -> Story:
    place = _on_revoke(scene, "stop")
    yield lambda: scene.is_ready(place)
    scene.start(EXTRA)
    yield lambda: scene.is_stopped(place)
    yield scene.chance.uniform(*_FROZEN_S)
    scene.signal(place, signal.SIGCONT)
    yield lambda: scene.is_ready(place)
    scene.stop(EXTRA)


@kind("worker", "places")
def workers_come_and_go(scene: Scene) -> Story:
    for _ in range(scene.chance.randint(2, 4)):
        scene.start(EXTRA)
        yield scene.chance.uniform(1.0, 4.0)
        if scene.chance.random() < 0.5:
            scene.kill(EXTRA)
        else:
            scene.stop(EXTRA)
        yield scene.chance.uniform(0.0, 1.0)


@kind("worker", "places", of_ours=True)
def two_workers_for_one_place(scene: Scene) -> Story:
    place = scene.pick()
    scene.start_twin(place)
    yield lambda: scene.died(place)
    scene.twin_takes(place)
