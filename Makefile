# Every target works from a fresh clone: with Python 3.11 or newer, make and the package registry, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

# The modules that typings/ describes.
STUBS := $(subst /,.,$(patsubst typings/%.pyi,%,$(filter-out %/__init__.pyi,$(shell find typings -name '*.pyi'))))

# aiobotocore works with a few patch releases of botocore only: it gets an environment of its own.
AIOBOTOCORE_VENV := .venv-aiobotocore
AIOBOTOCORE_STAMP := $(AIOBOTOCORE_VENV)/installed

.PHONY: demo bench-athena soak test test-slow test-aiobotocore check lint types clean

demo: $(STAMP)  ## Write, read and delete real objects and run queries over HTTP, against local servers.
	$(BIN)/python examples/demo.py $(ARGS)
	$(BIN)/python examples/queries.py

test: $(STAMP)  ## All tests but the slow ones, in two processes.
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

test-slow: $(STAMP)  ## The slow ones.
	$(BIN)/python -m pytest -m slow --timeout 600 $(ARGS)

test-aiobotocore: $(AIOBOTOCORE_STAMP)  ## AiobotocoreTransport, in its own environment.
	$(AIOBOTOCORE_VENV)/bin/mypy pyathena/transport tests/transport/test_aiobotocore.py
	$(AIOBOTOCORE_VENV)/bin/python -m pytest tests/transport/test_aiobotocore.py $(ARGS)

check: lint types test  ## What CI asks of every commit.

bench-athena: $(STAMP)  ## Whether the event loop is held up during queries: writes benchmarks/ATHENA_LOOP.md.
	$(BIN)/python -m benchmarks.athena_loop

soak: $(STAMP)  ## Two thousand reads at once for minutes, while requests fail.
	MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=262144 $(BIN)/python -m benchmarks.soak $(ARGS)

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

$(AIOBOTOCORE_STAMP): pyproject.toml
	$(PYTHON) -m venv $(AIOBOTOCORE_VENV)
	$(AIOBOTOCORE_VENV)/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(AIOBOTOCORE_VENV)/bin/python -m pip install --quiet --editable '.[aiobotocore]' --group aiobotocore
	touch $@

clean:
	rm -rf $(VENV) $(AIOBOTOCORE_VENV) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
