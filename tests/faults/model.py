"""The rules once more, as plain as they can be: replays what was decided, offer by offer, in the
order of the decisions' own numbers, and says where a decision or a total isn't what it had to be.
"""

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

#: Numbered among its offer's decisions: what changed nothing isn't.
Decided = tuple[int, dict[str, Any], dict[str, Any]]


@dataclass
class Use:
    customer_id: str
    stands: bool = True


@dataclass
class Coupon:
    customer_id: str
    uses: dict[str, Use] = field(default_factory=dict)  # by redemption_id

    def standing(self) -> int:
        return sum(use.stands for use in self.uses.values())


@dataclass
class OfferModel:
    """One offer's state. ``rules``: the offer as the `offers` topic has it."""

    rules: dict[str, Any]
    issued: dict[str, int] = field(default_factory=dict)  # by customer
    redeemed: dict[str, int] = field(default_factory=dict)
    coupons: dict[str, Coupon] = field(default_factory=dict)  # by code
    standing: int = 0  # redemptions not reversed

    def expected(self, request: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        """The reason to refuse it, None to accept; and what an outcome then says."""
        return getattr(self, request["type"])(request)  # type: ignore[no-any-return]

    def issue(self, request: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        customer_id, limits = request["customer_id"], self.rules["issue"]
        count = self.issued.get(customer_id, 0)
        if reached(limits["max_per_customer"], count):
            return "customer_limit_reached", {}
        if reached(limits["max_total"], len(self.coupons)):
            return "offer_limit_reached", {}
        self.issued[customer_id] = count + 1
        number = len(self.coupons)
        return None, {
            "coupon_id": f"{self.rules['offer_id']}:{number}",
            "totals": {"customer": count + 1, "offer": number + 1},
        }

    def redeem(self, request: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        customer_id, limits = request["customer_id"], self.rules["redeem"]
        coupon, count = self.coupons[request["code"]], self.redeemed.get(customer_id, 0)
        uses = limits["uses_per_coupon"]
        if uses != "unlimited" and coupon.standing() >= uses:
            return "coupon_redeemed", {}
        if not limits["anyone_may_redeem"] and coupon.customer_id != customer_id:
            return "not_recipient", {}
        if reached(limits["max_per_customer"], count):
            return "customer_limit_reached", {}
        if reached(limits["max_total"], self.standing):
            return "offer_limit_reached", {}
        coupon.uses[request["request_id"]] = Use(customer_id)
        self.redeemed[customer_id] = count + 1
        self.standing += 1
        bill = request["bill"]
        percent = Decimal(self.rules["discount"]["percent"])
        amount = (Decimal(bill["amount"]) * percent / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
        discount = {"amount": str(amount), "currency": "INR", "lines": [str(amount)]}
        return None, {"discount": discount, "bill": bill} | self.totals(coupon, customer_id)

    def reverse(self, request: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        customer_id, redemption_id = request["customer_id"], request["redemption_id"]
        coupon = self.coupons[request["code"]]
        use = coupon.uses.get(redemption_id)
        if use is None or use.customer_id != customer_id:
            return "redemption_not_found", {}
        if not use.stands:
            return "already_reversed", {}
        use.stands = False
        self.redeemed[customer_id] -= 1
        self.standing -= 1
        return None, {"redemption_id": redemption_id} | self.totals(coupon, customer_id)

    def totals(self, coupon: Coupon, customer_id: str) -> dict[str, Any]:
        counts = {
            "coupon": coupon.standing(),
            "customer": self.redeemed[customer_id],
            "offer": self.standing,
        }
        return {"totals": counts}


def reached(limit: int | None, count: int) -> bool:
    return limit is not None and count >= limit


class Model:
    """Collects decisions, then judges them. Adds what is wrong to ``problems``."""

    def __init__(self, offers: dict[str, dict[str, Any]], problems: list[str]) -> None:
        self._offers = {offer_id: OfferModel(rules) for offer_id, rules in offers.items()}
        self._problems = problems
        self._decided: dict[str, list[Decided]] = {offer_id: [] for offer_id in offers}
        self._unknown_codes: set[str] = set()

    def note(self, request: dict[str, Any], said: dict[str, Any]) -> None:
        if said["reason"] == "code_not_found":
            self._unknown_codes.add(request["code"])
        sequence = (said.get("ledger") or {}).get("sequence")
        if sequence is not None and not said["replayed"]:
            self._decided[said["offer_id"]].append((sequence, request, said))

    def judge(self) -> None:
        for offer_id, decided in self._decided.items():
            decided.sort(key=lambda each: each[0])
            numbers = [sequence for sequence, _, _ in decided]
            if numbers != list(range(1, len(numbers) + 1)):
                self._problems.append(f"{offer_id}: its decisions aren't numbered 1, 2, 3, ...")
                continue
            for _, request, said in decided:
                if request["type"] in ("issue", "redeem", "reverse"):
                    self._judge(self._offers[offer_id], request, said)
        given = {code for offer in self._offers.values() for code in offer.coupons}
        if given & self._unknown_codes:
            self._problems.append(f"issued, and not found: {given & self._unknown_codes}")

    def _judge(self, offer: OfferModel, request: dict[str, Any], said: dict[str, Any]) -> None:
        try:
            reason, content = offer.expected(request)
        except KeyError as unknown:
            self._problems.append(f"{request['request_id']}: decided on unknown {unknown}")
            return
        if reason is None and request["type"] == "issue":
            taken = any(said.get("code") in other.coupons for other in self._offers.values())
            if taken:
                self._problems.append(f"{request['request_id']}: code given twice")
            offer.coupons[said.get("code", said["request_id"])] = Coupon(request["customer_id"])
        told = {name: said.get(name) for name in content}
        if said["reason"] != reason or told != content:
            self._problems.append(
                f"{request['request_id']}: {said['reason'] or told}, not {reason or content}"
            )

    def issued(self) -> dict[str, int]:
        """Coupons of each offer, once judged."""
        return {offer_id: len(offer.coupons) for offer_id, offer in self._offers.items()}

    def standing(self) -> dict[str, int]:
        """Redemptions of each offer that stand, once judged."""
        return {offer_id: offer.standing for offer_id, offer in self._offers.items()}
