"""The programs in Lua that read and write the ledger, each in one call."""

from enum import Enum
from hashlib import sha1
from importlib.resources import files
from typing import Any, NamedTuple

import redis

from state.layout import IssueOp, OfferOp, RedeemOp, RemindOp, RevokeOp, bound


class Script:
    """A Lua program of ``state/lua``: its parts in order, names of fields and reasons filled in."""

    def __init__(self, *parts: str, operation: type[NamedTuple] | None = None) -> None:
        folder = files("state") / "lua"
        texts = [(folder / f"{part}.lua").read_text("utf-8") for part in parts]
        self.text = bound("\n".join(texts), operation)
        self.sha = sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def run(self, client: Any, base: str, *arguments: bytes) -> list[bytes]:
        """Its answer. Loads itself where the server doesn't know it yet."""
        try:
            answer: list[bytes] = client.evalsha(self.sha, 1, base, *arguments)
        except redis.exceptions.NoScriptError:
            answer = client.eval(self.text, 1, base, *arguments)
        return answer


#: What is in the ledger, as every script reads and writes it.
_STATE = (
    "prelude", "tables", "offer", "ranges", "ends", "coupons", "customer_records", "customers",
    "write_all",
)  # fmt: skip


class Transition(Enum):
    """What a batch of requests can do to the ledger."""

    ISSUE = Script(*_STATE, "server", "fence", "batch", "issue", operation=IssueOp)
    REDEEM = Script(
        *_STATE,
        "server",
        "fence",
        "batch",
        "refusals",
        "common_code",
        "redeem",
        "reverse",
        operation=RedeemOp,
    )
    REVOKE = Script(*_STATE, "server", "fence", "batch", "revoke", operation=RevokeOp)
    REMIND = Script(*_STATE, "server", "fence", "batch", "remind", operation=RemindOp)
    OFFERS = Script(
        *_STATE, "registers", "parts", "server", "fence", "batch",
        "offer_refusals", "offers", "exports", "uploads", operation=OfferOp,
    )  # fmt: skip


RESTORE = Script(
    *_STATE, "registers", "parts", "server", "lock",
    "restore_issues", "restore_redemptions", "restore_facts", "restore_offers", "restore",
)  # fmt: skip
OPEN = Script("prelude", "server", "lock", "open")
TAKE_LOCK = Script("server", "lock", "take_lock")
LOOKUP = Script(*_STATE, "lookup")
WIPE = Script("server", "lock", "wipe")
PLAN = Script("server", "plan")
GROW = Script("prelude", "tables", "server", "lock", "grow")
