# make demo   sets up what running needs and plays a hotel's morning and its migration, all emulated
# make test   sets up what testing needs and runs the tests
# make check  lint, types, import arrows, then make test
# make bench  every budget beside its floor
# make run    the service, with .env
# make screens  the pictures of the console in docs/screens
# make lock   renews the lock files

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNNING := $(VENV)/.running
OPENAI := $(VENV)/.openai
TESTING := $(VENV)/.testing
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
# What is imported is compiled, and no more: the rest of it would be 60 MB.
WARM := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -c \
	"import watibot.wiring, watibot.wiring_migration, alembic.command, apprise"
COMPILE := $(BIN)/pip-compile -q --generate-hashes --strip-extras --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.PHONY: demo run test check lint bench screens lock clean

demo: $(OPENAI)
	$(BIN)/watibot demo

run: $(RUNNING)
	$(BIN)/watibot serve

test: $(TESTING) postgres browser
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: lint test

lint: $(TESTING)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(TESTING)
	$(BIN)/python -m bench

# The tests start a server of their own; they only need its programs.
.PHONY: postgres
postgres:
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || \
		{ apt-get update -qq && apt-get install -y -qq postgresql; } || \
		{ echo "Install PostgreSQL (its server programs): the store's tests need it"; exit 1; }

# Without one the tests of the console's pages are skipped, and say so.
.PHONY: browser
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
		command -v google-chrome >/dev/null || \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } \
		>/dev/null 2>&1 || echo "No browser: the console's pages are not tested in one"

# The pictures in docs/screens.
screens: $(TESTING) browser
	SCREENS=1 $(BIN)/python -m pytest -n 0 tests/browser -k pictures

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUNNING): requirements.lock pyproject.toml | $(BIN)/python
	$(PIP) install --no-compile --require-hashes -r requirements.lock
	$(PIP) install --no-deps -e .
	$(WARM)
	@touch $@

# With what answers conversations that are not cut over yet.
$(OPENAI): requirements-openai.lock pyproject.toml | $(BIN)/python
	$(PIP) install --no-compile --require-hashes -r requirements-openai.lock
	$(PIP) install --no-deps -e .
	$(WARM)
	@touch $@ $(RUNNING)

$(TESTING): requirements-test.lock pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r requirements-test.lock
	$(PIP) install --no-deps -e .
	@touch $@ $(RUNNING) $(OPENAI)

lock: $(TESTING)
	$(PIP) install pip-tools
	$(COMPILE) -o requirements.lock pyproject.toml
	$(COMPILE) --extra openai -c requirements.lock -o requirements-openai.lock pyproject.toml
	$(COMPILE) --extra openai --extra test -c requirements-openai.lock \
		-o requirements-test.lock pyproject.toml

clean:
	rm -rf $(VENV) build src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
