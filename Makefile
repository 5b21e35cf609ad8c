# Everything that there is to run. Needs make and Python 3.11 or later, nothing else.
# ARGS goes to the program: `make run ARGS=--once`, `make test ARGS='-k mapping'`, `make bench ARGS='--runs 5'`.
# `make bench HARNESS=folder ENVS=folder` runs others beside it, by a harness from outside (docs/performance.md).

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run up test check bench clean

# The interpreters that are tried, first come first served; `make PYTHON=/path/to/python3 run` names one.
PYTHON ?= python3.11 python3.12 python3.13 python3.14 python3 python
ARGS ?=

BIN := .venv/bin
PIP := -m pip install --quiet --disable-pip-version-check --no-input
APP := .venv/.made
WORKER := .venv/.made-worker
KINTO := .venv-kinto/.made
CHECKOV := .venv-checkov

help:
	@echo 'make run     the demonstration; then the app serves until Ctrl-C (ARGS=--once: ends; ARGS=--help: more)'
	@echo 'make up      the app in azure mode, two instances on doubles of its services (ARGS=--help: more)'
	@echo 'make test    every test'
	@echo 'make check   style, types, import contracts, and whether the templates parse and pass the policy scan'
	@echo 'make bench   how fast it is; the benchmarks are in bench/'
	@echo 'make clean   removes what these made: environments, caches, the data of the demonstration'

run: $(APP) $(KINTO)
	@$(BIN)/python -m demo $(ARGS)

up: $(APP)
	@$(BIN)/python -m tests.doubles.up $(ARGS)

test: $(APP) $(WORKER) $(KINTO)
	$(BIN)/python -m pytest $(ARGS)

check: $(APP) $(CHECKOV)/.made
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 0 tests/infra/test_templates.py
	$(CHECKOV)/bin/checkov --directory infra --framework bicep --skip-download --quiet --compact

bench: $(APP)
ifdef HARNESS
	$(BIN)/python -m bench.peers --harness '$(HARNESS)' --envs '$(ENVS)' $(ARGS)
else
	$(BIN)/python -m bench.startup $(ARGS)
	$(BIN)/python -m bench.alone $(ARGS)
endif

clean:
	rm -rf .venv .venv-kinto .venv-checkov .data/demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# An environment is there when its mark is: an installation that was cut short is done again.
$(APP): requirements-dev.txt requirements.txt
	@$(call make_environment,.venv)
	@echo 'Installing requirements-dev.txt into .venv (about a minute) ...'
	@$(BIN)/python $(PIP) -r requirements-dev.txt
	@touch $@

# Microsoft's worker core, for the test that it indexes this app. It declares Python 3.13 and runs on 3.11.
$(WORKER): $(APP)
	@$(BIN)/python $(PIP) --ignore-requires-python --no-deps azure-functions-runtime==1.3.0
	@touch $@

$(KINTO): demo/requirements-kinto.txt
	@$(call make_environment,.venv-kinto)
	@echo 'Installing the record server into .venv-kinto ...'
	@.venv-kinto/bin/python $(PIP) -r demo/requirements-kinto.txt
	@touch $@

# The scanner has as many requirements as everything else together, so it has an environment of its own.
$(CHECKOV)/.made: infra/requirements.txt
	@$(call make_environment,$(CHECKOV))
	@echo 'Installing the policy scanner into $(CHECKOV) ...'
	@$(CHECKOV)/bin/python $(PIP) -r infra/requirements.txt
	@touch $@

# Make the environment $(1), unless it is there and whole, by the first interpreter that can.
define make_environment
$(1)/bin/python -c 'import pip' 2>/dev/null && exit; \
for python in $(PYTHON); do \
	if $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo "Making $(1) by $$($$python --version)"; \
		exec $$python -m venv --clear $(1); \
	fi; \
done; \
echo 'Found no Python 3.11 or later that can make environments (tried: $(PYTHON)).' >&2; \
echo 'Install one (on Debian and Ubuntu: apt install python3 python3-venv), or name one: make PYTHON=/path/to/python3' >&2; \
exit 1
endef
