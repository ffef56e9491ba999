# Every target sets up what it needs. Only Python 3.11 or later, pip and make have to be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTRAS := .[cli,macaroon,verifier,postgres,spiffe]

# Hundreds of processes are started, and each would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-long check static generated models bench fix clean

demo: $(VENV)/ready-demo
	@$(BIN)/python examples/demo/run.py
	@$(BIN)/python examples/demo/with_service.py

test: $(VENV)/ready-test
	$(BIN)/python -m pytest -n auto -m "not long" --cov --cov-report=term-missing

test-long: $(VENV)/ready-test
	CHAINCRED_LONG=1 $(BIN)/python -m pytest -n auto

check: static generated models test

static: $(VENV)/ready-check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

generated: $(VENV)/ready-check
	$(BIN)/python specs/vectors/generate.py --check

models: $(VENV)/ready-check
	$(BIN)/python specs/models/check.py

bench: $(VENV)/ready-bench
	$(BIN)/python bench/run.py

fix: $(VENV)/ready-check
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python specs/vectors/generate.py

$(VENV)/ready-%: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '$(EXTRAS)' --group $*
	touch $@

clean:
	rm -rf $(VENV) .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
