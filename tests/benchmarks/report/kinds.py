"""What is measured, and how the page shows it: kinds of sections with their columns."""

from typing import Literal, NamedTuple


class Column(NamedTuple):
    """``compared``: its ratio stands beside it."""

    name: str
    unit: str = ""
    compared: bool = False


RATE = Column("rate", "a second", compared=True)
SECOND_HALF = Column("of the second half", "a second", compared=True)
WITH_START = Column("with the program's start", "a second")
WHOLE = Column("start to last commit", "s")
ALL = Column("processor", "µs each", compared=True)
ALL_WITH_START = Column("processor with the start", "µs each", compared=True)
PROGRAM = Column("of it the program", "µs each")
REDIS = Column("Redis", "µs each")
KAFKA = Column("Kafka", "µs each")
OTHERS = Column("busy with others", "cores")
WRONG = Column("missing, doubled or refused")
P50 = Column("p50", "ms", compared=True)
P99 = Column("p99", "ms", compared=True)
LONGEST = Column("longest", "ms")
SENT = Column("sent", "a second")
LATE = Column("sender late by, at the worst", "ms")
MISSING = Column("without an outcome")
BYTES = Column("Redis a coupon with its customer's counts", "bytes")
REQUEST_BYTES = Column("its request id", "bytes")
REDIS_MEMORY = Column("Redis in all", "GB")
REDIS_RESIDENT = Column("of the system's memory", "GB")
DISK = Column("on disk: Kafka and Redis", "GB")
MEMORY = Column("memory at the most", "MB")

COSTS = (ALL, PROGRAM, REDIS, KAFKA)


class Kind(NamedTuple):
    """A section is ``name`` and what was given (``given``, such as how many records), and has a row
    for each of ``row``. ``ratio``: of the row called `ours.NAME` to this one, of this one to the
    section's first, or none. ``details``: columns of a second table, without ratios."""

    name: str
    title: str
    about: str
    given: str
    row: str
    columns: tuple[Column, ...]
    details: tuple[Column, ...] = ()
    ratio: Literal["ours to it", "to the first", ""] = ""


KINDS = (
    Kind(
        "drain", "Redeems from a backlog",
        "The requests lie in Kafka, the program starts and works until all is committed. Rates go "
        "by the broker's stamps of the first and the last result. Processor time is that of all "
        "processes, counted from the first result on, and once more with the program's start. No "
        "program is warm before: the second half shows a JVM that is.",
        "backlog", "engine",
        (RATE, SECOND_HALF, ALL, ALL_WITH_START),
        (PROGRAM, REDIS, KAFKA, WHOLE, WRONG, OTHERS), "ours to it",
    ),
    Kind(
        "latency", "From send to committed outcome",
        "Requests are sent at a steady pace, whatever becomes of them; a wait begins when its "
        "request was due and ends when a reader of committed records has the outcome. Sender and "
        "reader share the cores, and are the same program for every engine. A round before the "
        "first isn't counted: the broker is a JVM too, and compiles in it.",
        "a second", "engine",
        (P50, P99), (LONGEST, *COSTS, SENT, LATE, MISSING, OTHERS), "ours to it",
    ),
    Kind(
        "curve", "The same at other rates",
        "One pace after the other on the same program, which is warm by then.",
        "a second", "engine",
        (P50, P99), (LONGEST, *COSTS, SENT, LATE, MISSING, OTHERS), "ours to it",
    ),
    Kind(
        "issue", "Bulk issue",
        "One coupon to each customer, who has none yet, with an id of 12 bytes, from a backlog. "
        "What the remembered request ids take in Redis is measured by deleting them at the end.",
        "coupons", "",
        (RATE, SECOND_HALF, WHOLE, BYTES, REQUEST_BYTES),
        (*COSTS, REDIS_MEMORY, REDIS_RESIDENT, DISK, OTHERS),
    ),
    Kind(
        "reminders", "Reminders due in the same minute",
        "One to the recipient of each coupon; tills redeem at a steady pace, first alone, then "
        "while the reminders are sent. Their rate goes by the broker's stamps.",
        "reminders", "who",
        (RATE, WHOLE, P50, P99), (LONGEST, *COSTS, SENT, MISSING, OTHERS),
    ),
    Kind(
        "rebuild", "`rebuild`: the ledger made again from the outcomes",
        "Half of them issues, half of them redeems; Redis is empty at the start.",
        "outcomes", "", (RATE, WITH_START, *COSTS, OTHERS),
    ),
    Kind(
        "audit", "`audit`: all of it recomputed from the topics, and compared",
        "On the same history, with the program's start.",
        "outcomes", "", (RATE, *COSTS, MEMORY, OTHERS),
    ),
    Kind(
        "codes", "Codes",
        "All of a randomised series, to a CSV file, each of them counted afterwards.",
        "codes", "", (RATE, ALL, MEMORY),
    ),
    Kind(
        "growth", "What a decision costs as things grow",
        "Redeems from a backlog. Of the ledger, Redis doesn't write its log anew meanwhile: each "
        "page of memory takes a fault after that, at its first write.",
        "grown", "size", (ALL,), (PROGRAM, REDIS, KAFKA, RATE, OTHERS), "to the first",
    ),
)  # fmt: skip
