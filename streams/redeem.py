"""Redeem, validate, reverse: use a coupon on a bill, ask whether one could, undo it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from schemas.money import from_minor
from schemas.reading import Reader
from schemas.reasons import Reason
from schemas.topics import REDEEM
from state.catalogue import Catalogue, CompiledOffer
from state.fingerprint import fingerprint
from state.keys import code_key, customer_key, request_key
from state.layout import Operation, RedeemOp
from state.ledger import Decided, Ledger, Transition
from streams.batches import new
from streams.outcomes import REST, change, changed_something, decision, or_none, written_moment
from streams.settings import Settings
from streams.work import Worded

_SERIAL = RedeemOp._fields.index("serial")


class Kept(NamedTuple):
    """What stays of a request until it is decided. ``asked``: how its outcome's JSON begins."""

    kind: str
    offer: CompiledOffer | None
    code: str
    fingerprint: bytes
    asked: str


class Redeeming:
    lane, transition, judges_by_offers = REDEEM, Transition.REDEEM, True

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self.reader = Reader(self.lane.types, settings.currency, settings.decimals)
        self._calendar, self._catalogue = settings.calendar, catalogue
        self._currency, self._decimals = settings.currency, settings.decimals

    # Judging -------------------------------------------------------------------------------------

    @property
    def looks_up(self) -> bool:
        """Of an uploaded code only Redis knows the offer."""
        return self._catalogue.has_uploads

    async def look_up(self, requests: list[dict[str, Any]], ledger: Ledger) -> None:
        """Puts into those with a code that may be uploaded its ``offer``, or None."""
        codes = [request["code"] for request in requests]
        unknown = self._catalogue.to_look_up(codes)
        if unknown:
            numbers = await ledger.offers_of_codes(unknown)
            uploaded = dict(zip(unknown, numbers, strict=True))
            for request in requests:
                request["offer"] = self._catalogue.uploaded_to(uploaded.get(request["code"]))

    def judge(self, offset: int, request: dict[str, Any]) -> tuple[Operation, Kept]:
        """The operation in the order of `RedeemOp`; `complete` adds the serial."""
        kind, code, request_id = request["type"], request["code"], request["request_id"]
        offer = request.get("offer") or self._catalogue.offer_of_code(code)
        content = fingerprint_of(request)
        customer_id = request.get("customer_id") or ""
        second = request["second"]
        day = self._calendar.day(second)
        offer_id, key, of_customer, of_code = "", b"", b"", b""
        verdict, lines, discount_minor = None, "", 0
        starts, expires = 0, None
        if offer is not None:
            offer_id = offer.offer_id
            if kind != "validate":
                key = request_key("redeem", offer.number, request_id)
            of_customer = customer_key(offer.number, customer_id)
            if kind != "reverse":
                verdict, lines, discount_minor = self._judged(offer, request)
            if offer.codes == "uploaded":
                of_code = code_key(code)
            elif offer.codes == "common":
                if customer_id or offer.start.type == "from_date":
                    starts = offer.starts(self._calendar, second, day)
                expires = offer.expires(self._calendar, day)
        operation = [
            offset,
            kind,
            request_id,
            key,
            content,
            offer_id,
            second,
            day,
            request["occurred_at"],
            customer_id,
            of_customer,
            False,
            verdict or False,
            lines,
            request.get("redemption_id", False),
            discount_minor,
            request.get("amount_minor", 0),
            of_code,
            starts,
            False if expires is None else expires,
        ]
        return operation, new(Kept, (kind, offer, code, content, _asked(request, offer)))

    def complete(self, operations: list[Any], kept: list[Kept]) -> None:
        """Serials of generated codes, read all at once, which costs hardly more than one."""
        generated, codes = [], []
        for operation, one in zip(operations, kept, strict=True):
            if one.offer is not None and one.offer.series is not None:
                generated.append(operation)
                codes.append((one.offer.series, one.code))
        for operation, serial in zip(generated, self._catalogue.serials_of(codes), strict=True):
            operation[_SERIAL] = False if serial is None else serial

    def _judged(
        self, offer: CompiledOffer, request: dict[str, Any]
    ) -> tuple[Reason | None, str, int]:
        """What the rules without memory say: the first that refuses, or the discount of each of
        several lines, and of all."""
        till = self._catalogue.tills.get(request["till_id"])
        found = offer.eligibility.judge(request, till)
        if isinstance(found, Reason):
            return found, "", 0
        if len(found) == 1:
            return None, "", found[0]
        return None, ",".join(map(str, found)), sum(found)

    # Wording -------------------------------------------------------------------------------------

    def worded(self, kept: list[Kept], decisions: list[Decided]) -> Iterator[Worded]:
        for one, decided in zip(kept, decisions, strict=True):
            if decided.content[0] or one.kind == "reverse":
                yield self._otherwise(one, decided), ()
            else:
                yield self._accepted(one, decided), ()

    def _otherwise(self, kept: Kept, decided: Decided) -> str:
        """Of what is refused, and of a reversal."""
        said, rest = decision(decided), decided.content[REST:]
        offer_id = kept.offer.offer_id if kept.offer else None
        said["coupon_id"] = f"{offer_id}:{rest[0]}" if rest else None
        if kept.kind != "reverse":
            said["discount"] = None
        elif not decided.content[0]:
            said["totals"] = {"coupon": rest[1], "customer": or_none(rest[2]), "offer": rest[3]}
        if changed_something(decided):
            said["ledger"] = change(decided, kept.fingerprint)
        return f"{kept.asked},{orjson.dumps(said)[1:-1].decode()}"

    def _accepted(self, kept: Kept, decided: Decided) -> str:
        """Of a redeem or validate. Nearly all outcomes are these: written at once it takes half of
        what a dict takes that is made into JSON."""
        # As `Decision` has them, then `Redeemed`.
        _, sequence, version, decided_at, occurred_at, *redeemed = decided.content
        serial, of_coupon, of_customer, of_offer, day, lines, discount_minor, bill_minor, issued = (
            redeemed
        )
        assert kept.offer is not None
        ledger = ""
        if changed_something(decided):
            ledger = (
                f',"ledger":{{"sequence":{sequence},"fingerprint":"{kept.fingerprint.hex()}",'
                f'"day":{day},"discount_minor":{discount_minor},"bill_minor":{bill_minor}'
                f"{_issued(*issued) if issued else ''}}}"
            )
        return (
            f'{kept.asked},"outcome":"accepted","reason":null,"detail":null,'
            f'"replayed":{"true" if decided.replayed else "false"},'
            f'"occurred_at":"{occurred_at}","decided_at":"{written_moment(decided_at)}",'
            f'"offer_version":{version},"coupon_id":"{kept.offer.offer_id}:{serial}",'
            f'"discount":{self._discount(discount_minor, lines)},'
            f'"totals":{{"coupon":{of_coupon},'
            f'"customer":{"null" if of_customer is False else of_customer},"offer":{of_offer}}}'
            f"{ledger}"
        )

    def _discount(self, discount_minor: int, lines: str) -> str:
        amount = from_minor(discount_minor, self._decimals)
        each = amount
        if lines:
            each = '","'.join(from_minor(int(minor), self._decimals) for minor in lines.split(","))
        return f'{{"amount":"{amount}","currency":"{self._currency}","lines":["{each}"]}}'


