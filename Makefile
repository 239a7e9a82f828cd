# Everything runs in .venv, made on first use. Needs python3 (3.11 or newer) and make.
#   make demo                           RFM beside its peers on tables that ship with scikit-learn
#   make demo CSV=file TARGET=column    the same, and on a table of yours
#   make test                           the tests; PYTEST_ARGS="-k agop" adds arguments
#   make test-slow                      all the tests, slow ones too
#   make docs                           the documentation, with all examples run, in docs/_build/html
#   make docs SLOW=0                    the same, with slow examples shown but not run
#   make lint                           ruff and mypy
#   make clean                          remove .venv and all that was built
# PYTHON=python3.13 chooses the interpreter.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
SLOW ?= 1
# Which examples are run, and what they need.
EXAMPLES := $(if $(filter 0,$(SLOW)),/plot_(?!slow_),/plot_)
DOCS_NEED := docs $(if $(filter 0,$(SLOW)),,torch)

.NOTPARALLEL:
.PHONY: help demo test test-slow docs lint clean

help:
	@sed -n 's/^#   //p' Makefile

demo: $(VENV)/.installed-bench
	$(BIN)/python examples/demo.py $(if $(CSV),--csv "$(CSV)") $(if $(TARGET),--target "$(TARGET)")

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-slow: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m "slow or not slow" $(PYTEST_ARGS)

docs: $(DOCS_NEED:%=$(VENV)/.installed-%)
	$(BIN)/python -m sphinx -W --keep-going -b html -D 'sphinx_gallery_conf.filename_pattern=$(EXAMPLES)' docs docs/_build/html

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy rfmlearn

clean:
	rm -rf $(VENV) docs/_build docs/auto_examples docs/generated build dist *.egg-info .coverage htmlcov .pytest_cache .mypy_cache .ruff_cache .hypothesis demo.png
	find rfmlearn tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp file per extra of pyproject.toml; redone when the requirements change.
$(VENV)/.installed-%: $(VENV)/.created pyproject.toml setup.cfg
	@echo "Installing rfmlearn and its '$*' requirements into $(VENV); this can take a minute or two."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$*]"
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
