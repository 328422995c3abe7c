# make run    set up and run the flow on raw/ into processed/ with Prefect's embedded server
# make test   set up and pass the tests
# make lock   pin newer versions of the dependencies (needs uv)

PYTHON ?= python3
RAW ?= raw
OUT ?= processed
BIN := .venv/bin

export PREFECT_HOME ?= $(CURDIR)/.prefect

.PHONY: run test check bench-setup lock clean

run: .venv/.run
	@install -d -m 700 "$(PREFECT_HOME)"
	@$(BIN)/winnow-ingest "$(RAW)" "$(OUT)"
	@echo "Datasets:  $$($(BIN)/winnow path documents $(OUT))"
	@echo "Report:    $$($(BIN)/winnow report $(OUT))"
	@echo "Ask:       $(BIN)/winnow sql 'select path, kind, lang, title from documents' $(OUT)"

test: .venv/.dev
	$(BIN)/pytest -q

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench-setup: .venv/.bench

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

lock:
	printf 'hatchling\n' > .venv/build.in
	uv pip compile $(LOCK) pyproject.toml .venv/build.in -o requirements.lock
	uv pip compile $(LOCK) --extra dev -c requirements.lock pyproject.toml .venv/build.in -o requirements-dev.lock
	uv pip compile $(LOCK) --extra dev --extra bench -c requirements-dev.lock pyproject.toml .venv/build.in \
	    -o benchmarks/requirements.lock
LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate -q

clean:
	rm -rf .venv .prefect
