# SPDX-License-Identifier: MIT
# Every target does its own set-up; `make help` lists them.

BIN := build/venv/bin
PYTEST := $(BIN)/python -m pytest -c app/pyproject.toml --rootdir=.
TESTS ?= tests
VM := tests/system/vm

.DEFAULT_GOAL := help
.PHONY: help setup run lint test peers emulate system-test screens clean bench-footprint

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 20

setup: ## make this checkout ready to run (system packages, virtual environment, compiled modules)
	@scripts/setup.sh run

run: ## start the appliance with a simulated GPS hat; Ctrl-C ends it
	@scripts/setup.sh run
	@$(BIN)/stratum1 demo --dir build/demo

lint: ## ruff, mypy --strict, cython-lint, shellcheck
	@scripts/setup.sh test
	@scripts/lint.sh

test: lint peers ## lint, then every test that needs no hardware; TESTS=tests/unit picks some
	@$(PYTEST) $(TESTS) --ignore=$(VM)

emulate: ## boot the appliance in QEMU with a virtual GPS hat; Ctrl-C ends it
	@scripts/setup.sh emulate
	@$(BIN)/python $(VM)/emulate.py

system-test: peers ## the whole appliance in QEMU: kernel pulses, real gpsd, real clients, faults (15 minutes at most)
	@scripts/setup.sh emulate
	@$(PYTEST) $(VM)

peers: ## unpack other time programs below build/peers for tests and benches (nothing is installed)
	-@scripts/peers.sh

bench-footprint: ## memory, processor time, time to the page and to the first lock -> build/bench/footprint.json
	@scripts/setup.sh test
	@$(BIN)/python bench/footprint.py

screens: ## draw what the panel and the studio clock show into docs/screens
	@scripts/setup.sh run
	@$(BIN)/python -m stratum1.panel.gallery docs/screens

clean: ## throw away what was built (build/, compiled modules)
	rm -rf build app/build app/src/*.egg-info
	find app/src -name '*.so' -delete
