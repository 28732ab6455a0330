# SPDX-License-Identifier: GPL-2.0-or-later
# A thin front door; Meson does the work. `make help` lists the targets.
BUILD := build
SANITIZE := build-sanitize
PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: all help deps test test-long bench demo install sanitize check clean

all: $(BUILD)/build.ninja ## build the command: build/pagewalk
	ninja -C $(BUILD) src/cli/pagewalk
	@ln -sfn src/cli/pagewalk $(BUILD)/pagewalk

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

$(BUILD)/build.ninja:
	@command -v meson >/dev/null || { echo "Meson is missing; 'make deps' installs what is needed."; exit 1; }
	meson setup $(BUILD) --prefix '$(abspath $(PREFIX))'

deps: ## list the Debian packages that are needed, and install those that are missing
	@tools/install-packages

test: ## build, and run the whole test suite (under ten minutes)
	@tools/install-packages build demo test
	@$(MAKE) --no-print-directory all
	@tools/run-tests $(BUILD) --no-suite long

test-long: all ## what takes longer: every program in every mode, long fuzzing
	@tools/run-tests $(BUILD) --suite long

bench: ## compare speed with native, qemu-x86_64 and valgrind
	@tools/install-packages build demo bench
	@$(MAKE) --no-print-directory all
	@bench/run-bench $(BUILD)
	@bench/run-traces $(BUILD)
	@bench/run-attribute $(BUILD)

demo: ## run sort, sqlite3 and python3 in little RAM, and show that nothing differs
	@tools/install-packages build demo
	@$(MAKE) --no-print-directory all
	@tools/demo $(BUILD)/pagewalk

install: all ## install to PREFIX (/usr/local), below DESTDIR if given
	@meson configure $(BUILD) --prefix '$(abspath $(PREFIX))' >/dev/null
	DESTDIR='$(abspath $(DESTDIR))' meson install -C $(BUILD)

sanitize: ## unit and model tests with address and undefined-behaviour sanitizers
	@test -e $(SANITIZE)/build.ninja || meson setup $(SANITIZE) --buildtype debugoptimized \
	    -Dchecks=whole -Db_sanitize=address,undefined -Db_lundef=false
	@tools/run-tests $(SANITIZE) --suite unit --suite model --timeout-multiplier 5

check: ## layers, headers, format and static analysis
	@status=0; for check in layers headers format lint; do \
	    tools/check-$$check || status=1; done; exit $$status

clean: ## remove what was built
	rm -rf $(BUILD) $(SANITIZE)
