# `make help` lists what there is. Kept to GNU Make 3.81, which macOS ships.

# The Python to use; empty takes the first on the PATH that is new enough.
PYTHON :=
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
MAKEFLAGS += --no-print-directory

# A failed build of the explorer fails CI; elsewhere the server works without it.
OPTIONAL := $(if $(CI),,--optional)

# Each process of the tests runs a PostgreSQL server of its own.
PARALLEL := -n auto --maxprocesses 4 --dist worksteal

# The first start leaves its byte code for all later ones.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help serve install explorer clients test soak lint format check demo bench peers lock hooks clean
.DEFAULT_GOAL := help

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | expand -t 12

serve: ## Set everything up and serve on http://127.0.0.1:3000
	@scripts/find-python $(PYTHON) >/dev/null
	@$(MAKE) -j2 install explorer OPTIONAL=--optional
	@exec $(BIN)/sheaf serve

install: $(VENV)/.serve ## Install the server into .venv
	@:

explorer: ## Build the explorer's files, if they are out of date
	@python=$$(scripts/find-python $(PYTHON)) && exec "$$python" scripts/build_explorer.py $(OPTIONAL)

# After the explorer, which may fetch the Node that both take.
clients: explorer ## Install the GraphQL clients that the tests run, if they are out of date
	@python=$$(scripts/find-python $(PYTHON)) && exec "$$python" -m scripts.install_clients

test: ## Set everything up and run the tests, a small share of each heavy one
	@$(MAKE) -j2 $(VENV)/.dev clients
	$(BIN)/pytest $(PARALLEL)

soak: ## Run the heavy tests in full
	@$(MAKE) -j2 $(VENV)/.dev clients
	$(BIN)/pytest -m soak --hypothesis-profile=soak --timeout=3600

lint: $(VENV)/.dev ## Check format, style, types and the arrows between the packages
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## Format the code and mend what can be mended
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

check: lint test ## Run what CI runs

demo: $(VENV)/.dev ## Load real data
	$(BIN)/python -m demo

bench: $(VENV)/.dev ## Measure, side by side with the limit
	$(BIN)/python -m benchmarks

peers: $(VENV)/.dev ## Measure this server beside others, which are installed first; writes docs/benchmarks.md
	$(BIN)/python -m benchmarks.peers

hooks: ## Lint before each commit
	@hook=$$(git rev-parse --git-path hooks)/pre-commit && \
	printf '#!/bin/sh\nexec make lint\n' > "$$hook" && chmod +x "$$hook" && echo "wrote $$hook"

clean: ## Remove all that was built or installed; data stays
	rm -rf $(VENV) .venv-node build *.egg-info explorer/dist explorer/node_modules tests/clients/node_modules
	rm -rf benchmarks/peers/servers/.venv benchmarks/peers/servers/node_modules
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis

# Set-up. Each stamp is as new as what it was made from, so that a second run has nothing to do.

# uv is an order of magnitude faster; pip stands in where only pip is configured to reach a registry.
install_locked = $(UV) pip install --quiet --system-certs --python $(BIN)/python --require-hashes -r $(1) \
	|| $(BIN)/python -m pip install --quiet --no-input --require-hashes -r $(1)

$(VENV)/.uv: requirements/uv.txt
	@echo "Making the virtual environment $(VENV)"
	@python=$$(scripts/find-python $(PYTHON)) && "$$python" -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/.serve: $(VENV)/.uv requirements/serve.txt pyproject.toml
	@echo "Installing the server"
	@$(call install_locked,requirements/serve.txt)
	@$(UV) pip install --quiet --offline --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.serve requirements/dev.txt
	@echo "Installing what the tests and linters need"
	@$(call install_locked,requirements/dev.txt)
	@touch $@

# Locking. UPGRADE=--upgrade takes the newest allowed versions, UPGRADE="-P name" that of one package.

COMPILE = $(UV) pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(UPGRADE)

lock: $(VENV)/.uv ## Write the lock files again
	$(COMPILE) pyproject.toml --group build -o requirements/serve.txt
	$(COMPILE) pyproject.toml --group build --group test --group lint --group demo -c requirements/serve.txt -o requirements/dev.txt
	$(COMPILE) --group installer -o requirements/uv.txt
	$(COMPILE) --group node -o requirements/node.txt
