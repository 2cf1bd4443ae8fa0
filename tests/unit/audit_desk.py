"""The audit of what a desk was asked, beside its ledger in Redis; offers of every way of codes."""

import time
from typing import Any

import orjson

from schemas.org import OrgEntity
from schemas.topics import LANES
from streams.audit.comparing import Comparison
from streams.audit.history import History
from streams.audit.redis_state import RedisState
from streams.audit.verdict import Findings, silent
from streams.settings import Settings
from tests.ledger.desk import Desk

TILLS = {
    "t-1": OrgEntity(till_id="t-1", store_id="s-1", zone_ids=["north"], time_zone="Asia/Tokyo"),
    "t-2": OrgEntity(till_id="t-2", store_id="s-2", zone_ids=["south"]),
}


def reminder(days_before: int, **more: Any) -> dict[str, Any]:
    content = "{code} of {coupon_id} for {customer_id}: {offer_name}, {starts_at} to {expires_at}"
    return {"days_before": days_before, "at": "11:00", "channel": "sms", "content": content, **more}


UNIQUE = {"type": "unique", "charset": "alphanumeric", "length": 10, "no_lookalikes": True}
OFFERS_BY_ID: dict[str, dict[str, Any]] = {
    "unique": {"coupons": {"codes": UNIQUE, "expiry": {"type": "days_after_issue", "days": 2}},
               "issue": {"unless_received": {"offers": ["common", "up"], "months": 1},
                         "resend": {"content": "Use {code}"}, "max_total": 40},
               "reminders": [reminder(1), reminder(2, channel="email")],
               "budget": {"discount": "1500.00"}},
    "export": {"coupons": {"codes": {"type": "randomised", "sample": "XYZ12345"},
                           "delivery": "third_party"},
               "redeem": {"uses_per_coupon": 2},
               "issue": {"resend": {"content": "Use {code}"}},
               "reminders": [reminder(40)], "budget": {"revenue_goal": "9000.00"}},
    "common": {"coupons": {"codes": {"type": "common", "code": "save-10"},
                           "expiry": {"type": "month_ends_after_issue", "months": 1}},
               "redeem": {"anyone_may_redeem": True, "max_per_customer": 4,
                          "when": [{"days": ["fri", "sat"], "from": "22:00", "to": "15:00"}]},
               "issue": {"max_total": 30, "max_per_customer": 3}, "reminders": [reminder(9)],
               "poc_reminders": [{"days_before": 40, "pocs": ["p", "q"]}]},
    "up": {"coupons": {"codes": {"type": "uploaded"}},
           "redeem": {"org_entities": {"zones": ["north"], "stores": ["s-9"]},
                      "bill": {"min": "100.00", "max": "900.00"}},
           "issue": {"min_gap_days": 1, "resend": {"content": "Use {code}"}},
           "reminders": [reminder(40, content="forty days left")]},
    "third": {"coupons": {"codes": {"type": "uploaded"}, "delivery": "third_party"},
              "products": {"categories": ["shoes"], "exclude": {"skus": ["s-2"],
                                                                "customer_tags": ["staff"]}}},
}  # fmt: skip


def audited(desk: Desk, settings: Settings) -> Findings:
    """At the desk's time: of what requests are remembered, only the latest are compared."""
    offset = desk.now // 1_000 - int(time.time())
    settings = settings.model_copy(update={"clock_offset_seconds": offset})
    findings = Findings()
    history = History(settings, findings)
    for till_id, entity in TILLS.items():
        history.tills.learn(till_id, 0, entity.model_dump_json().encode())
    for trigger in desk.reminders:
        history.triggers.add(trigger)
    for lane in LANES:
        for at in [at for at in desk.partitions.values() if at.lane is lane]:
            committed = list(at.records.items())[: at.committed]
            asked = [(offset, orjson.loads(value), value) for offset, value in committed]
            said = orjson.loads(orjson.dumps(desk.outcomes.get((lane.name, at.number), [])))
            history.match(lane, at.number, 0, at.committed, asked, enumerate(said))
    history.finish()
    state = RedisState(settings)
    try:
        Comparison(settings, state, history, findings).run(silent)
    finally:
        state.close()
    return findings
