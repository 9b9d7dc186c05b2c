# One word a job; `make` lists them. Needs Python >= 3.11 and nothing else.
PYTHON ?= python3
VENV := .venv
STORE := .venv-store
OTHER_STORES := .venv-swift .venv-localstack
BIN := $(VENV)/bin
UPPY := tests/browser/uppy
UPPY_READY := $(UPPY)/node_modules/.package-lock.json
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install run test maintain check format bench matrix faults fuzz attack lock clean

help: ## list the jobs
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

run: $(VENV)/.run $(STORE)/.ready ## serve at http://localhost:8000 on an embedded PostgreSQL and S3 server
	@exec $(BIN)/python -m app dev

install: $(VENV)/.run $(STORE)/.ready ## make the environments that run needs, and no more

test: $(VENV)/.dev $(STORE)/.ready $(UPPY_READY) ## run the whole suite (ARGS="-k name" for a part)
	$(BIN)/python -m pytest $(ARGS)

maintain: $(VENV)/.run $(STORE)/.ready ## expire, purge, reconcile and scrub, once (ARGS=--json, ARGS="reconcile --dry-run")
	@$(BIN)/python -m app maintain $(ARGS)

check: $(VENV)/.dev ## lint, types, arrows between the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(VENV)/.dev ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

matrix: $(VENV)/.dev $(STORE)/.ready $(OTHER_STORES:%=%/.ready) $(UPPY_READY) ## run the integration suite on three S3 servers and write docs/stores.md
	$(BIN)/python -m tests.matrix $(ARGS)

faults: $(VENV)/.dev $(STORE)/.ready ## kill the service 500 times, break its store and its database; docs/reliability.md
	$(BIN)/python -m tests.faults --kills 500 --write $(ARGS)

fuzz: $(VENV)/.dev $(STORE)/.ready ## 10,000 generated requests against the OpenAPI document, odd forms against the parser
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-250} FUZZ_CASES=$${FUZZ_CASES:-10000} FUZZ_FORMS=$${FUZZ_FORMS:-5000} \
		$(BIN)/python -m pytest -n0 --timeout=900 --show-capture=no tests/fuzz tests/integration/hostile/test_fuzzed_forms.py $(ARGS)

attack: $(VENV)/.dev $(STORE)/.ready ## attack the service as strangers would, with all their strength; docs/security.md
	ATTACK=whole $(BIN)/python -m pytest -n0 --timeout=900 tests/attacks $(ARGS)

bench: $(VENV)/.dev $(STORE)/.ready ## measure against boto3 and the tutorial's way
	$(BIN)/python -m bench.upload $(ARGS)
	$(BIN)/python -m bench.presign
	$(BIN)/python -m bench.offers
	$(BIN)/python -m bench.listing
	$(BIN)/python -m bench.reconcile

lock: $(VENV)/.dev ## resolve the dependencies anew; the locks name no index
	$(BIN)/python -m pip install --quiet 'uv>=0.13'
	@set -e; compile="$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command 'make lock'"; \
	eval "$$compile pyproject.toml -o requirements/runtime.txt"; \
	eval "$$compile pyproject.toml --extra embedded -c requirements/runtime.txt -o requirements/embedded.txt"; \
	eval "$$compile pyproject.toml --extra embedded --group dev -c requirements/runtime.txt -o requirements/dev.txt"; \
	eval "$$compile requirements/store.in -o requirements/store.txt"; \
	eval "$$compile requirements/swift.in -o requirements/swift.txt"; \
	eval "$$compile requirements/localstack.in -o requirements/localstack.txt"

clean: ## remove the environments; DATA_DIR stays
	rm -rf $(VENV) $(STORE) $(OTHER_STORES) $(UPPY)/node_modules

# A stamp lies in each environment, so that a broken install is done again and a whole one is not.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Holdfast needs Python >= 3.11, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.run: requirements/embedded.txt | $(VENV)/bin/python
	@test -e $(VENV)/.dev || echo "Installing into $(VENV), once; about half a minute..."
	@test -e $(VENV)/.dev || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/embedded.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt | $(VENV)/bin/python
	@echo "Installing into $(VENV), once; about a minute..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@ $(VENV)/.run

.venv-%/.ready: requirements/%.txt | $(VENV)/bin/python
	@test -x .venv-$*/bin/python || $(PYTHON) -m venv .venv-$*
	@.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# The stock upload client, where there is a Node to run it.
$(UPPY_READY): $(UPPY)/package-lock.json
	@! command -v npm >/dev/null || { cd $(UPPY) && npm ci --ignore-scripts --silent; }
