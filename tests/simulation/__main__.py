"""A deterministic simulation of the commit protocol, over the project's own step code.

`Log` (poll, commit, rebalance callbacks), `Decider.decide`, `Ledger.decide` and `take_turn` run
as they are; the Kafka clients and the ledger's script calls go to plain objects. Each such call is
a step, and between any two steps anything may come: another worker's step, a process killed or
frozen and later going on, a session or transaction timing out, a rebalance, an answer late or
lost, a refused transaction, markers written late, a batch cut, an offer edited, Redis back
without its last writes or with nothing, a restore and a restorer that dies.

At each commit, and when all has come to rest: an outcome for each request below the committed
offset and none above it; offsets at the end; one decision a request id, told as new once; totals
1 to n up to the cap (where Redis lost what was not committed, others may have counted it: then
only as many, and none above); a Redis that never lost anything never taken for one that did; Redis
as the outcomes tell it.

Not modelled: more than one lane, time (a time-out may come at any moment after what it waits for),
brokers that fail, the rules of offers, more than one Redis at a time, workers joining under new
names, records that can't be read. A restore is `restoring.py`, by the contract of
`streams.recovery`, not its code; `test_model.py` holds the ledger's rules against the real script.
An id that comes again in another partition isn't mixed with lost writes: no outcome tells a restore
of a first decision that was lost when the second was committed.

`python -m tests.simulation` goes the small worlds in every way, as `make test` does; `--deep`
larger bounds, for minutes; `--seeds 10000 --seed 1` ways by chance from that seed on, and prints
the first that breaks a promise. The same seed goes the same way.
"""

import argparse
import sys
import time
from random import randrange

from tests.simulation.exploring import Findings, by_chance, every_way
from tests.simulation.plans import DEEP, SMALL, drawn
from tests.simulation.world import Plan


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--deep", action="store_true", help="larger bounds, for minutes")
    parser.add_argument("--seeds", type=int, default=0, help="so many ways by chance")
    parser.add_argument("--seed", type=int, help="the first of them; drawn when absent")
    parser.add_argument("--trace", action="store_true", help="print the steps of each seed")
    given = parser.parse_args()
    if given.seeds:
        first = randrange(10**6) if given.seed is None else given.seed
        return _by_chance(first, given.seeds, given.trace)
    return _every_way(DEEP if given.deep else SMALL)


def _every_way(plans: dict[str, Plan]) -> int:
    for name, plan in plans.items():
        found = every_way(plan)
        counts = f"{found.ways:,} ways to the end, {found.states:,} states"
        print(f"{name}: {counts}, {found.runs:,} runs, {found.seconds:.1f} s", flush=True)
        if _is_wrong(found):
            return 1
    return 0


def _by_chance(first: int, count: int, tells: bool) -> int:
    began = time.monotonic()
    for seed in range(first, first + count):
        found = by_chance(drawn(seed), seed)
        if tells:
            print("\n".join(found.trace))
        if _is_wrong(found):
            print(f"python -m tests.simulation --seeds 1 --seed {seed}")
            return 1
    print(f"seeds {first:,} to {first + count - 1:,}: {time.monotonic() - began:.1f} s")
    return 0


def _is_wrong(found: Findings) -> bool:
    if found.violation is None:
        return False
    print(found.told())
    return True


if __name__ == "__main__":
    sys.exit(main())
