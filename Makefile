# One command for each habit. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := $(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host \
	--no-emit-find-links --allow-unsafe --no-strip-extras --no-header

# More than two cores have: many a test waits for a process of its own.
JOBS ?= 4
PARALLEL = -n $(JOBS) --dist loadfile --no-loadscope-reorder -p tests.memory_disk -p tests.cheap_forks
# The tests of the rooms that everything is judged by.
GATED = tests/domain tests/archive

# Tests start hundreds of processes: each would compile the program anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo demo-reset test test-again test-all test-faults coverage mutants fuzz screenshots audit sbom dist lint format bench lock lock-check lock-pips clean system-packages

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

demo: $(VENV)/.run ## run the whole system, with a small platform (Ctrl-C stops it)
	@exec $(BIN)/python -m demo

demo-reset: $(VENV)/.run ## forget the demo's state
	@$(BIN)/python -m demo --reset

system-packages: ## as root on Debian, install what the tests need (nginx, apache2, postgresql, chromium...)
	@tests/install-system-packages

test: $(VENV)/.test system-packages ## run all tests, JOBS of them at a time, those of the gate under `coverage`
	@status=0; \
	$(MAKE) --no-print-directory coverage || status=$$?; \
	$(BIN)/python -m pytest $(PARALLEL) $(GATED:%=--ignore=%) || status=$$?; \
	exit $$status

test-again: $(VENV)/.test ## play once more, one at a time, what failed in the last run
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none

test-all: $(VENV)/.test system-packages lock-pips ## the tests at the stated figures, and the lock's installs (long)
	$(BIN)/python -m pytest $(PARALLEL) -m "" --timeout=0

test-faults: $(VENV)/.test system-packages ## the whole fault campaign (long)
	$(BIN)/python -m tests.faults

coverage: $(VENV)/.test ## the gate on the rooms that everything is judged by; the number only grows
	$(BIN)/python -m pytest $(GATED) $(PARALLEL) --cov=ospi_supervisor/domain --cov=ospi_supervisor/archive \
		--cov-branch --cov-report=term:skip-covered --cov-fail-under=87

mutants: $(VENV)/.test system-packages ## would the tests notice? tries MUTANTS="--room NAME --sample N --seed N" (long)
	$(BIN)/python -m tests.mutants $(MUTANTS)

$(VENV)/.fuzz: $(VENV)/.test requirements/fuzz.txt
	$(PIP) install --require-hashes -r requirements/fuzz.txt
	@touch $@

fuzz: $(VENV)/.fuzz ## fuzz each parser, FUZZ="--runs N PARSER…" (long)
	$(BIN)/python -m tests.fuzz $(FUZZ)

$(VENV)/audit/.done: $(VENV)/bin/python requirements/audit.txt
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/audit.txt
	@touch $@

screenshots: $(VENV)/.test system-packages ## pictures of every page and state, into test-results/screenshots; the guide's own
	$(BIN)/python -m tests.screenshots $(SCREENSHOTS)

audit: $(VENV)/audit/.done ## bandit: what docs/securite.md explains, and nothing else
	$(VENV)/audit/bin/bandit --quiet --recursive --configfile pyproject.toml ospi_supervisor jobs wsgi.py

sbom: $(VENV)/audit/.done ## write the bill of materials of what is installed (CycloneDX)
	@mkdir -p dist
	$(VENV)/audit/bin/cyclonedx-py requirements --output-reproducible --of JSON -o dist/ospi-supervisor.cdx.json requirements/run.txt

dist: $(VENV)/.run sbom ## write dist/: the one file that installs without network, its .ospi, the wheel (KEYS=FOLDER signs them)
	@$(BIN)/python -m distribution $(if $(KEYS),--keys $(KEYS))

lint: $(VENV)/.test system-packages ## ruff, mypy --strict, import-linter; eslint and TypeScript for the pages' scripts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	tests/javascript/run lint

format: $(VENV)/.test ## let ruff format and fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.test system-packages ## each promise on speed beside its peer, BENCH="--small" for a quick look (long)
	$(BIN)/python -m benchmarks $(BENCH) all

lock: $(VENV)/bin/python ## write the lock files anew
	$(PIP) install pip-tools
	$(LOCK) -o requirements/run.txt setup.cfg requirements/build.in
	$(LOCK) -o requirements/test.txt requirements/test.in
	$(LOCK) -o requirements/fuzz.txt requirements/fuzz.in
	$(LOCK) -o requirements/audit.txt requirements/audit.in

lock-check: $(VENV)/.test ## the lock is complete whatever is newest, and has wheels for each promised platform
	@$(BIN)/python -m tests.lock

lock-pips: $(VENV)/.test ## install a fresh checkout with each pip that is promised (long)
	$(BIN)/python -m tests.lock.pips

clean: ## remove what the other targets made, the demo's state aside
	rm -rf $(VENV) build dist test-results *.egg-info
