# The words that everyone guesses. `make demo` and `make test` need only Python 3.11 or newer, make and git.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501
# One more than cores: tests also wait, for servers and for what they killed.
WORKERS ?= 3
KILLS ?= 300
# How many times the usual number of examples `make soak` gives the longest generated tests.
LONGER ?= 4
LOCK := uv pip compile -q --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header --no-annotate

.PHONY: setup dev run demo test soak check fix bench explain docs lock clean

setup: $(VENV)/.installed  ## what Clickledger runs on

dev: $(VENV)/.installed-dev  ## and what its tests and checks need

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Clickledger needs Python 3.11 or newer.")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing what Clickledger runs on; the first time this may take minutes."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

run: setup  ## dashboard and API on your own lake
	$(BIN)/streamlit run app.py --server.port $(PORT) --browser.serverAddress localhost

demo: export CLICKLEDGER_STATE := var/demo
demo: export CLICKLEDGER_DEMO := true
demo: export CLICKLEDGER_PUBLIC_DOMAIN := clickledger.localhost
demo: export CLICKLEDGER_SOURCES := var/demo/world/sources.toml
demo: setup  ## a demo world, ingested by the real sync, then dashboard and API
	$(BIN)/clickledger demo
	$(BIN)/clickledger sync
	@echo
	@echo "  Dashboard   http://localhost:$(PORT)         sign in as one of the demo users"
	@echo "  API         http://localhost:$(PORT)/v2/docs"
	@echo "  A click     http://localhost:$(PORT)/r/nilaray/merch   counted by the sync that runs every 15 s; its ctx takes a conversion"
	@echo "  A token     CLICKLEDGER_STATE=var/demo $(BIN)/clickledger token --user user_ann"
	@echo
	@$(BIN)/clickledger sync --every 15s > $(CLICKLEDGER_STATE)/sync.log 2>&1 & sync=$$!; \
		trap "kill $$sync" EXIT INT TERM; \
		$(BIN)/streamlit run app.py --server.port $(PORT) --browser.serverAddress localhost --server.headless true

test: dev  ## every tier
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

soak: export PYTHONPATH := tests
soak: dev  ## long generated tests, and a hostile run on both stores, with kills, against an oracle of plain Python: make soak KILLS=300 SEED=7
	LONGER=$(LONGER) $(BIN)/python -m pytest -q -n $(WORKERS) tests/api/test_tenants.py tests/contract/test_oracle.py tests/ingest/test_attribution.py
	$(BIN)/python -m soak --kills $(KILLS) $(if $(SEED),--seed "$(SEED)") $(if $(STORE),--store "$(STORE)")

check: dev  ## format, lint, types, layers, security
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive analytics_core ingest deploy pages app.py
	BIN=$(BIN) .ci/audit

fix: dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: dev  ## measures, and prints the tables of benchmarks/README.md
	$(BIN)/python -m benchmarks

explain: setup  ## the SQL and the plan of a question: make explain HANDLE=acme GROUP_BY=country FILTER=device=MOBILE
	@$(BIN)/clickledger explain --handle "$(HANDLE)" --group-by "$(or $(GROUP_BY),day)" \
		$(if $(FROM_DAY),--from-day "$(FROM_DAY)") $(if $(TO_DAY),--to-day "$(TO_DAY)") $(if $(TIMEZONE),--tz "$(TIMEZONE)") \
		$(foreach one,$(FILTER),--filter "$(one)")

docs: dev  ## writes the generated parts of docs/, and what is built from JavaScript
	$(BIN)/python -m docs.generate
	$(BIN)/python -m deploy.build

lock:  ## resolves the names in pyproject.toml into pinned requirements*.txt; needs uv
	$(LOCK) --all-extras pyproject.toml -o requirements.txt
	$(LOCK) --group dev -c requirements.txt -o requirements-dev.txt

clean:
	rm -rf $(VENV) var .pytest_cache .ruff_cache .hypothesis
