"""What may be wrong in topics, one thing at a time, and how the verifier names it."""

from collections.abc import Callable
from typing import Any

from tests.faults.copied_run import CopiedRun, Row
from tests.faults.topics_seen import LANES


def outcome_dropped(run: CopiedRun) -> None:
    run.rows["redeem.outcomes"].remove(run.find("redeem", outcome="accepted", type="redeem"))


def outcome_doubled(run: CopiedRun) -> None:
    rows = run.rows["issue.outcomes"]
    rows.append(rows[-1])


def outcome_of_nothing(run: CopiedRun) -> None:
    row = run.find("issue", last=True, outcome="accepted")
    row.say(source=row.said["source"] | {"offset": 100_000})


def outcome_elsewhere(run: CopiedRun) -> None:
    row = run.find("issue", outcome="accepted")
    row.partition = 1 - row.partition


def key_changed(run: CopiedRun) -> None:
    run.find("issue", outcome="accepted").key = b"another"


def order_swapped(run: CopiedRun) -> None:
    rows = run.rows["issue.outcomes"]
    rows[0], rows[1] = rows[1], rows[0]


def total_changed(run: CopiedRun) -> None:
    row = run.find("issue", last=True, outcome="accepted", offer_id="several")
    totals = row.said["totals"]
    row.say(totals=totals | {"offer": totals["offer"] + 1})


def customers_total_changed(run: CopiedRun) -> None:
    row = run.find("redeem", outcome="accepted", type="redeem")
    totals = row.said["totals"]
    row.say(totals=totals | {"customer": totals["customer"] + 1})


def discount_changed(run: CopiedRun) -> None:
    row = run.find("redeem", outcome="accepted", type="redeem")
    row.say(discount=row.said["discount"] | {"amount": "0.01"})


def issued_beyond_the_cap(run: CopiedRun) -> None:
    like = run.find("issue", last=True, outcome="accepted", offer_id="capped")
    row = run.find("issue", last=True, reason="offer_limit_reached", offer_id="capped")
    run.turn(row, like)
    serial = int(like.said["coupon_id"].partition(":")[2]) + 1
    row.say(coupon_id=f"capped:{serial}", code="BEYOND", starts_at=row.said["occurred_at"])


def redeemed_beyond_the_cap(run: CopiedRun) -> None:
    row = run.find("redeem", reason="offer_limit_reached", offer_id="capped")
    own = {name: row.said[name] for name in ("code", "coupon_id", "bill")}
    run.turn(row, run.find("redeem", outcome="accepted", type="redeem", offer_id="capped"))
    row.say(**own)


def refused(lane: str, reason: str, **wanted: Any) -> Callable[[CopiedRun], None]:
    """One that was accepted is refused without a reason."""

    def alter(run: CopiedRun) -> None:
        row = run.find(lane, outcome="accepted", **wanted)
        row.say(outcome="rejected", reason=reason)

    return alter


def accepted(reason: str, lane: str = "redeem", **wanted: Any) -> Callable[[CopiedRun], None]:
    """One that was refused is accepted."""

    def alter(run: CopiedRun) -> None:
        row = run.find(lane, reason=reason, **wanted)
        kept = {name: row.said[name] for name in ("code", "coupon_id", "bill") if name in row.said}
        wanted_type = row.said["type"]
        run.turn(row, run.find(lane, last=True, outcome="accepted", type=wanted_type))
        row.say(**kept)

    return alter


def coupon_given_twice(run: CopiedRun) -> None:
    first = run.find("issue", outcome="accepted", offer_id="several")
    last = run.find("issue", last=True, outcome="accepted", offer_id="several")
    last.say(coupon_id=first.said["coupon_id"])


def code_given_twice(run: CopiedRun) -> None:
    first = run.find("issue", outcome="accepted", offer_id="several")
    last = run.find("issue", last=True, outcome="accepted", offer_id="several")
    last.say(code=first.said["code"])


def number_left_out(run: CopiedRun) -> None:
    renumber(run.decisions("several")[10:])


def number_given_twice(run: CopiedRun) -> None:
    renumber(run.decisions("several")[10:], by=-1)


def renumber(rows: list[Row], by: int = 1) -> None:
    for row in rows:
        ledger = row.said["ledger"]
        row.say(ledger=ledger | {"sequence": ledger["sequence"] + by})


def retry_told_otherwise(run: CopiedRun) -> None:
    run.find("issue", replayed=True, outcome="accepted").say(coupon_id="several:999")


def retry_decided_anew(run: CopiedRun) -> None:
    run.find("issue", replayed=True, outcome="accepted").say(replayed=False)


def conflict_taken_for_a_retry(run: CopiedRun) -> None:
    rows = run.rows["issue.outcomes"]
    row = next(row for row in rows if row.said["reason"] == "request_id_conflict")
    first = run.find("issue", request_id=row.said["request_id"])
    row.said = first.said | {"source": row.said["source"], "replayed": True}


