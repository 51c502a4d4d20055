# The virtual shop. `make` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV ?= .venv
PYTHON ?= python3
PY := $(VENV)/bin/python
VSHOP := $(VENV)/bin/vshop
# ARGS applies to the named target only: the tests run the commands of the docs, and some of those call make again.
MAKEOVERRIDES =
unexport ARGS
INSTALL = $(VENV)/bin/uv pip install --quiet --python $(PY) --constraint constraints.txt --editable

.PHONY: help doctor up down compose-up compose-down k8s-up k8s-down status order logs chaos-token chaos-key chaos-off reset verify load torture bench test test-quick test-all fuzz test-k8s check dist corpus docs screenshots clean

help: ## List the targets
	@awk -F ':.*## ' '/^##@ / {print "\n" substr($$0, 5) ":"} /^[a-z0-9-]+:.*## / && $$1 != "help" {printf "  make %-12s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Run

up: $(VENV)/.run ## Start the shop on this machine and send one order through it
	@$(VSHOP) up $(ARGS)

down: ## Stop the shop
	@if [ -x $(VSHOP) ]; then $(VSHOP) down; else echo "Nothing is installed, so no shop is running."; fi

compose-up: $(VENV)/.run ## Start the shop in containers, with real Kafka, DynamoDB Local and Jaeger
	@$(VSHOP) up --mode compose --timeout 180 $(ARGS)

compose-down: $(VENV)/.run ## Stop the containers (ARGS=--volumes also deletes their data)
	@$(VSHOP) down --mode compose $(ARGS)

k8s-up: $(VENV)/.run ## Start the shop in a Kubernetes cluster (ARGS="--overlay scale")
	@$(VSHOP) up --mode k8s $(ARGS)

k8s-down: $(VENV)/.run ## Delete the shop from the cluster, with its data
	@$(VSHOP) down --mode k8s $(ARGS)

reset: $(VENV)/.run ## Clean the running shop: switches off, stock full, no telemetry
	@$(VSHOP) reset

##@ Look

doctor: $(VENV)/.run ## Check whether this machine can run a shop
	@$(VSHOP) doctor

status: $(VENV)/.run ## Show each part's state, memory and address
	@$(VSHOP) status

order: $(VENV)/.run ## Place an order and draw its trace
	@$(VSHOP) order $(ARGS)

logs: $(VENV)/.run ## Show the latest log records, each with its trace id
	@$(VSHOP) logs $(ARGS)

##@ Incidents

chaos-token: $(VENV)/.run ## Switch on: auth-stub issues expired tokens
	@$(VSHOP) chaos on auth-token-expired

chaos-key: $(VENV)/.run ## Switch on: stock-updater writes the stock without its key
	@$(VSHOP) chaos on stock-put-missing-key

chaos-off: $(VENV)/.run ## Switch all incidents off
	@$(VSHOP) chaos reset

verify: $(VENV)/.run ## Check every incident's signals on the running shop
	@$(VSHOP) verify $(ARGS)

##@ Test

test: $(VENV)/.dev ## Run the tests that need no containers, browser or cluster (5 minutes)
	@$(PY) -m tests.tiers test $(ARGS)

test-quick: $(VENV)/.dev ## Run the unit and contract tests (1 minute)
	@$(PY) -m tests.tiers quick $(ARGS)

test-all: $(VENV)/.dev ## Run all tests that this machine supports (30 minutes)
	@$(PY) -m tests.tiers all $(ARGS)

test-k8s: $(VENV)/.dev ## Run the tests that need a Kubernetes cluster, on kubectl's current one
	@VSHOP_TEST_K8S=1 $(PY) -m pytest tests/k8s $(ARGS)

fuzz: $(VENV)/.dev ## Send many invalid requests, records and OTLP messages to the shop
	@VSHOP_FUZZ_EXAMPLES=$${VSHOP_FUZZ_EXAMPLES:-1000} $(PY) -m pytest tests/fuzz --timeout 7200 $(ARGS)

check: $(VENV)/.dev ## Run the linter, the format check and the type checker
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/mypy

load: $(VENV)/.load ## Run a load test and count lost orders and spans (ARGS="--users 50 --time 2m")
	@$(PY) -m loadtest load $(ARGS)

torture: $(VENV)/.load ## Inject faults under load and count what is lost (ARGS="--faults pause,disk")
	@$(PY) -m loadtest torture $(ARGS)

bench: $(VENV)/.run ## Measure the shop on this machine, in ten minutes (ARGS=--quick)
	@$(PY) -m bench $(ARGS)

##@ Maintain

docs: $(VENV)/.dev ## Write the generated pages
	@PYTHONPATH=. $(PY) docs/generate.py

dist: $(VENV)/.dev ## Build and check the wheel and the source distribution
	@rm -rf dist
	@$(PY) -m build --outdir dist .
	@$(PY) -m pytest tests/wheel/test_metadata.py

corpus: $(VENV)/.run ## Record the golden corpus again, after an incident file has changed
	@rm -f src/vshop/corpus/golden.zip
	@$(VSHOP) export --seed 1 --out src/vshop/corpus/golden.zip

screenshots: $(VENV)/.dev ## Take the pictures of docs/screenshots on the running shop, which is reset
	@$(VSHOP) reset
	@$(PY) docs/screenshots/make.py

clean: down ## Stop the shop, and remove the virtual environment and test output
	@rm -rf $(VENV) artifacts .pytest_cache .mypy_cache .ruff_cache

# uv, a wheel from PyPI, installs in a fraction of pip's time.
$(VENV)/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "The shop needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1 | head -n 1). Choose another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; \
	  exit 1; }
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' constraints.txt)"

# `up` installs only what the shop needs; `make test` installs the tests' packages.
$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/uv
	@echo "installing the shop"
	@$(INSTALL) '.[services]'
	@touch $@

$(VENV)/.load: pyproject.toml constraints.txt | $(VENV)/bin/uv
	@echo "installing the shop and Locust"
	@$(INSTALL) '.[load,services]'
	@touch $@ $(VENV)/.run

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/uv
	@echo "installing the shop and its tests"
	@$(INSTALL) '.[dev]'
	@touch $@ $(VENV)/.run $(VENV)/.load
