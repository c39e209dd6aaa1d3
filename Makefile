# Every target works from a fresh clone: with Python 3.11 or newer, make and the package registry, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
FLOOR := .venv-floor
DOCS := .venv-docs

# The modules that typings/ describes.
STUBS := $(subst /,.,$(patsubst typings/%.pyi,%,$(filter-out %/__init__.pyi,$(shell find typings -name '*.pyi'))))

.PHONY: demo bench-athena soak test test-slow test-floor check lint types docs clean

demo: $(STAMP)  ## Write, read and delete real objects and run queries over HTTP, against local servers.
	$(BIN)/python examples/demo.py $(ARGS)
	$(BIN)/python examples/queries.py

test: $(STAMP)  ## All tests but the slow ones, in two processes.
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

test-slow: $(STAMP)  ## The slow ones.
	$(BIN)/python -m pytest -m slow --timeout 600 $(ARGS)

# Of botocore's older releases Python 3.12 and later warn, since they ask for UTC so; of fsspec's own tests, pytest.
FLOOR_WARNINGS := -W 'ignore:datetime.datetime.utc:DeprecationWarning' \
	-W 'ignore:Class-scoped fixtures defined as instance methods:pytest.PytestDeprecationWarning'

test-floor: $(FLOOR)/installed  ## What `make test` runs, with the lowest versions that pyproject.toml allows.
	$(FLOOR)/bin/python -m pytest -n 2 --dist loadfile $(FLOOR_WARNINGS) $(ARGS)

check: lint types test  ## What CI asks of every commit.

bench-athena: $(STAMP)  ## Whether the event loop is held up during queries: writes benchmarks/ATHENA_LOOP.md.
	$(BIN)/python -m benchmarks.athena_loop

soak: $(STAMP)  ## Two thousand reads at once for minutes, while requests fail.
	MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=262144 $(BIN)/python -m benchmarks.soak $(ARGS)

docs: $(DOCS)/installed  ## The documentation, into site/; a warning is an error.
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest --mypy-config-file mypy.ini --ignore-missing-stub --concise $(STUBS)

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

$(FLOOR)/installed: pyproject.toml tests/floors.py
	$(PYTHON) -m venv --clear $(FLOOR)
	$(FLOOR)/bin/python -m pip install --quiet --upgrade 'pip>=25.1' packaging
	$(FLOOR)/bin/python -m tests.floors > $(FLOOR)/floors.txt
	$(FLOOR)/bin/python -m pip install --quiet --editable . --group test --constraint $(FLOOR)/floors.txt
	touch $@

$(DOCS)/installed: pyproject.toml
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(DOCS)/bin/python -m pip install --quiet --group docs
	touch $@

clean:
	rm -rf $(VENV) $(FLOOR) $(DOCS) site dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
