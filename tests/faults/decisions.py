"""Replays what was decided, offer by offer, in the order of the decisions' own numbers, and says
where one isn't what it had to be.

A number that no outcome has was a decision that Redis lost before it was committed. That can only
be where the ledger was opened anew after a later number; until then decisions may rest on it.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tests.faults.model import OfferModel, Said, second_of, unknown_rules

#: Of lanes that are numbered, but whose rules aren't known here.
CHANGES, JUDGED = ("create", "edit", "claim"), ("issue", "redeem", "reverse", "revoke")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Of one offer or lane, problems named one by one.
_NAMED = 20
#: What isn't as it had to be, and how many lost decisions explain it.
Deviation = tuple[str, int]
_NEVER = 1 << 62
#: From a reminder's moment until it is decided, whatever happens to workers and servers.
_ASKED_MS = 45_000
#: A batch's decisions bear the moment of its beginning; it takes up to this.
_BATCH_MS = 2_000


class Decided(NamedTuple):
    """Numbered among its offer's decisions: what changed nothing isn't."""

    sequence: int
    request: dict[str, Any]
    said: Said
    laid_ms: int  # when its request was laid down
    decided_ms: int


@dataclass
class Loss:
    """Numbers in a row that were lost. ``before_ms``: they were decided before; ``standing``: of
    how many it may be that they aren't lost yet."""

    count: int
    before_ms: int
    standing: int


class Doubt:
    """Of how many decisions before this one it is known that they were lost after it.

    ``openings``: of the ledger, in milliseconds; what was decided between two is one epoch's. What
    was lost is lost at the next opening; or at a later one, if its request was decided only then.
    """

    def __init__(self, openings: list[int], decided: list[Decided]) -> None:
        self._openings = openings
        self._anew = [(bisect_right(openings, each.decided_ms), each.laid_ms) for each in decided]
        self._losses: list[Loss] = []
        self._epoch = self._last = 0

    def reach(self, decided: Decided) -> range:
        """Go on to the next decision. Returns the numbers of those lost before it."""
        epoch = max(self._epoch, bisect_right(self._openings, decided.decided_ms))
        if epoch > self._epoch:
            self._epoch = epoch
            for loss in self._losses:
                loss.standing = min(loss.standing, self._waiting(loss))
        hole = range(self._last + 1, decided.sequence)
        if hole:
            before_ms = decided.decided_ms + _BATCH_MS
            self._losses.append(Loss(len(hole), before_ms, len(hole)))
        self._last = decided.sequence
        return hole

    def _waiting(self, loss: Loss) -> int:
        """Requests that were there when it was decided, and are decided after this epoch."""
        if not loss.standing:
            return 0
        return sum(epoch > self._epoch and at <= loss.before_ms for epoch, at in self._anew)

    @property
    def is_last(self) -> bool:
        """Nothing that is decided now can have been lost since."""
        return self._epoch == len(self._openings)

    @property
    def lost(self) -> int:
        return sum(loss.standing for loss in self._losses)

    @property
    def lost_ever(self) -> int:
        return sum(loss.count for loss in self._losses)


@dataclass
class Decisions:
    """Collects decisions, then judges them. ``wrong`` hears of each problem."""

    time_zone: str
    openings: list[int]
    wrong: Callable[[str], None]
    counts: Counter[str]
    offers: dict[str, OfferModel] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    _decided: dict[str, list[Decided]] = field(default_factory=lambda: defaultdict(list))
    #: reminder_id -> customer, of each trigger that there has to be.
    reminded: dict[str, str] = field(default_factory=dict)
    _not_found: set[str] = field(default_factory=set)

    def note(self, request: dict[str, Any], said: Said, laid_ms: int) -> None:
        if said["reason"] == "code_not_found":
            self._not_found.add(request["code"])
        sequence = (said.get("ledger") or {}).get("sequence")
        if sequence is not None and not said["replayed"]:
            decided_ms = milliseconds_of(said["decided_at"])
            decided = Decided(sequence, request, said, laid_ms, decided_ms)
            self._decided[said["offer_id"]].append(decided)

    def judge(self) -> None:
        given: set[str] = set()
        last_ms = max((each[-1].decided_ms for each in self._decided.values()), default=0)
        for offer_id, decided in self._decided.items():
            decided.sort(key=lambda each: each.sequence)
            kinds = {each.request["type"] for each in decided}
            offer = self.offers[offer_id] = OfferModel(offer_id, self.time_zone, kinds)
            _OfferJudge(self, offer, decided).judge(last_ms)
            for code in given & offer.codes.keys():
                self.wrong(f"{offer_id}: code {code} is another offer's, too")
            given |= offer.codes.keys()
        if given & self._not_found:
            self.wrong(f"issued, and not found: {sorted(given & self._not_found)[:5]}")


