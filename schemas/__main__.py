"""`python -m schemas` prints the JSON Schema of all that travels: what docs/schemas.json is."""

import sys

import orjson

from schemas.publish import published

sys.stdout.buffer.write(orjson.dumps(published(), option=orjson.OPT_INDENT_2) + b"\n")
