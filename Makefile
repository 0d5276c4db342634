# One command runs the console, one passes the tests; both need only Python >= 3.11.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test check types lint format bench house mutants clean

run: $(VENV)/.run
	@$(BIN)/stackops

# lint, types and import rules first: they are the cheapest way to fail
test: $(VENV)/.dev lint types
	$(BIN)/python -m pytest -n auto $(TESTS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

# mypy resolves the relative imports by path through a link named like the package
types: $(VENV)/.dev
	@mkdir -p .cache/types && ln -sfn ../.. .cache/types/stackops
	cd .cache/types && ../../$(BIN)/mypy --config-file ../../pyproject.toml -p stackops.console -p stackops.screens -p stackops.checks -p stackops.themes

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev
	$(BIN)/python tests/bench/run.py $(if $(BESIDE),--beside $(BESIDE))

# one wrong line at a time, and the tests that must notice it
mutants: $(VENV)/.dev
	$(BIN)/python tests/mutants.py $(FILES)

house: $(VENV)/.dev
	$(BIN)/python docs/architecture.py
	$(BIN)/python docs/house.py

$(VENV)/.run: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo 'stackops needs Python 3.11 or newer with venv (Debian: apt install python3-venv), or PYTHON=/path/to/python' >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@$(BIN)/python -m compileall -q __init__.py console screens checks themes
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo 'stackops needs Python 3.11 or newer with venv (Debian: apt install python3-venv), or PYTHON=/path/to/python' >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) .cache build dist *.egg-info
