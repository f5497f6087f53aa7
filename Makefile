# SPDX-License-Identifier: BSD-2-Clause
# The commands of daily use; CMakeLists.txt does the building. On Debian 12 each installs what it misses (as root, by apt-get).
BUILD ?= build
export DESTDIR

all: build

help:
	@echo 'make          build everything into $(BUILD)/'
	@echo 'make demo     from nothing to running partitions, each step verified, in an emulated machine'
	@echo 'make check    all tests: unit, fuzz, rules, lab (CHECK="-L unit" etc. for some)'
	@echo 'make bench    the bare machine, a Bulkhead child and KVM+QEMU side by side; writes $(BUILD)/bench.json'
	@echo 'make lab      a shell in the root partition of an emulated machine'
	@echo 'make install  onto this machine, or into DESTDIR for a package'
	@echo 'make clean    remove $(BUILD)/'

packages:
	@tests/lab/install-packages

configure: packages
	@[ -e $(BUILD)/build.ninja ] || cmake -G Ninja -S . -B $(BUILD) -Wno-dev >/dev/null

build: configure
	@cmake --build $(BUILD) -- --quiet

demo:
	@tests/lab/demo/demo --build $(BUILD)

check: build
	@cmake --build $(BUILD) --target tests -- --quiet
	@ctest --test-dir $(BUILD) --output-on-failure --no-tests=error -j "$$(nproc)" $(CHECK)

bench: build
	@tests/bench/bench --build $(BUILD)

lab: build
	@tests/lab/run-scenario --shell --build $(BUILD)

install: build
	@cmake --install $(BUILD)
	@[ -n "$(DESTDIR)" ] || for module in /lib/modules/*/extra/bulkhead.ko; do \
		version=$${module#/lib/modules/}; depmod "$${version%%/*}"; done
	@[ -n "$(DESTDIR)" ] || ! command -v systemd-sysusers >/dev/null || systemd-sysusers bulkhead.conf bulkhead-wsmand.conf

clean:
	rm -rf $(BUILD)

.PHONY: all help packages configure build demo check bench lab install clean
