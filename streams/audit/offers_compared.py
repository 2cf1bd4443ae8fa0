"""Offers as Redis has them beside what their outcomes say, and the registers they share."""

from collections.abc import Iterator
from typing import Any

import orjson

from schemas.times import to_second
from streams.audit.across import Offers
from streams.audit.model import OfferModel
from streams.audit.redis_state import RedisState, unpacked


def compare_offer(offer: OfferModel, fields: dict[bytes, bytes]) -> Iterator[str]:
    """What is wrong with an offer's hash."""
    found = {name.decode(): content for name, content in fields.items()}
    counts = {
        "number": offer.number,
        "version": offer.version,
        "issued": offer.issued,
        "redeemed": offer.redeemed,
        "sequence": offer.sequence,
        "watermark": offer.watermark,
        "closed": int(offer.closed),
    }
    for name, due in counts.items():
        said = found.get(name, b"").decode()
        if said != str(due):
            yield f"has {name} {said or 'missing'}; due {due}"
    definition = offer.definitions.get(offer.version)
    if definition is None:
        return
    yield from _definition_errors(definition, found)
    limits = unpacked(found["limits"]) if "limits" in found else {}
    for name, value in _limits(definition).items():
        if not _same(limits.get(name), value):
            yield f"has the limit {name} {limits.get(name)!r}; due {value!r}"


def _definition_errors(definition: dict[str, Any], found: dict[str, bytes]) -> Iterator[str]:
    codes = definition["coupons"]["codes"]
    written = orjson.loads(found.get("definition", b"{}"))
    if _bare(written) != _bare(definition):
        yield f"has another definition than version {found.get('version', b'').decode()}"
    for name, due in (("lead", codes.get("prefix")), ("offer_code", definition["offer_code"])):
        said = found.get(name, b"").decode()
        if said != (due or ""):
            yield f"has {name} {said}; due {due}"
    claim = unpacked(found["claim"]) if "claim" in found else None
    if claim != _claim(definition["claim"]):
        yield f"has the claim {claim}; due {_claim(definition['claim'])}"


def _same(found: Any, due: Any) -> bool:
    """1 and 1.0 are one, but 0 is not False: that means no limit."""
    return bool(found == due) and (type(found) is bool) == (type(due) is bool)


def _bare(definition: dict[str, Any]) -> dict[str, Any]:
    """Without what an offer is given: its prefix, its code, who claimed it."""
    bare = {name: part for name, part in definition.items() if name not in ("claim", "offer_code")}
    coupons = dict(bare.get("coupons") or {})
    codes = dict(coupons.get("codes") or {})
    codes.pop("prefix", None)
    return {**bare, "coupons": {**coupons, "codes": codes}}


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


def _limits(definition: dict[str, Any]) -> dict[str, Any]:
    """What the ledger has to decide by. False: no limit."""
    issue, redeem, expiry = definition["issue"], definition["redeem"], definition["expiry"]
    codes, uses = definition["coupons"]["codes"], redeem["uses_per_coupon"]
    characters = 10 if codes.get("charset") == "digits" else 36
    limits = {
        "ends_at": to_second(expiry["at"]) if expiry["type"] == "fixed_date" else False,
        "with_campaign": expiry["type"] == "with_campaign",
        "coupon_with_offer": definition["coupons"]["expiry"]["type"] == "with_offer",
        "issue_per_customer": issue["max_per_customer"] or False,
        "issue_gap_days": issue["min_gap_days"],
        "issue_total": issue["max_total"] or False,
        "anyone_may_redeem": redeem["anyone_may_redeem"],
        "uses_per_coupon": False if uses == "unlimited" else uses,
        "redeem_per_customer": redeem["max_per_customer"] or False,
        "redeem_gap_days": redeem["min_gap_days"],
        "redeem_total": redeem["max_total"] or False,
    }
    if codes["type"] == "unique":
        rest = codes["length"] - len(codes["prefix"] or "")
        limits["possible_codes"] = float(characters**rest)
    return limits


def compare_registers(offers: Offers, state: RedisState) -> Iterator[str]:
    """What only one offer can have, as Redis notes it, and its list of all offers."""
    codes, campaigns, leads = dict[str, str](), dict[str, str](), dict[str, str]()
    for offer_id, offer in offers.items():
        definition = offer.definitions.get(offer.version)
        if definition is None:
            continue
        codes[definition["offer_code"]] = offer_id
        claim, made = definition["claim"], definition["coupons"]["codes"]
        if claim and claim["service"] == "outbound":
            campaigns[claim["holder"]] = offer_id
        if made["type"] == "unique":
            length, lead = made["length"], made["prefix"]
            leads[f"{length}:{lead}"] = offer_id
            leads.update({f"{length}:{lead[:n]}": "+" for n in range(1, len(lead))})
    for name, due in (("offer_codes", codes), ("campaigns", campaigns), ("leads", leads)):
        found = {field.decode(): held.decode() for field, held in state.hash(name).items()}
        wrong = {key for key in found.keys() | due.keys() if found.get(key) != due.get(key)}
        for key in sorted(wrong)[:5]:
            yield f"{name} has {key} with {found.get(key)}; due {due.get(key)}"
    created = {offer_id for offer_id, offer in offers.items() if offer.version}
    if listed := state.members("catalogue") ^ created:
        yield f"the catalogue and the offers differ in {sorted(listed)[:5]}"
    highest = max((offer.number or 0 for offer in offers.values()), default=0)
    if state.number("numbers") < highest:
        yield f"the next offer gets a number below {highest}, which is given"
