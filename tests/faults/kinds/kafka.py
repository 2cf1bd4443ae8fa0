"""Kafka dies, or can't be reached at some moment."""

from functools import partial

from tests.faults.kinds.story import Story, add, kind
from tests.faults.kinds.workers import held_at
from tests.faults.proxy import Trap, kafka_request
from tests.faults.scene import Scene

#: Of Kafka's protocol.
_OFFSETS_OF_TRANSACTION, _END_OF_TRANSACTION = 28, 26


@kind("kafka")
def broker_killed(scene: Scene) -> Story:
    scene.stand.kill_kafka()
    yield scene.chance.uniform(0.2, 2.0)
    yield scene.doing(scene.stand.start_kafka)


@kind("kafka", "worker", of_ours=True)
def broker_killed_between_offsets_and_commit(scene: Scene) -> Story:
    _, file = held_at(scene, "after_offsets")
    yield file.exists
    scene.stand.kill_kafka()
    file.unlink()
    yield 0.5
    yield scene.doing(scene.stand.start_kafka)


@kind("kafka")
def broker_unreachable(scene: Scene) -> Story:
    scene.stand.broker_link.cut()
    yield scene.chance.uniform(0.5, 8.0)
    scene.stand.broker_link.mend()


@kind("kafka")
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
    add(_name, partial(_lost_on_the_way, api_key=_key, loses=_loses), "kafka")
