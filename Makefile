# The commands of README and CONTRIBUTING. Each installs what it needs first; nothing is needed but Python and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Python keeps what it compiled, also where the environment says otherwise: every start would take twice as long.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: up test check bench security lock clean

up: $(VENV)/.browser
	@exec $(BIN)/tracer up

test: $(VENV)/.installed-dev $(VENV)/.browser
	$(BIN)/python -m pytest tests -n 3

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/audit.py

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks

# All of every corpus of bad inputs, and one table of what was tried; `make test` tries a choice of each.
security: $(VENV)/.installed-dev $(VENV)/.browser
	TRACER_TEST_SECURITY=whole $(BIN)/python -m pytest tests/security tests/api/test_keys_near_misses.py tests/egress/test_ssrf.py tests/journeys/test_egress.py tests/journeys/test_secrets.py tests/probes/test_http_hostile.py -n 2 --hypothesis-profile=large --timeout 1800

# Pins every version with its hashes; run after a change of dependencies in pyproject.toml.
lock: $(VENV)/.installed-dev
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --extra build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --extra build --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tracer needs Python 3.11 or newer: make PYTHON=python3.12 up"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing: on Debian and Ubuntu, apt-get install python3-venv"; exit 2; }

$(VENV)/.installed: $(VENV)/bin/python requirements.lock pyproject.toml
	@echo "Installing Tracer into $(VENV) (once; about a minute)"
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# A Chromium for journeys: found, or installed. Without one all else runs, and it says what is missing.
$(VENV)/.browser: $(VENV)/.installed
	@$(BIN)/python -m journeys.installing
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@
