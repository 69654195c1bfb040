# `make demo` and `make test` work on a machine with Python 3.11 to 3.13 and nothing else installed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# uv does not read pip's settings: a local folder of wheels (a CPU build of torch, say) is handed over.
WHEELS := $(shell $(PYTHON) -m pip config get global.find-links 2>/dev/null)

# Where the surroundings forbid files of bytecode, each process that a run or a test starts would compile torch
# and what comes with it anew, for seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test fast check toyworld constraints clean

demo: $(VENV)/ready
	$(BIN)/xadapt demo --workers 2

test: $(VENV)/ready
	$(BIN)/python -m pytest -n auto --dist loadfile

fast: $(VENV)/ready
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow"

check: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Pretrain the encoder of the toy world anew and put it, with its record, into the package.
toyworld: $(VENV)/ready
	$(BIN)/xadapt run toyworld_encoder --store runs
	$(BIN)/python -m xadapt.experiment.install_encoder --store runs

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	UV_FIND_LINKS="$(WHEELS)" VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet -c constraints.txt -e ".[dev]"
	touch $@

constraints: $(VENV)/ready
	UV_FIND_LINKS="$(WHEELS)" $(BIN)/uv pip compile --universal --python-version 3.11 --quiet \
		--no-annotate --no-header --extra dev pyproject.toml -o constraints.txt

clean:
	rm -rf $(VENV) build dist *.egg-info