def _asked(request: dict[str, Any], offer: CompiledOffer | None) -> str:
    """How an outcome's JSON begins: what of it was known when the request was judged."""
    said = request if request["plain"] else _escaped(request)
    kind, offer_id = said["type"], None if offer is None else offer.offer_id
    begins = (
        f'{{"request_id":"{said["request_id"]}","type":"{kind}","offer_id":{_or_null(offer_id)},'
        f'"customer_id":{_or_null(said.get("customer_id"))},"code":"{said["code"]}",'
    )
    if kind == "reverse":
        till_id, redemption_id = _or_null(said.get("till_id")), said["redemption_id"]
        return f'{begins}"till_id":{till_id},"redemption_id":"{redemption_id}"'
    bill = said["bill"]
    return (
        f'{begins}"till_id":"{said["till_id"]}","bill":{{"number":"{bill["number"]}",'
        f'"amount":"{bill["amount"]}","currency":"{bill["currency"]}"}}'
    )


def _or_null(text: str | None) -> str:
    return "null" if text is None else f'"{text}"'


def _escaped(content: Any) -> Any:
    """A request with its texts as they stand between the quotes of JSON."""
    if isinstance(content, dict):
        return {name: _escaped(inner) for name, inner in content.items()}
    return _in_json(content) if isinstance(content, str) else content


def _in_json(text: str) -> str:
    return orjson.dumps(text)[1:-1].decode()


def _issued(starts: int, expires: int | bool) -> str:
    """Of a coupon that was issued with its redemption."""
    return f',"issued":{{"starts":{starts},"expires":{"null" if expires is False else expires}}}'


def fingerprint_of(request: dict[str, Any]) -> bytes:
    kind, customer_id = request["type"], request.get("customer_id")
    code = request["code"]
    if kind == "reverse":
        return fingerprint(
            kind, request["redemption_id"], code, customer_id, request.get("till_id")
        )
    bill, tags = request["bill"], request.get("customer_tags")
    lines = [
        (line["sku"], line.get("category"), line.get("brand"), line.get("quantity"), amount,
         line.get("on_sale", False))
        for line, amount in zip(
            bill.get("lines") or (), request.get("line_minors", ()), strict=True
        )
    ]  # fmt: skip
    return fingerprint(
        kind, code, customer_id, sorted(tags) if tags else None, request["till_id"],
        bill["number"], request["amount_minor"], lines,
    )  # fmt: skip
