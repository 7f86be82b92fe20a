# SPDX-License-Identifier: MIT
# Every target does its own set-up; `make help` lists them.

BIN := build/venv/bin
PYTEST := $(BIN)/python -m pytest -c app/pyproject.toml --rootdir=.
TESTS ?= tests
VM := tests/system/vm

.DEFAULT_GOAL := help
.PHONY: help setup run lint test peers emulate system-test bench-footprint bench-discipline bench-responder bench-page soak fuzz \
	image flash bundle pi-boot image-qemu menuconfig savedefconfig legal-info sbom screens messages clean

help: ## list the targets
	@grep -hE '^[a-z -]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+).*:.*## /\1\t/' | expand -t 20

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
	@$(VM)/run.sh

peers: ## unpack other time programs below build/peers for tests and benches (nothing is installed)
	-@scripts/peers.sh

bench-footprint: ## memory, processor time, time to the page and to the first lock -> build/bench/footprint.json
	@scripts/setup.sh test
	@$(BIN)/python bench/footprint.py

bench-discipline: ## how near to true time the discipline keeps simulated crystals -> build/bench/discipline.json
	@scripts/setup.sh test
	@mkdir -p build/bench
	@$(BIN)/python bench/discipline.py --json build/bench/discipline.json

bench-responder: peers ## answers per second and core beside other servers -> build/bench/responder.json
	@scripts/setup.sh test
	@$(BIN)/python bench/responder.py

bench-page: ## what the page costs, and whether time notices 50 pages a second -> build/bench/page.json
	@scripts/setup.sh test
	@$(BIN)/python bench/page.py

soak: ## the responder at half load for an hour: memory, lost answers, stamps
	@scripts/setup.sh test
	@$(BIN)/python bench/responder_soak.py

fuzz: ## mutated packets against the answer path under AddressSanitizer; SECONDS=60
	@scripts/setup.sh test
	@$(BIN)/python tests/protocol/fuzz_responder.py --seconds $(or $(SECONDS),60)

image: ## build the card image with Buildroot -> build/image/ (two hours the first time)
	@scripts/image.sh image

flash: ## write the newest card image: make flash DEVICE=/dev/sdX (it asks first)
	@scripts/flash.sh "$(or $(IMAGE),$(lastword $(sort $(wildcard build/image/stratum1-*.img.xz))))" "$(DEVICE)"

bundle: ## make a signed update of the image that was built -> build/image/stratum1-VERSION.update
	@scripts/image.sh bundle

pi-boot: ## boot the card image on QEMU's Raspberry Pi 3 B and say what it shows
	@scripts/setup.sh emulate
	@$(BIN)/python tests/image/pi_board.py $(IMAGE)

image-qemu: ## build the same user space for QEMU's virt board -> build/image/qemu/
	@scripts/image.sh qemu

menuconfig savedefconfig legal-info sbom: ## pass through to Buildroot, for the image's makers
	@scripts/image.sh $@

screens: ## draw what the panel and the studio clock show into docs/screens
	@scripts/setup.sh run
	@$(BIN)/python -m stratum1.panel.gallery docs/screens

messages: ## collect every text that people read, for translators -> build/stratum1.pot
	@scripts/setup.sh test
	@scripts/messages.sh build/stratum1.pot $(BIN)/pybabel

clean: ## throw away what was built (build/, compiled modules)
	rm -rf build app/build app/src/*.egg-info
	find app/src -name '*.so' -delete
