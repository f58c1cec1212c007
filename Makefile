# One command for each habit. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := $(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host \
	--no-emit-find-links --allow-unsafe --strip-extras --no-header

.DEFAULT_GOAL := help
.PHONY: help demo demo-reset test test-faults lint format bench lock clean system-packages

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 16

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python requirements/run.txt setup.cfg pyproject.toml
	$(PIP) install --require-hashes -r requirements/run.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.run requirements/test.txt
	$(PIP) install --require-hashes -r requirements/test.txt
	@touch $@

demo: $(VENV)/.run ## run the whole system on one port, with a small platform (Ctrl-C stops it)
	@exec $(BIN)/python -m demo

demo-reset: $(VENV)/.run ## forget the demo's state
	@$(BIN)/python -m demo --reset

system-packages: ## as root on Debian, install what the tests need (nginx, apache2, postgresql, chromium...)
	@tests/install-system-packages

test: $(VENV)/.test system-packages ## run all tests
	$(BIN)/python -m pytest

test-faults: $(VENV)/.test system-packages ## the whole fault campaign (long)
	$(BIN)/python -m tests.faults

lint: $(VENV)/.test ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.test ## let ruff format and fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.test system-packages ## compare with curl, nginx and tar on a large tree (long)
	$(BIN)/python -m benchmarks

lock: $(VENV)/bin/python ## write the lock files anew
	$(PIP) install pip-tools
	$(LOCK) -o requirements/run.txt setup.cfg requirements/build.in
	$(LOCK) -o requirements/test.txt requirements/test.in

clean: ## remove what the other targets made, the demo's state aside
	rm -rf $(VENV) build dist test-results *.egg-info
