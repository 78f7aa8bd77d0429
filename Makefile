# Every target makes the virtual environment it needs; VENV and PYTHON may be set from outside.
VENV   ?= .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
# Triton's Python backend needs numpy below 2, so it has an environment of its own
export TRITON_VENV ?= .venv-triton
export OMP_NUM_THREADS ?= 1
export HF_HUB_OFFLINE  := 1
SITE   := import sysconfig; print(sysconfig.get_path("purelib"))

.PHONY: demo study test lint chaos triton heavy-tools protos micro-weights bench bench-segmenter clean

## the whole method on the micro world, from nothing to a table, in minutes
demo: $(VENV)/.demo
	$(BIN)/synres demo

## three seeds of the whole method, resumable
study: $(VENV)/.demo
	$(BIN)/synres study

## lint, types, import contracts and every test; no network once installed
test: $(VENV)/.dev lint
	$(BIN)/python -m pytest -m "not chaos"

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

## the fault tests again, with micro models and more kills
chaos: $(VENV)/.dev
	$(BIN)/python -m pytest -m chaos

## SANA in a real Triton server on this machine
triton: $(VENV)/.dev $(TRITON_VENV)/.installed
	SYNRES_TEST_HEAVY=required $(BIN)/python -m pytest -m triton

## the tools without which `make test` skips some tests, and says so
heavy-tools: $(TRITON_VENV)/.installed

## generate the gRPC stubs anew
protos: $(VENV)/.dev
	$(BIN)/python tools/protos.py

## train the shipped micro weights anew (about 20 CPU-minutes)
micro-weights: $(VENV)/.dev
	$(BIN)/python -m tools.micro_weights

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/itag.py
	$(BIN)/python benchmarks/coordinator.py

## what shared encodes save, and ONNX Runtime beside torch (about a CPU-minute)
bench-segmenter: $(VENV)/.dev
	$(BIN)/python -m benchmarks.segmenter

clean:
	rm -rf $(VENV) $(TRITON_VENV) build *.egg-info

$(VENV)/.demo: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable ".[demo]" --constraint constraints.txt
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable ".[dev]" --constraint constraints.txt
	touch $@ $(VENV)/.demo

# 369 MB: torch, diffusers and the rest come from $(VENV), behind its own numpy
$(TRITON_VENV)/.installed: $(VENV)/.dev
	$(PYTHON) -m venv $(TRITON_VENV)
	$(TRITON_VENV)/bin/pip install --quiet nvidia-pytriton==0.7.0 "numpy<2"
	printf '%s\n' "$(CURDIR)" "$$($(BIN)/python -c '$(SITE)')" > "$$($(TRITON_VENV)/bin/python -c '$(SITE)')/synres.pth"
	touch $@
