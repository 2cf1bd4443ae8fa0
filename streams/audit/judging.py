"""A redeem or validate beside its request: discount and amounts, and what refuses it by its bill,
customer, till and time, by the version of the offer that decided it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from schemas.money import to_minor
from schemas.reasons import Reason
from streams.audit.decision import Redeeming, decided_ms, second_of
from streams.audit.matching import discount_errors
from streams.audit.places import Tills
from streams.audit.rules import Rules
from streams.settings import Settings

#: Refusals that need no memory; in a fold they stand together, between others.
STATELESS = frozenset(
    {
        Reason.CUSTOMER_EXCLUDED,
        Reason.STORE_NOT_ALLOWED,
        Reason.OUTSIDE_TIME_WINDOW,
        Reason.BILL_AMOUNT_OUT_OF_RANGE,
        Reason.NO_ELIGIBLE_ITEMS,
    }
)
_PASSED: tuple[str | None, ...] = (None,)
_UNKNOWN = Redeeming((), None, None, None)
_REFUSED = {
    verdicts: Redeeming(verdicts, None, None, None)
    for verdicts in (_PASSED, *((reason,) for reason in STATELESS))
}


class BillJudge:
    """``discounts``: how many were computed anew."""

    def __init__(self, settings: Settings) -> None:
        self._unit = Decimal(1).scaleb(-settings.decimals)
        self._decimals, self._currency = settings.decimals, settings.currency
        self._time_zone = settings.time_zone
        self.tills = Tills()
        self.discounts = 0

    def judge(
        self, said: dict[str, Any], request: dict[str, Any] | None, rules: Rules | None
    ) -> tuple[Redeeming, list[str]]:
        """What the fold needs to know, and what is wrong with the outcome by itself."""
        accepted = said["reason"] is None
        wrong = list(self._amount_errors(said)) if accepted else []
        verdicts: tuple[str | None, ...] = ()
        discount_minor = bill_minor = None
        if request is not None and rules is not None:
            discount, ineligible = None, False
            if accepted or rules.budget_discount is not None:
                discount = rules.bills.discount(request["bill"], self._unit)
                ineligible = discount is None
            else:
                ineligible = not rules.bills.has_eligible(request["bill"])
            if accepted:
                self.discounts += 1
                wrong += discount_errors(said, discount, self._currency, self._unit)
            elif discount is not None:
                discount_minor = int(discount[0].scaleb(self._decimals))
            verdicts = self._verdicts(said, request, rules, ineligible)
            wrong += _verdict_errors(said, verdicts)
        if not accepted:
            if discount_minor is None and (known := _REFUSED.get(verdicts)):
                return known, wrong
            return (
                Redeeming(verdicts, discount_minor, None, None) if verdicts else _UNKNOWN
            ), wrong
        change = said.get("ledger")
        if change is None:
            return _UNKNOWN, wrong
        discount_minor, bill_minor = change["discount_minor"], change["bill_minor"]
        given = change.get("issued")
        issued = (given["starts"], given["expires"], decided_ms(said)) if given else None
        return Redeeming(verdicts, discount_minor, bill_minor, issued), wrong

    def _amount_errors(self, said: dict[str, Any]) -> Iterator[str]:
        change = said.get("ledger")
        if change is None:
            return
        for name, shown in (("discount", said["discount"]), ("bill", said["bill"])):
            noted, due = change[f"{name}_minor"], to_minor(shown["amount"], self._decimals)
            if noted != due:
                yield f"noted a {name} of {noted} minor units and shows {shown['amount']}"

    def _verdicts(
        self, said: dict[str, Any], request: dict[str, Any], rules: Rules, ineligible: bool
    ) -> tuple[str | None, ...]:
        bills, places = rules.bills, rules.places
        if bills.excluded_tags and bills.excludes_customer(request.get("customer_tags")):
            return (Reason.CUSTOMER_EXCLUDED,)
        last: str | None = Reason.NO_ELIGIBLE_ITEMS if ineligible else None
        if bills.out_of_range(request["bill"]):
            last = Reason.BILL_AMOUNT_OUT_OF_RANGE
        if places is None:
            return (last,) if last else _PASSED
        known = self.tills.possible(request["till_id"], decided_ms(said))
        second = second_of(said["occurred_at"])
        found = [one or last for one in places.refusals(known, second, self._time_zone)]
        return tuple(dict.fromkeys(found))


def _verdict_errors(said: dict[str, Any], verdicts: tuple[str | None, ...]) -> Iterator[str]:
    """Of a validate, which has no place in a fold; a redeem is judged there."""
    reason = said["reason"]
    if said["type"] != "validate":
        return
    if reason in STATELESS and reason not in verdicts:
        yield f"was refused as {reason}; by the rules without memory it is {verdicts[0]}"
    elif reason is None and None not in verdicts:
        yield f"was accepted; by the rules it is to be refused as {verdicts[0]}"
