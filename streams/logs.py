"""What the worker writes to its log: lines for people, or JSON for programs."""

import logging
import sys

import orjson

from schemas.times import utc_moment
from streams.settings import Settings

#: What every record of Python's logging has; whatever else it has was said with it.
_PLAIN = {*vars(logging.makeLogRecord({})), "message", "asctime"}


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger, message, and what was said with it."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": utc_moment(int(record.created * 1_000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _PLAIN},
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def configure(settings: Settings) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonLines()
        if settings.log_format == "json"
        else logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
