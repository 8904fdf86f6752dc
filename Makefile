# Everything a clone needs is installed into the clone: .uv/ (the installer), .venv/ (Python), tests/conformance/node/node_modules.
# Needed beforehand: Python 3.11 or newer with pip, and make. `make test` and `make bench` also say what the system must bring
# (tests/system-packages.sh) and install that with apt where they may.

# Looked for only when something is to be installed, so that a start costs nothing.
PYTHON ?= $(or $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	  "$$p" -c 'import sys; sys.version_info >= (3, 11) or sys.exit(1); print(sys.executable)' 2>/dev/null && break; done),\
	$(error Sluicegate needs Python 3.11 or newer, and none was found))

BIN := .venv/bin
UV := .uv/lib/bin/uv
NODE := tests/conformance/node
INSTALLED := .venv/.installed
INSTALLED_DEV := .venv/.installed-dev
INSTALLED_NODE := $(NODE)/node_modules/.installed
SYNC = env -u VIRTUAL_ENV UV_PROJECT_ENVIRONMENT=.venv UV_PYTHON_DOWNLOADS=never \
	$(UV) sync --quiet --frozen --python "$(PYTHON)" --compile-bytecode

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help serve test check bench bench-detect fix docs style types imports lock dev system

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile

serve: $(INSTALLED)  ## install what is missing, then serve on http://127.0.0.1:8080
	@exec $(BIN)/sluicegate serve

test: dev  ## every test, with what they need
	@$(BIN)/pytest $(ARGS)

check: style types imports lock test  ## everything that must hold before a change is merged

bench: $(INSTALLED_DEV)  ## measure the gateway beside its peers
	@tests/system-packages.sh bench
	@$(BIN)/python -m bench $(ARGS)

bench-detect: $(INSTALLED_DEV)  ## score the detectors beside their peers on labelled sets
	@$(BIN)/python -m bench.detection $(ARGS)

fix: $(INSTALLED_DEV)  ## format, and repair what can be repaired
	@$(BIN)/ruff check --fix --exit-zero --quiet
	@$(BIN)/ruff format --quiet
	@$(BIN)/ruff check --quiet

docs: $(INSTALLED_DEV)  ## write docs/settings.md again from settings.py
	@$(BIN)/python -m docs.generate

style: $(INSTALLED_DEV)
	@$(BIN)/ruff format --check --quiet --output-format concise || { echo "make fix repairs these" >&2; exit 1; }
	@$(BIN)/ruff check --quiet

types: $(INSTALLED_DEV)
	@$(BIN)/mypy

imports: $(INSTALLED_DEV)
	@$(BIN)/lint-imports

lock: $(UV)
	@$(UV) lock --check --quiet --python "$(PYTHON)" || { echo "uv.lock does not belong to pyproject.toml; run: $(UV) lock" >&2; exit 1; }

dev: system $(INSTALLED_DEV) $(INSTALLED_NODE)

system:
	@tests/system-packages.sh test

# One installer for every machine, checked by digest. Not in .venv, which it keeps free of what the lock does not name.
# PIP_USER would contradict --target; a Python without pip may still have venv.
$(UV): .ci/uv.txt
	@echo "installing the installer (uv) into .uv" >&2
	@rm -rf .uv
	@python="$(PYTHON)"; "$$python" -m pip --version >/dev/null 2>&1 || \
	  { "$$python" -m venv .uv/venv && python=.uv/venv/bin/python; } || \
	  { echo "Sluicegate needs pip or venv for $$python (Debian: apt-get install python3-pip)" >&2; exit 1; }; \
	  PIP_USER=0 PIP_ROOT_USER_ACTION=ignore "$$python" -m pip install --quiet --disable-pip-version-check \
	  --only-binary :all: --require-hashes --target .uv/lib -r .ci/uv.txt
	@touch $@

# Adds only, so that a start does not take away what the tests need.
$(INSTALLED): uv.lock pyproject.toml $(UV)
	@echo "installing Sluicegate into .venv" >&2
	@$(SYNC) --no-dev --inexact
	@touch $@

$(INSTALLED_DEV): uv.lock pyproject.toml $(UV)
	@echo "installing Sluicegate and its tools into .venv" >&2
	@$(SYNC)
	@touch $(INSTALLED) $@

# npm scripts stay off, but for the one that puts the binary (an optional package of the registry) in its place.
$(INSTALLED_NODE): $(NODE)/package.json $(NODE)/package-lock.json | system
	@echo "installing the clients for the conformance tests" >&2
	@cd $(NODE) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@cd $(NODE)/node_modules/@anthropic-ai/claude-code && node install.cjs
	@$(NODE)/node_modules/.bin/claude --version >/dev/null
	@$(NODE)/node_modules/.bin/codex --version >/dev/null
	@$(NODE)/node_modules/.bin/gemini --version >/dev/null
	@touch $@
