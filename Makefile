# Every target sets itself up: `make demo` and `make test` need only Python 3.11 or later.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.PHONY: install demo test lint bench screenshots soak clean
MINUTES ?= 60
ENGINES ?= ours,streams,quix,faust,bare

install: $(BIN)/redeemonce

$(BIN)/redeemonce: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; set PYTHON=python3.12, say")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo,dev]'
	@touch $@

demo: install
	$(BIN)/redeemonce demo

# Most tests wait for servers: more processes than cores, each with its own Kafka and Redis.
test: install
	$(BIN)/python -m tests.pages.browser
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Writes docs/BENCHMARKS.md; `$(BIN)/python -m tests.benchmarks` lists what measures parts of it.
bench: $(VENV)/.bench
	$(BIN)/redeemonce bench everything --engines $(ENGINES)

$(VENV)/.bench: $(BIN)/redeemonce
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

# The pictures of the README, of pages that a worker serves here and now.
screenshots: install
	$(BIN)/python -m tests.pages.browser
	$(BIN)/python -m tests.pages.screenshots

# Every kind of fault, in rounds of five minutes with a seed each: make soak MINUTES=60
soak: install
	$(BIN)/python -m tests.faults.driver --seconds 300 --minutes $(MINUTES)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf tests/benchmarks/peers/quix/.venv tests/benchmarks/peers/kafka_streams/target
