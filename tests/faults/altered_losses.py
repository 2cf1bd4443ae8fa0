"""A decision that Redis lost before it was committed, as topics show it."""

from typing import NamedTuple

from tests.faults.altered_topics import renumber
from tests.faults.copied_run import CopiedRun, Row
from tests.faults.decisions import milliseconds_of


class Loss(NamedTuple):
    run: CopiedRun
    number: int  # of the decision that was lost
    resting: list[Row]  # issues that count it, in order


def with_a_loss(sound: CopiedRun) -> Loss:
    """A decision of `several` was lost, and those after it until some moment count it."""
    run = sound.fork()
    rows = run.decisions("several")
    hole = len(rows) // 3
    renumber(rows[hole:])
    issues = [row for row in rows[hole:] if row.said["type"] == "issue"]
    counting = [row for row in issues if row.said["outcome"] == "accepted"]
    return Loss(run, rows[hole].said["ledger"]["sequence"] - 1, counting)


def opened_at(run: CopiedRun, moment_ms: int) -> None:
    run.rows["places"].append(Row(0, b"epoch", b"2", {}, moment_ms))


def count_one_more(run: CopiedRun, row: Row) -> None:
    """And so do the answers to its retries."""
    for each in run.rows["issue.outcomes"]:
        if each.said["request_id"] == row.said["request_id"] and each.said["outcome"] == "accepted":
            totals = each.said["totals"]
            each.say(totals=totals | {"offer": totals["offer"] + 1})


def resting_before(loss: Loss, moment_ms: int) -> list[Row]:
    """Those that came before anything was decided after the moment."""
    decisions, found = loss.run.decisions("several"), []
    for row in decisions:
        if milliseconds_of(row.said["decided_at"]) >= moment_ms:
            break
        found.append(row)
    return [row for row in loss.resting if row in found]
