# One door for people and machines: each target sets up what it needs. Only Python 3.11+, make and the package index are assumed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MARK := $(VENV)/.set-up
PORT ?= 3000
SHOP ?= demo

export DO_NOT_TRACK = 1
export DAGSTER_DISABLE_TELEMETRY = 1
export DBT_SEND_ANONYMOUS_USAGE_STATS = false
export GX_ANALYTICS_ENABLED = false

.PHONY: help setup demo dev test test-slow lint bench chaos docs clean

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/' | expand -t 14

setup: $(MARK)  ## Create .venv from requirements.lock; Java for Spark comes along as a package

$(MARK): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info[:2] < (3, 14); sys.exit(None if ok else f"Python 3.11, 3.12 or 3.13 is needed, not {sys.version.split()[0]}: make PYTHON=python3.11 setup")'
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m orchestration.prepare
	$(BIN)/python -m transforms.warm
	@touch $(MARK)

demo: $(MARK)  ## Simulate a shop, run the main job on it, say where the results are
	$(BIN)/shopwright simulate
	$(BIN)/shopwright run --shop demo

dev: $(MARK)  ## Open the Dagster UI on 127.0.0.1
	$(BIN)/shopwright dev --shop $(SHOP) --port $(PORT)

test: $(MARK)  ## Run the test suite
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup

test-slow: $(MARK)  ## Run the tests that take long
	$(BIN)/python -m pytest -m slow

lint: $(MARK)  ## ruff, mypy, import contracts, sqlfluff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --disable-progress-bar --processes 2 dbt_project/models

bench: $(MARK)  ## Measure speed, memory and accuracy; writes benchmarks/results
	$(BIN)/python -m benchmarks

chaos: $(MARK)  ## Kills, full disks and garbage, at full length
	$(BIN)/python -m pytest -m chaos

docs: $(MARK)  ## Documentation and lineage of the warehouse, one HTML page
	$(BIN)/shopwright docs --shop $(SHOP)

clean:  ## Remove what was made here (not the data home)
	rm -rf $(VENV) dbt_project/target build *.egg-info
