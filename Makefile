# Two commands: `make demo` runs the main job to a page in the browser, `make test` passes the tests.
# Everything else that they need is installed here, on a machine with nothing but Python 3.11 or later.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PORT   ?= 3000
ACCOUNTS ?= 1500

# Tests run side by side, so that each has one thread: several that share a core wait for one another.
ALONE := OMP_NUM_THREADS=1 OMP_THREAD_LIMIT=1 OPENBLAS_NUM_THREADS=1

.PHONY: demo test long lint setup system clean

demo: setup  ## Simulate, audit, train, promote, score, then serve the page and the API
	$(BIN)/tenure demo --accounts $(ACCOUNTS) --port $(PORT)

test: setup  ## The quick tests
	$(ALONE) $(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadscope -m "not slow and not browser and not others"

long: setup system  ## The long tests: a real server, browser, database and cluster, and other people's data
	$(ALONE) $(BIN)/python -m pytest -q -n auto --maxprocesses 2 --dist loadscope -m "slow or browser or others"

lint: setup  ## Format, lint and strict types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.lock pyproject.toml
	@sh .ci/system.sh
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

system:
	@sh .ci/system.sh browser engines

clean:  ## Remove the environment and all state
	rm -rf $(VENV) .tenure
