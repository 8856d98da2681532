# Every target that says "## ..." is in the help that bare `make` prints.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
# The two virtual environments are made side by side.
MAKEFLAGS += --jobs=2

# The interpreter that the virtual environments are made with: 3.10 or newer.
PYTHON ?= python3
export PYTHON

# Goes to pytest: make test ARGS='-k journal'
ARGS ?=

# Each has servers of its own and collects all tests: more than there are processors cost more
# than the waiting for servers and child processes that they would fill.
WORKERS := -n $(shell nproc) --dist worksteal

# Bytecode is kept, whatever the shell says: the processes that tests start would compile bridge
# again and again.
export PYTHONDONTWRITEBYTECODE :=

# sqlalchemy-migrate works with SQLAlchemy 1.4 only, current Alembic with 2 only: both are tested.
VENV := .venv/.made
VENV_14 := .venv-1.4/.made

run_tests = { $1/bin/python -m compileall -q bridge && $1/bin/python -m pytest $(WORKERS) $(ARGS); }

.PHONY: help
help:
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.PHONY: demo
demo: $(VENV) ## shows one old database on its way to the heads
	@PATH="$(CURDIR)/.venv/bin:$$PATH" scripts/demo

.PHONY: test
test: $(VENV) $(VENV_14) ## runs all tests, with SQLAlchemy 2.1 and with 1.4 (ARGS goes to pytest)
	@scripts/install-servers
	@status=0; \
	echo '== SQLAlchemy 2.1 + Alembic 1.20 =='; \
	$(call run_tests,.venv) || status=1; \
	echo '== SQLAlchemy 1.4 + Alembic 1.19 =='; \
	$(call run_tests,.venv-1.4) || status=1; \
	exit $$status

.PHONY: test-fast
test-fast: $(VENV) ## runs the tests that need neither a server nor a child process (ARGS goes to pytest)
	@.venv/bin/python -m pytest $(WORKERS) -m 'not process and not server and not real' $(ARGS)

.PHONY: lint
lint: $(VENV) ## checks style, format and the layers
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports --no-logo

.PHONY: types
types: $(VENV) ## checks types
	.venv/bin/mypy --strict bridge

.PHONY: docs
docs: check-generated ## builds the documentation into docs/_build; a warning is an error
	.venv/bin/sphinx-build -q -W -b html docs docs/_build

.PHONY: generate
generate: $(VENV) ## writes the files that are made from the code
	.venv/bin/python docs/generate.py

.PHONY: screenshots
screenshots: $(VENV) ## makes the pictures of the documentation anew, in Chromium
	@scripts/install-servers
	.venv/bin/python docs/screenshots.py

.PHONY: check-generated
check-generated: $(VENV) ## fails when a file that is made from the code is stale
	.venv/bin/python docs/generate.py --check

.PHONY: benchmark
benchmark: $(VENV) ## measures bridge beside Alembic on 1,000 revisions
	.venv/bin/python benchmarks/branches.py

.PHONY: benchmark-startup
benchmark-startup: $(VENV) ## measures commands with nothing to do beside Alembic's (fails above 0.65)
	.venv/bin/python benchmarks/startup.py

.PHONY: benchmark-replay
benchmark-replay: $(VENV) ## measures a replay beside sqlalchemy-migrate and the database's client
	@scripts/install-servers
	.venv/bin/python benchmarks/replay.py

.PHONY: replays
replays: $(VENV) ## replays a real history from every version, on every database (minutes)
	REPLAY_EVERY=1 .venv/bin/python -m pytest -n auto -rP tests/real/test_replayed.py

.PHONY: faults
faults: $(VENV_14) ## kills a run at every statement, a restore at 30 moments, and runs it again (an hour)
	FAULT_EVERY=1 .venv-1.4/bin/python -m pytest -n auto -rP tests/faults tests/real/test_killed.py

.PHONY: soak
soak: $(VENV_14) ## kills many processes on one database at random, for 20 rounds a server (minutes)
	SOAK_ROUNDS=$${SOAK_ROUNDS:-20} .venv-1.4/bin/python -m pytest -s tests/faults/test_soak.py $(ARGS)

.PHONY: clean
clean: ## removes what make, the tests and the tools made, the virtual environments too
	rm -rf .venv .venv-1.4 .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist docs/_build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV): pyproject.toml scripts/make-venv
	@scripts/make-venv .venv -e '.[test,browser,postgresql,mysql,dev,docs]' \
	    'sqlalchemy>=2.1,<2.2' 'alembic>=1.20,<1.21'
	@touch $@

$(VENV_14): pyproject.toml scripts/make-venv
	@scripts/make-venv .venv-1.4 -e '.[test,legacy,postgresql,mysql]' \
	    'sqlalchemy==1.4.54' 'alembic>=1.19,<1.20'
	@touch $@