class _OfferJudge:
    """Of one offer's decisions."""

    def __init__(self, whole: Decisions, offer: OfferModel, decided: list[Decided]) -> None:
        self._whole, self._offer, self._decided = whole, offer, decided
        self._doubt = Doubt(whole.openings, decided)
        self._problems = 0
        self._skipped = 0  # serials that are nobody's
        self._at_the_limit: Counter[tuple[str, int | None]] = Counter()
        self._first_ms = _NEVER  # when the first coupon was issued
        self._reminded: set[str] = set()  # names of reminders

    def judge(self, last_ms: int) -> None:
        for each in self._decided:
            number, request, said = each.sequence, each.request, each.said
            if number == self._offer.sequence:
                self._wrong(request, f"its number {number} was given twice")
            hole = self._doubt.reach(each)
            if hole:
                self._note_lost(hole)
            self._offer.sequence = number
            try:
                self._take(request, said)
                if request["type"] == "issue" and said["outcome"] == "accepted":
                    self._first_ms = min(self._first_ms, each.decided_ms)
            except (KeyError, ValueError, TypeError, AttributeError) as unknown:
                self._wrong(request, f"decided on unknown {unknown!r}")
        self._caps_are_met()
        self._all_were_reminded(last_ms)
        more = self._problems - _NAMED
        if more > 0:
            self._whole.wrong(f"{self._offer.offer_id}: {more} decisions more are wrong")

    def _wrong(self, request: dict[str, Any], what: str) -> None:
        self._problems += 1
        if self._problems <= _NAMED:
            self._whole.wrong(f"{self._offer.offer_id} {request['request_id']}: {what}")

    def _note_lost(self, hole: range) -> None:
        numbers = f"{hole[0]} to {hole[-1]}" if len(hole) > 5 else ", ".join(map(str, hole))
        self._whole.counts["lost"] += len(hole)
        self._whole.lost.append(f"offer {self._offer.offer_id}: {numbers} lost")
        if self._doubt.is_last:
            self._whole.wrong(
                f"{self._offer.offer_id}: its decisions aren't numbered 1, 2, 3, ...: {numbers} "
                "missing, and the ledger wasn't opened anew since"
            )

    def _take(self, request: dict[str, Any], said: Said) -> None:
        kind, offer, version = request["type"], self._offer, self._offer.version
        if kind in CHANGES:
            offer.fold(request, said)
            if unknown := unknown_rules(offer.rules):
                self._wrong(request, f"has rules that aren't known here: {', '.join(unknown)}")
            self._expect_version(request, said, version + (said["reason"] is None))
            return
        if kind == "remind":
            self._expect_version(request, said, version)
            self._remind(request, said)
            return
        if kind not in JUDGED:
            if said["outcome"] == "accepted" and kind != "resend":
                self._wrong(request, f"a {kind} isn't known here")
            return
        self._expect_version(request, said, version)
        needed, due = self._needed(request, said["reason"]), offer.reasons(request, 0)[0]
        ends = offer.active(request) if request.get("scope") == "customers" else []
        first, again = offer.next_serial, said.get("code") in offer.codes
        offer.fold(request, said)
        found = [(f"{said['reason'] or 'accepted'}, not {due or 'accepted'}", needed)]
        if said["outcome"] == "accepted":
            found += self._deviations(request, said)
            if kind == "revoke":
                found += self._revoke_deviations(request, said, ends)
            if kind == "issue":
                found += self._coupon_deviations(request, said, first)
                found += [(f"code {said['code']} was given before", _NEVER)] if again else []
        self._settle(request, said, [each for each in found if each[1]])

    def _remind(self, request: dict[str, Any], said: Said) -> None:
        name, offer, serials = request["reminder"], self._offer, said["ledger"]["reminded"]
        self._reminded.add(name)
        due = offer.ending(request, milliseconds_of(said["decided_at"]) // 1_000)
        deviations = []
        if off := len(set(serials) ^ set(due)):
            deviations.append((f"reminded of {serials[:5]}, not {due[:5]}", off))
        if said["late"]:
            deviations.append((f"{name} of {request['ends_on']} was too late", _NEVER))
        self._settle(request, said, deviations)
        for serial in serials:
            reminder_id = f"{offer.offer_id}:{serial}:{name}:{request['ends_on']}"
            if reminder_id in self._whole.reminded:
                self._wrong(request, f"{reminder_id} a second time")
            self._whole.reminded[reminder_id] = offer.coupons[serial].customer_id

    def _all_were_reminded(self, last_ms: int) -> None:
        """Whatever was due while the offer had coupons, and some time before the run's end."""
        for name, due in self._offer.reminders():
            while_running = self._first_ms + _ASKED_MS < due * 1_000 < last_ms - _ASKED_MS
            if while_running and name not in self._reminded:
                self._whole.wrong(f"{self._offer.offer_id}: nobody was reminded by {name}")

    def _needed(self, request: dict[str, Any], reason: str | None) -> int:
        """How many lost decisions can explain that reason."""
        for lost in (0, self._doubt.lost):
            if reason in self._offer.reasons(request, lost):
                return lost
        return _NEVER

    def _expect_version(self, request: dict[str, Any], said: Said, version: int) -> None:
        more = (said.get("offer_version") or 0) - version
        if not 0 <= more <= self._doubt.lost:
            self._wrong(request, f"offer_version {said.get('offer_version')}, not {version}")

    def _deviations(self, request: dict[str, Any], said: Said) -> Iterator[Deviation]:
        told = self._offer.told(request, said)
        fewer_may_be = request["type"] != "issue" and "reverse" in self._offer.kinds
        for name, count in told.pop("totals", {}).items():
            shown = said["totals"].get(name)
            off = (shown or 0) - (count or 0)
            needed = abs(off) if off > 0 or fewer_may_be else _NEVER
            if shown != count:
                yield f"totals.{name} {shown}, not {count}", needed
        for name, content in told.items():
            if said.get(name) != content:
                yield f"{name} {said.get(name)}, not {content}", _NEVER

    def _revoke_deviations(
        self, request: dict[str, Any], said: Said, ends: list[int]
    ) -> Iterator[Deviation]:
        """It may have found more coupons to end, or fewer, by what was lost since."""
        serials, watermark = said["ledger"]["revoked"], said["ledger"]["watermark"]
        if off := len(set(serials) ^ set(ends)):
            yield f"revoked {serials[:5]}, not {ends[:5]}", off
        if request["scope"] == "customers" and said["revoked"] != len(serials):
            yield f"revoked {said['revoked']}, not {len(serials)}", _NEVER
        due = self._offer.next_serial if request["scope"] == "unredeemed" else None
        if watermark != due:
            more = -1 if due is None or watermark is None else watermark - due
            yield f"watermark {watermark}, not {due}", more if more > 0 else _NEVER

    def _coupon_deviations(
        self, request: dict[str, Any], said: Said, first: int
    ) -> Iterator[Deviation]:
        """Its number is new and grows: no more are left out than were lost."""
        offer_id, _, serial = said["coupon_id"].rpartition(":")
        skipped = int(serial) - first
        left = self._doubt.lost_ever - self._skipped
        if offer_id != self._offer.offer_id or not 0 <= skipped <= left:
            yield f"coupon_id {said['coupon_id']}, not number {first}", _NEVER
        self._skipped += max(skipped, 0)
        if second_of(said["starts_at"]) != second_of(request["occurred_at"]):
            yield f"starts_at {said['starts_at']}, not {request['occurred_at']}", _NEVER
        if second_of(said["expires_at"]) != self._offer.ends:
            yield f"expires_at {said['expires_at']}, not the offer's end", _NEVER

    def _settle(self, request: dict[str, Any], said: Said, deviations: list[Deviation]) -> None:
        """In doubt where what was lost explains it; a problem else."""
        needed = max((count for _, count in deviations), default=0)
        in_doubt = 0 < needed <= self._doubt.lost
        self._whole.counts["in doubt"] += in_doubt
        if said["reason"] == "offer_limit_reached" and not in_doubt:
            self._at_the_limit[request["type"], self._cap(request["type"])] += 1
        if deviations and not in_doubt:
            self._wrong(request, "; ".join(text for text, _ in deviations))

    def _cap(self, kind: str) -> int | None:
        return (self._offer.rules.get(kind) or {}).get("max_total")

    def _caps_are_met(self) -> None:
        """Where one was refused for it, and none is given back, as many stand as may."""
        offer = self._offer
        for kind, count in (("issue", len(offer.coupons)), ("redeem", offer.standing)):
            cap = self._cap(kind)
            refused = self._at_the_limit[kind, cap]
            if refused and count != cap and (kind == "issue" or "reverse" not in offer.kinds):
                self._whole.wrong(
                    f"{offer.offer_id}: {kind}.max_total {cap}, {count} stand and {refused} were "
                    "refused for it"
                )


def milliseconds_of(moment: str) -> int:
    return int((datetime.fromisoformat(moment) - _EPOCH) // timedelta(milliseconds=1))
