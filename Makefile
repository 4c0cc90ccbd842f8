# Two commands: `make demo` shows what it does, `make test` proves it. Each does all its own set-up.
#
#   PYTHON=python3.12   another Python for the environments, 3.11 or newer
#   FERPLUS=ferplus.zip real faces for `make bench`
#   TORCH_INDEX=URL     a package index with the CPU build of torch, for machines without an NVIDIA GPU

PYTHON ?= python3
TORCH_INDEX ?=
FERPLUS ?=
PHOTO := samples/astronaut.jpg
BIN := .venv/bin

# Threads that wait must not spin: on a busy machine that costs ten times the work itself.
export OMP_WAIT_POLICY := passive
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: all demo test browser hosts format check-format lint types contracts tests site dist bench clean
.NOTPARALLEL:

all: test

demo: .venv-demo/installed ## a real photo to named expressions, with the base installed only
	@.venv-demo/bin/posterv2 predict $(PHOTO) --draw demo
	@echo "The picture: demo/$(notdir $(PHOTO))"

test: check-format lint types contracts tests ## everything that must hold

format: .venv/installed
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

check-format: .venv/installed
	$(BIN)/ruff format --check .

lint: .venv/installed
	$(BIN)/ruff check .

types: .venv/installed
	$(BIN)/pyright

contracts: .venv/installed
	$(BIN)/lint-imports

tests: .venv/installed
	OMP_NUM_THREADS=1 $(BIN)/pytest

site: .venv/installed ## the documents as pages, build/site/index.html
	$(BIN)/sphinx-build -W -q -b html docs build/site
	@echo "The site: build/site/index.html"

dist: .venv/installed ## what is published: a wheel and the source, into dist/
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*

bench: .venv/installed ## docs/performance.md, again
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/inference.py $(FERPLUS)

browser: ## Chromium, in which the page is tested where it is installed
	$(call debian,chromium,chromium)

hosts: .venv/installed ## a job across two hosts made of this machine, and without the one that is lost; as root
	$(call debian,ip,iproute2)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 0 -m hosts tests/batch

clean: ## everything made here but runs/
	rm -rf .venv .venv-demo build demo dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# $(call debian,PROGRAM,PACKAGE): where a program is missing, Debian's package that holds it.
define debian
	@command -v $(1) >/dev/null || { test "$$(id -u)" = 0 && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(2) >/dev/null; } || \
	  { echo "$(2) could not be installed here; on Debian and Ubuntu: sudo apt-get install $(2)" >&2; exit 1; }
endef

# $(call install,ENVIRONMENT,WHAT): pip, because it honours what a user has told pip: indexes, folders, certificates.
define install
	@$(PYTHON) -c 'import sys; sys.exit("posterv2 needs Python 3.11 or newer, $(PYTHON) is " + sys.version.split()[0] + "; name another one: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@echo "Installing $(2) into $(1) ..." >&2
	@$(PYTHON) -m venv $(1)
	@$(1)/bin/pip install --quiet --no-compile $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -c constraints.txt -e '$(2)'
	@touch $@
endef

.venv/installed: pyproject.toml constraints.txt
	$(call install,.venv,.[dev])

.venv-demo/installed: pyproject.toml constraints.txt
	$(call install,.venv-demo,.)
