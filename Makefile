# The virtual shop. `make` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV ?= .venv
PY := $(VENV)/bin/python
VSHOP := $(VENV)/bin/vshop
# ARGS is for the target that was named: tests run commands of the pages, and those call make again.
MAKEOVERRIDES =
unexport ARGS
INSTALL = $(VENV)/bin/uv pip install --quiet --python $(PY) --constraint constraints.txt --editable

.PHONY: help doctor up down compose-up compose-down k8s-up k8s-down status order logs chaos-token chaos-key chaos-off reset verify load torture bench test fuzz test-k8s check dist corpus docs screenshots clean

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

doctor: $(VENV)/.run ## Check this machine: Python, memory, ports, Docker, browser, and what to do
	@$(VSHOP) doctor

up: $(VENV)/.run ## Start the shop on this machine, send one order through it, print where everything is
	@$(VSHOP) up $(ARGS)

down: ## Stop the shop; nothing of it is left running
	@if [ -x $(VSHOP) ]; then $(VSHOP) down; else echo "Nothing is installed, nothing runs."; fi

compose-up: $(VENV)/.run ## The same in containers: real Kafka, DynamoDB Local and Jaeger; one order through it
	@$(VSHOP) up --mode compose --timeout 180 $(ARGS)

compose-down: $(VENV)/.run ## Stop the containers; ARGS=--volumes also removes what they stored
	@$(VSHOP) down --mode compose $(ARGS)

k8s-up: $(VENV)/.run ## The same in a Kubernetes cluster; ARGS="--overlay scale --image-loader 'kind load docker-image'"
	@$(VSHOP) up --mode k8s $(ARGS)

k8s-down: $(VENV)/.run ## Take it out of the cluster again, with all that it stored
	@$(VSHOP) down --mode k8s $(ARGS)

status: $(VENV)/.run ## Show every part: ready, memory, address
	@$(VSHOP) status

order: $(VENV)/.run ## Place an order and draw its trace
	@$(VSHOP) order $(ARGS)

logs: $(VENV)/.run ## Show the services' latest logs, each with its trace
	@$(VSHOP) logs $(ARGS)

chaos-token: $(VENV)/.run ## Incident: tokens are expired when they are issued
	@$(VSHOP) chaos on auth-token-expired

chaos-key: $(VENV)/.run ## Incident: the stock is written without its key
	@$(VSHOP) chaos on stock-put-missing-key

chaos-off: $(VENV)/.run ## All incidents off
	@$(VSHOP) chaos reset

reset: $(VENV)/.run ## A clean shop without a restart: switches off, stock full, telemetry gone
	@$(VSHOP) reset

verify: $(VENV)/.run ## Prove every incident on the shop that runs
	@$(VSHOP) verify $(ARGS)

load: $(VENV)/.load ## Let shoppers order for 30 s, then count lost orders and spans; ARGS="--users 50 --time 2m --shape burst"
	@$(PY) -m loadtest load $(ARGS)

torture: $(VENV)/.load ## 100,000 orders to a shop of its own while every part is killed in turn; ARGS="--orders 2000"
	@$(PY) -m loadtest torture $(ARGS)

bench: $(VENV)/.run ## Measure the shop on this machine, in ten minutes; ARGS="--quick --only cost --hotrod PATH --jaeger PATH"
	@$(PY) -m bench $(ARGS)

test: $(VENV)/.dev ## Set up and run all tests
	@$(PY) -m pytest $(ARGS)

test-k8s: $(VENV)/.dev ## Run the tests that need a Kubernetes cluster, on the one that kubectl knows
	@VSHOP_TEST_K8S=1 $(PY) -m pytest tests/k8s $(ARGS)

fuzz: $(VENV)/.dev ## Fuzz every service, Kafka and OTLP for long: ARGS=-x, VSHOP_FUZZ_EXAMPLES=1000
	@VSHOP_FUZZ_EXAMPLES=$${VSHOP_FUZZ_EXAMPLES:-1000} $(PY) -m pytest tests/fuzz --timeout 7200 $(ARGS)

check: $(VENV)/.dev ## Lint, format and types
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/mypy

docs: $(VENV)/.dev ## Write the generated pages of docs/ anew
	@PYTHONPATH=. $(PY) docs/generate.py

dist: $(VENV)/.dev ## Build the wheel and the sdist, and check what is in them
	@rm -rf dist
	@$(PY) -m build --outdir dist .
	@$(PY) -m pytest tests/wheel/test_metadata.py

corpus: $(VENV)/.run ## Record the golden corpus anew (after an incident file has changed)
	@rm -f src/vshop/corpus/golden.zip
	@$(VSHOP) export --seed 1 --out src/vshop/corpus/golden.zip

screenshots: $(VENV)/.dev ## Take the pictures of docs/screenshots anew, on the shop that runs; it is reset
	@$(VSHOP) reset
	@$(PY) docs/screenshots/make.py
	@$(VSHOP) reset
	@$(PY) docs/screenshots/terminal.py

clean: down ## Remove the virtual environment and what tests left
	@rm -rf $(VENV) artifacts .pytest_cache .mypy_cache .ruff_cache

# uv, a wheel from PyPI, installs in a fraction of pip's time.
$(VENV)/bin/uv:
	@echo "making $(VENV)"
	@python3 -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' constraints.txt)"

# `up` needs what the shop runs on and no more: the tests' packages can wait for `make test`.
$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/uv
	@echo "installing the shop"
	@$(INSTALL) .
	@touch $@

$(VENV)/.load: pyproject.toml constraints.txt | $(VENV)/bin/uv
	@echo "installing the shop and Locust"
	@$(INSTALL) '.[load]'
	@touch $@ $(VENV)/.run

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/uv
	@echo "installing the shop and its tests"
	@$(INSTALL) '.[dev]'
	@touch $@ $(VENV)/.run $(VENV)/.load
