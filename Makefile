# Two commands do all the set-up: `make run` and `make test`. Both need Python 3.11 or newer and nothing else.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint requirements.lock

# Tools that start one another (kedro mlflow ui starts mlflow) find the environment's.
export PATH := $(abspath $(BIN)):$(PATH)
# No telemetry from any of the tools.
export KEDRO_DISABLE_TELEMETRY = 1
export MLFLOW_DISABLE_TELEMETRY = true
export RAY_USAGE_STATS_ENABLED = 0

.PHONY: help run annotate test lint format viz ui lock clean
.DEFAULT_GOAL := help

help:           ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:[^#]*## /\t/' | expand -t 12

run: $(VENV)/.run        ## Install if needed, then run every stage on the embedded digits
	$(BIN)/kedro run $(ARGS)

annotate: $(VENV)/.run   ## Choose exemplars and draw boxes on samples, in a browser
	$(BIN)/python -m dcgan_pipeline annotate $(ARGS)

test: $(VENV)/.dev       ## Install if needed, then run the tests
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.dev       ## Style, types
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: $(VENV)/.dev     ## Rewrite the sources in the house's style
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

viz: $(VENV)/.run        ## Look at the graph and its results in Kedro-Viz
	$(BIN)/kedro viz run

ui: $(VENV)/.run         ## Compare runs in the MLflow UI
	$(BIN)/kedro mlflow ui

lock: $(VENV)/.dev       ## Write the versions of this environment to requirements.lock
	$(PIP) --editable '.[dev,notebooks]'
	$(BIN)/python -m pip freeze --exclude-editable --exclude dcgan_pipeline | grep '==' > requirements.lock

clean:          ## Remove the environment and the caches, and leave every result
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis .viz
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp a kind of environment: the commands above are quick when it is newer than what it depends on.
$(VENV)/.run: pyproject.toml requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing dcgan_pipeline (PyTorch is large: a few minutes the first time)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "installing what the tests need"
	@$(PIP) --editable '.[dev]'
	@touch $@
