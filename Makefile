# make run    the server with its own PostgreSQL and a simulated fleet
# make test   everything the project checks
# make bench  the store's speed beside PostgreSQL's COPY
# make bench-history  how fast 50 million rows are read (20 GB of disk; fewer: BENCH_HISTORY='--rows 5000000')
# make bench-connections  ten thousand devices on one process
# make bench-decode  fixes a second that each vendor decodes on one core
# make fuzz   ten million mutated messages over all vendors; COUNT=1000000, SEED= to repeat a run
# make docs-vendors  writes the pages in docs/vendors/ from the vendors
# make bench-crowds  how long devices wait beside crowds that mean no good
# make bench-live  a thousand browsers, a thousand vehicles (ten minutes of it: BENCH_LIVE=--long)
# make chaos  proof that nothing acknowledged is lost: rounds of load in which everything fails; ROUNDS=20, SEED= to repeat one

PYTHON ?= python3
BIN = .venv/bin
RUN_DATA ?= .waygps
VEHICLES ?= 20
ROUNDS ?= 20
COUNT ?= 10000000
SEED ?=

.PHONY: run test lint types pytest bench bench-connections bench-crowds bench-decode bench-history bench-live chaos fuzz docs-vendors clean

run: .venv/run
	@WAYGPS_DATA_DIR=$${WAYGPS_DATA_DIR:-$(RUN_DATA)} $(BIN)/twistd -n --pidfile= waygps --simulate $(VEHICLES)

test: lint types pytest

lint: .venv/test
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/test
	$(BIN)/mypy waygps protocols tests benchmarks chaos

pytest: .venv/test
	TEST_CHROMIUM="$$(tools/chromium)" && TEST_POSTGIS="$$(tools/postgis)" && TEST_REDIS="$$(tools/redis)" && \
	export TEST_CHROMIUM TEST_POSTGIS TEST_REDIS && \
	$(BIN)/python -m pytest -n auto

bench: .venv/test
	$(BIN)/python -m benchmarks.store

bench-connections: .venv/test
	$(BIN)/python -m benchmarks.connections

bench-crowds: .venv/test
	$(BIN)/python -m benchmarks.crowds

bench-history: .venv/test
	$(BIN)/python -m benchmarks.history $(BENCH_HISTORY)

bench-decode: .venv/test
	$(BIN)/python -m benchmarks.decode

fuzz: .venv/test
	$(BIN)/python -m waygps.conformance.fuzz --count $(COUNT) $(if $(SEED),--seed $(SEED))

docs-vendors: .venv/test
	$(BIN)/waygps plugin page --dir docs/vendors
bench-live: .venv/test
	$(BIN)/python -m benchmarks.live $(BENCH_LIVE)

chaos: .venv/test
	@$(BIN)/python -W "ignore:XDG_RUNTIME_DIR is not set" -m chaos --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED))

.venv/run: setup.cfg pyproject.toml tools/venv
	tools/venv $(PYTHON) .venv
	$(BIN)/pip install --quiet --editable .
	touch $@

.venv/test: .venv/run
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis artifacts
