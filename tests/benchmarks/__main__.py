"""`make bench`, and `python -m tests.benchmarks COMMAND` for a part of it."""

import sys
import time
from importlib.util import find_spec

import click


def main() -> None:
    if find_spec("matplotlib") is None:
        sys.exit("Error: matplotlib draws the plots: .venv/bin/pip install --editable '.[bench]'")
    from tests.benchmarks.commands import benchmarks
    from tests.benchmarks.ground import BenchmarkError

    began = time.monotonic()
    try:
        benchmarks(prog_name="python -m tests.benchmarks", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(f"stopped after {time.monotonic() - began:.0f} s")
    except BenchmarkError as error:
        sys.exit(f"Error: {error}")


main()
