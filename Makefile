# What make can do: `make help`.

PYTHON ?= python3
RAW ?= raw
OUT ?= processed
VENV ?= .venv
BIN := $(VENV)/bin

export PREFECT_HOME ?= $(CURDIR)/.prefect

.PHONY: help run test quick fast check coverage fast-coverage pythons bench-setup bench-peers lock clean

help:        ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 16

run: $(VENV)/.run  ## set up and run the flow on RAW (raw) into OUT (processed) with a private Prefect server
	@install -d -m 700 "$(PREFECT_HOME)"
	@$(BIN)/winnow-ingest "$(RAW)" "$(OUT)"
	@echo "Datasets:  $$($(BIN)/winnow path documents $(OUT))"
	@echo "Report:    $$($(BIN)/winnow report $(OUT))"
	@echo "Ask:       $(BIN)/winnow sql 'select path, kind, lang, title from documents' $(OUT)"

test: $(VENV)/.dev  ## set up and pass every test
	$(BIN)/pytest -q -n auto --dist worksteal

quick: check fast  ## lint, types and the fast tests, in a minute

fast: $(VENV)/.dev  ## the fast tests
	$(BIN)/pytest -q -n auto $(FAST)
FAST := tests/boilerplate tests/dedup tests/extract tests/metadata tests/read tests/sections tests/text pipeline \
    tests/test_architecture.py tests/test_golden.py

coverage: $(VENV)/.dev  ## every test, and what of the product none of them reaches
	$(call measured,--dist worksteal,pipeline/* flows/*)

fast-coverage: $(VENV)/.dev  ## the fast tests, and what of the text stages none of them reaches
	$(call measured,$(FAST),$(TEXT_STAGES:%=pipeline/%/*))
TEXT_STAGES := boilerplate dedup extract metadata read sections text

# The total, and modules under 80 %. From Python 3.12 on the interpreter itself tells which lines were run, at next to no cost.
define measured
	@rm -rf .coverage && mkdir .coverage
	COVERAGE_CORE=$$($(BIN)/python -c 'import sys; print("sysmon" if sys.version_info >= (3, 12) else "ctrace")') \
	    $(BIN)/coverage run -m pytest -q -n auto $(1)
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage report --include='$(subst $(space),$(comma),$(2))' | awk '$$1 == "TOTAL" || $$NF ~ /%/ && $$NF + 0 < 80'
endef
comma := ,
space := $(subst ,, )

pythons:  ## the fast tests on the oldest and the newest supported Python, where they are found
	.ci/pythons 3.11 3.13

check: $(VENV)/.dev  ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench-setup: $(VENV)/.bench  ## what benchmarks need beyond the product

bench-peers: $(VENV)-peers/.peers  ## datatrove for benchmarks, in an environment of its own (VENV-peers)

# A virtual environment from locked, hashed requirements; remade when they change.
$(VENV)/.run: requirements.lock pyproject.toml
	$(call install,requirements.lock)

$(VENV)/.dev: requirements-dev.lock pyproject.toml
	$(call install,requirements-dev.lock)
	@touch $(VENV)/.run

$(VENV)/.bench: benchmarks/requirements.lock pyproject.toml
	$(call install,benchmarks/requirements.lock)
	@touch $(VENV)/.run $(VENV)/.dev

# Peers that want other versions than the product and its other peers. Nothing of ours is installed there.
$(VENV)-peers/.peers: benchmarks/peers.lock
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@echo "Setting up $(@D) from $< (a minute or two, once)"
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

define install
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Winnow needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up $(VENV) from $(1) (a minute or two, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(1)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/winnow warm > /dev/null
	@touch $@
endef

lock:  ## pin newer versions of the dependencies (needs uv)
	printf 'hatchling\n' > $(VENV)/build.in
	uv pip compile $(LOCK) pyproject.toml $(VENV)/build.in -o requirements.lock
	uv pip compile $(LOCK) --extra dev -c requirements.lock pyproject.toml $(VENV)/build.in -o requirements-dev.lock
	uv pip compile $(LOCK) --extra dev --extra bench -c requirements-dev.lock pyproject.toml $(VENV)/build.in \
	    -o benchmarks/requirements.lock
	uv pip compile $(LOCK) benchmarks/peers.in -o benchmarks/peers.lock
LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -q

clean:  ## remove the virtual environment and Prefect's database
	rm -rf .venv .venv-* .prefect .coverage
