"""`python -m schemas` prints the JSON Schema of everything that travels; docs/schemas.json is that."""

import sys

import orjson

from schemas.publish import published

sys.stdout.buffer.write(orjson.dumps(published(), option=orjson.OPT_INDENT_2) + b"\n")
