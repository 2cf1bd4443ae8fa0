"""Offers as Redis has them beside what their outcomes say, and the registers they share."""

from collections.abc import Iterator
from typing import Any

import orjson

from schemas.times import to_second
from state.records import Counts, Rules, counts_of, values_of
from streams.audit.across import MARKED, Offers
from streams.audit.model import OfferModel
from streams.audit.parts import Uploaded, merged
from streams.audit.redis_state import RedisState, unpacked
from streams.audit.rules import code_rules, minor_of


def compare_offer(
    offer: OfferModel, fields: dict[bytes, bytes], rules: bytes, counts: bytes, decimals: int
) -> Iterator[str]:
    """What is wrong with an offer's hash, and its records of ``rules`` and ``counts``."""
    found = {name.decode(): content for name, content in fields.items()}
    declared = offer.versions.get(offer.version)
    in_serials = declared is not None and declared.codes.type != "uploaded"
    skipped = offer.next_serial - offer.issued if in_serials else 0
    counted = counts_of(counts)
    due = {
        "redeemed": offer.redeemed,
        "sequence": offer.sequence,
        "watermark": offer.watermark,
        "closed": offer.closed,
        "discounted": offer.discounted,
        "revenue": offer.revenue,
        "skipped": skipped,
        "issued": offer.issued + skipped,
    }
    for name in ("number", "version"):
        said = found.get(name, b"").decode()
        if said != str(getattr(offer, name)):
            yield f"has {name} {said or 'missing'}; due {getattr(offer, name)}"
    for name, count in due.items():
        if getattr(counted, name) != count:
            yield f"has {name} {getattr(counted, name)}; due {count}"
    yield from _upload_errors(offer, found, counted)
    definition = offer.definitions.get(offer.version)
    if definition is None:
        return
    yield from _definition_errors(offer, definition, found)
    ruled = dict(zip(Rules._fields, values_of(rules), strict=False))
    for name, value in _rules(offer, definition, decimals).items():
        if not _same(ruled.get(name), value):
            yield f"has the rule {name} {ruled.get(name)!r}; due {value!r}"


def _upload_errors(offer: OfferModel, found: dict[str, bytes], counts: Counts) -> Iterator[str]:
    """Exports, uploads in effect, the stock of free codes, the audience, the stores."""
    due = merged((s.first, s.size, s.day, s.starts, s.expires or False) for s in offer.spans)
    ranges = merged(tuple(span) for span in _unpacked(found, "ranges", []))
    if ranges != due:
        yield f"has the ranges {ranges[:3]} (first, count, day, starts, expires); due {due[:3]}"
    uploaded = offer.uploaded or Uploaded()
    places = {"positions": uploaded.positions, "stock_next": uploaded.stock_next,
              "stock": uploaded.stock_end}  # fmt: skip
    for name, count in places.items():
        if getattr(counts, name) != count:
            yield f"has {name} {getattr(counts, name)}; due {count}"
    # Free codes of an upload that was given up are skipped when one is looked for.
    taken, free = counts.taken, uploaded.free(offer.span)
    first = free[0] if free else uploaded.stock_end
    if not uploaded.taken <= taken <= max(first, uploaded.taken):
        yield f"has taken {taken}; due {uploaded.taken}"
    in_effect = counts.audience > 0
    if in_effect != (offer.audience is not None):
        due_audience = "one" if offer.audience is not None else "none"
        yield f"has audience {counts.audience}; due is {due_audience}"
    stores = _unpacked(found, "stores", None)
    if sorted(stores or ()) != sorted(offer.stores or ()):
        yield f"has the uploaded stores {(stores or [])[:5]}; due {(offer.stores or [])[:5]}"
    waits = {kind for kind, upload in _unpacked(found, "upload", {}).items() if upload}
    if waits != offer.waiting.keys():
        yield f"has parts of {sorted(waits)} that wait; due {sorted(offer.waiting)}"


def _unpacked(found: dict[str, bytes], name: str, none: Any) -> Any:
    """A packed field. Lua packs an empty list and an empty table alike."""
    return (unpacked(found[name]) if found.get(name) else none) or none


def _definition_errors(
    offer: OfferModel, definition: dict[str, Any], found: dict[str, bytes]
) -> Iterator[str]:
    codes = code_rules(definition["coupons"]["codes"])
    written = orjson.loads(found.get("definition", b"{}"))
    if _bare(written, offer) != _bare(definition, offer):
        yield f"has another definition than version {found.get('version', b'').decode()}"
    for name, due in (("lead", codes.lead), ("offer_code", definition["offer_code"])):
        said = found.get(name, b"").decode()
        if said != due:
            yield f"has {name} {said}; due {due}"
    claim = unpacked(found["claim"]) if "claim" in found else None
    if claim != _claim(definition["claim"]):
        yield f"has the claim {claim}; due {_claim(definition['claim'])}"


def _same(found: Any, due: Any) -> bool:
    """1 and 1.0 are one, but 0 is not False: that means no limit."""
    return bool(found == due) and (type(found) is bool) == (type(due) is bool)


