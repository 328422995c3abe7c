# What make can do: `make help`.

PYTHON ?= python3
RAW ?= raw
OUT ?= processed
BIN := .venv/bin

export PREFECT_HOME ?= $(CURDIR)/.prefect

.PHONY: help run test quick check bench-setup lock clean

help:        ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

run: .venv/.run  ## set up and run the flow on RAW (raw) into OUT (processed) with a private Prefect server
	@install -d -m 700 "$(PREFECT_HOME)"
	@$(BIN)/winnow-ingest "$(RAW)" "$(OUT)"
	@echo "Datasets:  $$($(BIN)/winnow path documents $(OUT))"
	@echo "Report:    $$($(BIN)/winnow report $(OUT))"
	@echo "Ask:       $(BIN)/winnow sql 'select path, kind, lang, title from documents' $(OUT)"

test: .venv/.dev  ## set up and pass every test
	$(BIN)/pytest -q -n auto --dist worksteal

quick: check  ## lint, types and the fast tests, in a minute
	$(BIN)/pytest -q -n auto $(FAST)
FAST := tests/boilerplate tests/dedup tests/extract tests/metadata tests/read tests/sections tests/text pipeline \
    tests/test_architecture.py tests/test_golden.py

check: .venv/.dev  ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench-setup: .venv/.bench  ## what benchmarks need beyond the product

# A virtual environment from locked, hashed requirements; remade when they change.
.venv/.run: requirements.lock pyproject.toml
	$(call install,requirements.lock)

.venv/.dev: requirements-dev.lock pyproject.toml
	$(call install,requirements-dev.lock)
	@touch .venv/.run

.venv/.bench: benchmarks/requirements.lock pyproject.toml
	$(call install,benchmarks/requirements.lock)
	@touch .venv/.run .venv/.dev

define install
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Winnow needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Setting up .venv from $(1) (a minute or two, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(1)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
endef

lock:  ## pin newer versions of the dependencies (needs uv)
	printf 'hatchling\n' > .venv/build.in
	uv pip compile $(LOCK) pyproject.toml .venv/build.in -o requirements.lock
	uv pip compile $(LOCK) --extra dev -c requirements.lock pyproject.toml .venv/build.in -o requirements-dev.lock
	uv pip compile $(LOCK) --extra dev --extra bench -c requirements-dev.lock pyproject.toml .venv/build.in \
	    -o benchmarks/requirements.lock
LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -q

clean:  ## remove the virtual environment and Prefect's database
	rm -rf .venv .prefect
