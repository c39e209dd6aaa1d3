# Every target works from a fresh clone: with Python 3.11 or newer, make and the package registry, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
FLOOR := .venv-floor
DOCS := .venv-docs

# The modules that typings/ describes.
STUBS := $(subst /,.,$(patsubst typings/%.pyi,%,$(filter-out %/__init__.pyi,$(shell find typings -name '*.pyi'))))

# The others that we are measured against pin other versions, and one has our import name.
PEERS := .venv-peers
MEASURE := --peers-python $(PEERS)/bin/python

# aiobotocore works with a few patch releases of botocore only: it gets an environment of its own.
AIOBOTOCORE := .venv-aiobotocore

.PHONY: demo bench bench-quick bench-curves bench-report bench-athena soak test test-slow test-floor test-aiobotocore check lint types docs clean

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

test-floor: $(FLOOR)/installed  ## What `make test` runs, but for other libraries (tests/clients), with the lowest versions that pyproject.toml allows.
	$(FLOOR)/bin/python -m pytest -n 2 --dist loadfile --ignore tests/clients $(FLOOR_WARNINGS) $(ARGS)

test-aiobotocore: $(AIOBOTOCORE)/installed  ## AiobotocoreTransport, in its own environment.
	$(AIOBOTOCORE)/bin/mypy pyathena/transport tests/transport/test_aiobotocore.py
	$(AIOBOTOCORE)/bin/python -m pytest tests/transport/test_aiobotocore.py $(ARGS)

check: lint types test  ## What CI asks of every commit.

bench: $(VENV)/bench $(PEERS)/installed  ## Us and all others by all workloads, in less than an hour: writes benchmarks/RESULTS.md.
	$(BIN)/python -m benchmarks.run $(MEASURE) $(ARGS)
	$(BIN)/python -m benchmarks.report

bench-quick: $(VENV)/bench $(PEERS)/installed  ## A few workloads once, to try: prints, and writes no report.
	$(BIN)/python -m benchmarks.run $(MEASURE) --quick --out benchmarks/quick.jsonl $(ARGS)

bench-curves: $(VENV)/bench  ## Our time by size, number, latency and the options whose defaults are chosen from it.
	$(BIN)/python -m benchmarks.curves $(ARGS)

bench-report: $(VENV)/bench  ## Write benchmarks/RESULTS.md anew from what was measured last.
	$(BIN)/python -m benchmarks.report $(ARGS)

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

$(VENV)/bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --group bench
	touch $@

$(PEERS)/installed: pyproject.toml
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(PEERS)/bin/python -m pip install --quiet --group peers
	touch $@

$(AIOBOTOCORE)/installed: pyproject.toml
	$(PYTHON) -m venv $(AIOBOTOCORE)
	$(AIOBOTOCORE)/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(AIOBOTOCORE)/bin/python -m pip install --quiet --editable '.[aiobotocore]' --group aiobotocore
	touch $@

clean:
	rm -rf $(VENV) $(PEERS) $(AIOBOTOCORE) $(FLOOR) $(DOCS) site dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
