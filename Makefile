# Everything starts from here: each target sets up what it needs by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=

.PHONY: setup serve test lint types check soak bench docs lock clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Groundwatch needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	@echo "Installing what Groundwatch needs into $(VENV): this takes a minute or two"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

serve: setup
	$(BIN)/groundwatch serve $(ARGS)

test: setup
	$(BIN)/python -m pytest -m "not soak" --numprocesses auto --dist loadfile $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

check: lint types test

soak: setup
	$(BIN)/python -m pytest -m soak --timeout 3600 $(ARGS)

bench: setup
	$(BIN)/python -m benchmarks $(ARGS)

# The generated pages, and the generated parts of others; tests compare them.
docs: setup
	$(BIN)/python -m groundwatch.cli.docs docs
	$(BIN)/python -m groundwatch.compatibility_page docs/compatibility.md
	$(BIN)/python -m groundwatch.insights_page docs/insights.md

# Exact versions with hashes for every platform; names, versions and hashes only.
lock: setup
	$(BIN)/python -m uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet --upgrade --output-file requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