def _bare(definition: dict[str, Any], offer: OfferModel) -> dict[str, Any]:
    """Without what an offer is given: its prefix, its code, who claimed it, uploaded stores."""
    bare = {name: part for name, part in definition.items() if name not in ("claim", "offer_code")}
    coupons = dict(bare.get("coupons") or {})
    codes = dict(coupons.get("codes") or {})
    codes.pop("prefix", None)
    if offer.stores is not None and bare.get("redeem"):
        places = {**(bare["redeem"].get("org_entities") or {}), "stores": None}
        bare["redeem"] = {**bare["redeem"], "org_entities": _without_nothing(places)}
    return {**bare, "coupons": {**coupons, "codes": codes}}


def _without_nothing(section: dict[str, Any]) -> dict[str, Any]:
    return {name: content for name, content in section.items() if content}


def _claim(claim: dict[str, Any] | None) -> dict[str, Any] | None:
    if claim is None:
        return None
    moment = claim["ends_at"]
    return {
        "service": claim["service"],
        "holder": claim["holder"],
        "ends_at": to_second(moment) if moment else False,
        "ends_moment": moment or False,
    }


def _rules(offer: OfferModel, definition: dict[str, Any], decimals: int) -> dict[str, Any]:
    """What the ledger has to decide by. False: no limit."""
    codes, budget = code_rules(definition["coupons"]["codes"]), definition.get("budget") or {}
    most, goal = (minor_of(budget.get(name), decimals) for name in ("discount", "revenue_goal"))
    issue, redeem, expiry = definition["issue"], definition["redeem"], definition["expiry"]
    uses = redeem["uses_per_coupon"]
    claim = _claim(definition["claim"]) or dict.fromkeys(("service", "holder", "ends_at"), False)
    own_end = to_second(expiry["at"]) if expiry["type"] == "fixed_date" else False
    with_campaign = expiry["type"] == "with_campaign"
    ends = (with_campaign and claim["ends_at"]) or own_end
    return {
        "ends_at": own_end,
        "with_campaign": with_campaign,
        "codes": "generated" if codes.generated else codes.type,
        "third_party": definition["coupons"]["delivery"] == "third_party",
        "resend": issue.get("resend") is not None,
        "budget_discount": False if most is None else most,
        "revenue_goal": False if goal is None else goal,
        "issue_per_customer": issue["max_per_customer"] or False,
        "issue_gap_days": issue["min_gap_days"],
        "issue_total": issue["max_total"] or False,
        "anyone_may_redeem": redeem["anyone_may_redeem"],
        "uses_per_coupon": False if uses == "unlimited" else uses,
        "redeem_per_customer": redeem["max_per_customer"] or False,
        "redeem_gap_days": redeem["min_gap_days"],
        "redeem_total": redeem["max_total"] or False,
        "possible_codes": False if codes.possible is None else float(codes.possible),
        "number": offer.number,
        "version": offer.version,
        "ends": ends,
        "last_second": claim["service"] != "loyalty" and ends,
        "campaign_ends": claim["ends_at"],
        "service": claim["service"],
        "holder": claim["holder"],
    }


def compare_registers(offers: Offers, state: RedisState) -> Iterator[str]:
    """What only one offer can have, as Redis notes it, and its list of all offers."""
    codes, campaigns, leads = dict[str, str](), dict[str, str](), dict[str, str]()
    begins, marked = set[str](), set[str]()
    for offer_id, offer in offers.items():
        definition = offer.definitions.get(offer.version)
        if definition is None:
            continue
        codes[definition["offer_code"]] = offer_id
        claim, made = definition["claim"], code_rules(definition["coupons"]["codes"])
        if claim and claim["service"] == "outbound":
            campaigns[claim["holder"]] = offer_id
        if made.type != "uploaded":
            length, lead = made.length, made.lead
            leads[f"{length}:{lead}"] = offer_id
            begins.update(f"{length}:{lead[:n]}" for n in range(1, len(lead)))
        for code in offer.serials if offer.uploaded is not None else ():
            begins.update(f"{len(code)}:{code[:n]}" for n in range(1, min(MARKED, len(code))))
            marked.add(f"{len(code)}:{code[:MARKED]}")
    due = {**dict.fromkeys(begins, "+"), **dict.fromkeys(marked, "uploaded"), **leads}
    both = begins & marked  # whichever came first, or the newer one: both keep a lead from it
    for name, register in (("offer_codes", codes), ("campaigns", campaigns), ("leads", due)):
        found = {field.decode(): held.decode() for field, held in state.hash(name).items()}
        wrong = {k for k in found.keys() | register.keys() if found.get(k) != register.get(k)}
        if name == "leads":
            wrong -= {key for key in both if found.get(key) in ("+", "uploaded")}
        for key in sorted(wrong)[:5]:
            yield f"{name} has {key} with {found.get(key)}; due {register.get(key)}"
    created = {offer_id for offer_id, offer in offers.items() if offer.version}
    if listed := state.members("catalogue") ^ created:
        yield f"the catalogue and the offers differ in {sorted(listed)[:5]}"
    highest = max((offer.number or 0 for offer in offers.values()), default=0)
    if state.number("numbers") < highest:
        yield f"the next offer gets a number below {highest}, which is given"
