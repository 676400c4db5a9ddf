# make run    the server with its own PostgreSQL and a simulated fleet
# make test   everything the project checks
# make bench  the store's speed beside PostgreSQL's COPY

PYTHON ?= python3
BIN = .venv/bin
RUN_DATA ?= .waygps
VEHICLES ?= 20

.PHONY: run test lint types pytest bench clean

run: .venv/run
	@WAYGPS_DATA_DIR=$${WAYGPS_DATA_DIR:-$(RUN_DATA)} $(BIN)/twistd -n --pidfile= waygps --simulate $(VEHICLES)

test: lint types pytest

lint: .venv/test
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/test
	$(BIN)/mypy waygps protocols tests benchmarks

pytest: .venv/test
	TEST_CHROMIUM="$$(tools/chromium)" && export TEST_CHROMIUM && $(BIN)/python -m pytest -n auto

bench: .venv/test
	$(BIN)/python -m benchmarks.store

.venv/run: setup.cfg pyproject.toml tools/venv
	tools/venv $(PYTHON) .venv
	$(BIN)/pip install --quiet --editable .
	touch $@

.venv/test: .venv/run
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis artifacts