def committed_too_little(run: CopiedRun) -> None:
    run.committed["redeem"][0] -= 1


def committed_too_much(run: CopiedRun) -> None:
    request = run.rows["issue.requests"][0]
    run.rows["issue.requests"].append(request)
    run.committed["issue"][request.partition] += 1


def revoked_one_more(run: CopiedRun) -> None:
    run.find("revoke", scope="customers", revoked=1).say(revoked=2)


def dead_letter_dropped(run: CopiedRun) -> None:
    named = {str(row.said["source"]) for lane in LANES for row in run.rows[f"{lane}.outcomes"]}
    letters = run.rows["dead-letters"]
    letters.remove(next(row for row in letters if str(place_of(row)) in named))


def place_of(letter: Row) -> dict[str, Any]:
    found = letter.headers
    return {
        "topic": found["topic"], "partition": int(found["partition"]),
        "offset": int(found["offset"]),
    }  # fmt: skip


def dead_letter_of_a_request(run: CopiedRun) -> None:
    source = run.find("issue", outcome="accepted").said["source"]
    headers = {name: str(content) for name, content in source.items()}
    run.rows["dead-letters"].append(Row(0, b"k", b"{}", headers, 0))


def offer_left_behind(run: CopiedRun) -> None:
    rows = run.rows["offers"]
    versions = [row.said["version"] for row in rows]
    rows.remove(next(row for row in rows if row.said["version"] == max(versions)))


def reminder_dropped(run: CopiedRun) -> None:
    run.rows["reminders"].pop()


def reminder_doubled(run: CopiedRun) -> None:
    run.rows["reminders"].append(run.rows["reminders"][-1])


def reminder_of_another(run: CopiedRun) -> None:
    run.rows["reminders"][0].say(customer_id="somebody")


def reminded_of_one_less(run: CopiedRun) -> None:
    row = run.find("reminders", offer_id="several")
    left = row.said["ledger"]["reminded"][1:]
    row.say(ledger=row.said["ledger"] | {"reminded": left}, reminded=len(left))


def reminded_too_late(run: CopiedRun) -> None:
    run.find("reminders", offer_id="several").say(late=True)


ALTERED = [
    (outcome_dropped, "redeem: 1 without an outcome"),
    (outcome_doubled, "issue: 1 with several"),
    (outcome_of_nothing, "issue: 1 answered that never were"),
    (outcome_elsewhere, "issue: outcome of"),
    (key_changed, "issue: key of"),
    (order_swapped, "out of order"),
    (total_changed, "totals.offer"),
    (customers_total_changed, "totals.customer"),
    (discount_changed, "discount {'amount': '0.01'"),
    (issued_beyond_the_cap, "accepted, not offer_limit_reached"),
    (redeemed_beyond_the_cap, "accepted, not offer_limit_reached"),
    (refused("redeem", "customer_limit_reached", type="redeem"), "customer_limit_reached, not acc"),
    (refused("issue", "offer_limit_reached", offer_id="capped"), "issue.max_total"),
    (refused("issue", "gap_not_elapsed", offer_id="spaced-issue"), "gap_not_elapsed, not accepted"),
    (accepted("gap_not_elapsed"), "accepted, not gap_not_elapsed"),
    (accepted("gap_not_elapsed", "issue"), "accepted, not gap_not_elapsed"),
    (accepted("coupon_redeemed"), "accepted, not coupon_redeemed"),
    (accepted("coupon_revoked", type="redeem"), "accepted, not coupon_revoked"),
    (accepted("not_started"), "accepted, not not_started"),
    (accepted("not_recipient"), "accepted, not not_recipient"),
    (accepted("already_reversed"), "accepted, not already_reversed"),
    (coupon_given_twice, "coupon_id several:0, not number"),
    (code_given_twice, "was given before"),
    (number_left_out, "several: its decisions aren't numbered 1, 2, 3, ...: 11 missing"),
    (number_given_twice, "its number 10 was given twice"),
    (retry_told_otherwise, "its retry got another answer"),
    (retry_decided_anew, "decided 2 times"),
    (conflict_taken_for_a_retry, "its retry got another answer"),
    (committed_too_little, "redeem: 1 answered above what is committed"),
    (committed_too_much, "issue: 1 without an outcome"),
    (revoked_one_more, "revoked 2, not 1"),
    (dead_letter_dropped, "has no dead letter"),
    (dead_letter_of_a_request, "which is a request"),
    (offer_left_behind, "offers: "),
    (reminder_dropped, "reminders: 1 not sent"),
    (reminder_doubled, "reminders: 1 twice"),
    (reminder_of_another, "for somebody"),
    (reminded_of_one_less, "reminded of ["),
    (reminded_too_late, "was too late"),
]
