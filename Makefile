# Every target makes .venv when it is missing and reuses it otherwise; all that is needed is Python 3.11 or newer.
# Another interpreter: `make PYTHON=python3.13 test`. Options for the tool: `make test ARGS="-k lif -x"`.

PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
INSTALLED := .venv/.installed
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest
ON_ALL_CORES := OMP_NUM_THREADS=1 $(PYTEST) -n auto --dist worksteal
PEERS := .venv-peers
INTEROP := .venv-interop

.DEFAULT_GOAL := help
.PHONY: help demo test fast lint typecheck bench bench-peers interop docs golden clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(INSTALLED) ## Run the grasshopper example and list what it wrote to out/
	@$(BIN)/python examples/grasshopper/demo.py $(ARGS)

test: $(INSTALLED) ## Run all tests
	$(ON_ALL_CORES) $(ARGS)

fast: $(INSTALLED) ## Run the quick tests
	$(ON_ALL_CORES) -m "not slow" $(ARGS)

lint: $(INSTALLED) ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Both tools keep what an earlier build left in build/, hence the rm.
typecheck: $(INSTALLED) ## Check the types of the package as users get it
	@rm -rf build
	@$(PIP) install --no-deps --no-build-isolation --target build/typecheck .
	$(BIN)/mypy --strict build/typecheck/graphpool

bench: $(INSTALLED) ## Measure the speed of every runtime; ARGS="W1 W4" measures a part and only prints
	$(BIN)/python -m tests.bench.run $(ARGS)

# An environment of its own: the peers bring much, and none of it is needed for anything else. What does not install
# is left out, and the table says so.
bench-peers: $(PEERS)/.installed ## Measure graphpool against other libraries; makes .venv-peers for them
	$(PEERS)/bin/python -W ignore -m tests.bench.peers.run $(ARGS)

interop: $(INTEROP)/.installed ## Compare networks with the frameworks that export them; makes .venv-interop for those
	$(INTEROP)/bin/python -W ignore -m tests.interop.run $(ARGS)

docs: $(INSTALLED) ## Write docs/ops.md and the tables of docs/nir.md from the code, docs/errors.md by running its code
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/generate_nir.py
	$(BIN)/python docs/generate_errors.py

golden: $(INSTALLED) ## Rewrite the golden files; read the diff before you keep it
	$(PYTEST) tests/golden --rewrite-goldens $(ARGS)

clean: ## Remove what the targets made; .venv stays
	rm -rf build dist out *.egg-info
	find . -path ./.venv -prune -o -type d \( -name __pycache__ -o -name '.*_cache' -o -name .hypothesis \) \
		-prune -exec rm -rf {} +

$(PEERS)/.installed: pyproject.toml
	@echo "Preparing $(PEERS) ..."
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip -qq install --editable ".[jax,onnx]" rich
	@for peer in torch==2.13.0 "torch==2.13.0 norse" "torch==2.13.0 snntorch" spyx "torch==2.13.0 rockpool"; do \
		$(PEERS)/bin/python -m pip -qq install $$peer || echo "not installed: $$peer"; done
	@touch $@

# The frameworks ask for an older nir, and run with the newer one.
$(INTEROP)/.installed: pyproject.toml
	@echo "Preparing $(INTEROP) ..."
	@$(PYTHON) -m venv $(INTEROP)
	@$(INTEROP)/bin/python -m pip -qq install --editable ".[jax,onnx,nir]" rich
	@$(INTEROP)/bin/python -m pip -qq install torch==2.13.0 snntorch norse spyx sinabs rockpool
	@$(INTEROP)/bin/python -m pip -qq install --no-deps "nir>=1.0.8,<2" "nirtorch>=2.6,<3"
	@touch $@

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "graphpool needs Python 3.11 or newer: make PYTHON=/path/to/python ..." >&2; exit 1; }
	@echo "Preparing .venv (once, and again when pyproject.toml has changed) ..."
	@$(PYTHON) -m venv .venv
	@$(PIP) install --editable ".[all,dev]"
	@touch $@
