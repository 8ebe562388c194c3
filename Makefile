# SPDX-License-Identifier: MIT
# `make help` lists the targets; `make setup bench` is all that a fresh machine needs.

B        := build
PREFIX   := /usr/local
DEST      = $(DESTDIR)$(PREFIX)
SHARE     = $(DEST)/share/spawnmark
VERSION  := $(shell sed -n 's/.*SM_VERSION "\(.*\)"/\1/p' harness/spawnmark.h)
VENV     := .venv
PYTHON3   = $(or $(wildcard $(VENV)/bin/python),python3)
CC       ?= cc
CXX      ?= c++

# ARCH=arm64 on another machine: a cross build, in build/arm64 where B= names no other folder.
MACHINE  := $(subst x86_64,amd64,$(subst aarch64,arm64,$(shell uname -m)))
ARCH     ?= $(MACHINE)
CROSS    := $(filter-out $(MACHINE),$(ARCH))
TRIPLETS := amd64.x86_64-linux-gnu arm64.aarch64-linux-gnu
ifneq ($(CROSS),)
TRIPLET  := $(or $(patsubst $(ARCH).%,%,$(filter $(ARCH).%,$(TRIPLETS))),$(error ARCH=$(ARCH): amd64 or arm64))
B        := build/$(ARCH)
AR       := $(TRIPLET)-ar
CC       := $(TRIPLET)-gcc --sysroot=$(or $(shell scripts/kernels/sysroot.sh $(ARCH)),$(error no libraries for $(ARCH)))
endif
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
CFLAGS   ?= -O2 -g

# What the driver is built with. PROFILE=kernel: for a test machine, with cc, make, jansson and inih
# alone; what is left out is told by the file of the same name in harness/driver/without.
PROFILE  ?=
WITHOUT  := $(if $(filter kernel,$(PROFILE)),filter gzip python)
LIBS     := -ljansson -linih $(if $(filter kernel,$(PROFILE)),,-lseccomp -lz) -lm
CPPFLAGS += -D_GNU_SOURCE -Iharness
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer)
CSTD     := -std=gnu11 $(WARN) $(SANFLAGS)

LIB_SRC     := $(wildcard $(addprefix harness/,$(addsuffix /*.c,sys wire child strategies sandbox isolation host)))
LIB_SRC     := $(filter-out harness/host/sm-host.c,$(LIB_SRC)) harness/check/loader.c harness/atfork/find.c
CHECK_SRC   := $(wildcard harness/check/*.c scenarios/conformance/*.c)
CHECK_SRC   := $(filter-out harness/check/loader.c harness/check/linked.c,$(CHECK_SRC))
FEATURE_SRC := $(wildcard harness/features/*.c)
DRIVER_SRC  := $(wildcard harness/driver/*.c)
DRIVER_SRC  := $(filter-out $(WITHOUT:%=harness/driver/%.c),$(DRIVER_SRC)) $(WITHOUT:%=harness/driver/without/%.c)
PAYLOADS    := none heap none-static none-nolibc
TEST_SRC    := $(wildcard harness/test/test_*.c)
TEST_HELP   := $(filter-out $(TEST_SRC) harness/test/sanitizer.c,$(wildcard harness/test/*.c))
MICRO_SRC   := $(wildcard bench/micro/*.c)

obj          = $(patsubst %.c,$(B)/o/%.o,$(1))
LIB_OBJ     := $(call obj,$(LIB_SRC))
FEATURE_OBJ := $(call obj,$(FEATURE_SRC))
DRIVER_OBJ  := $(call obj,$(DRIVER_SRC)) $(FEATURE_OBJ)
CHECK_OBJ   := $(call obj,$(CHECK_SRC))
PROGRAMS    := $(B)/spawnmark $(B)/sm-host $(B)/libspawnmark.so $(B)/checks.so $(B)/sm-atfork.so \
	       $(PAYLOADS:%=$(B)/payloads/%)
TESTS       := $(TEST_SRC:harness/test/%.c=$(B)/test/%)

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-4s %s\n' $(1) $(2))

# `make -j setup bench`: nothing is compiled before setup is done.
AFTER := $(filter setup,$(MAKECMDGOALS))

.PHONY: FORCE install all static tests setup bench bench-quick capacity compare conformance test report lint clean fleet help soak selfcheck kernels kernels-proof kernels-profile bench-readers
.DEFAULT_GOAL := all

all: $(PROGRAMS) $(if $(CROSS)$(filter kernel,$(PROFILE)),,$(B)/micro) ## build everything (ARCH=arm64: for another machine, PROFILE=kernel: with cc, jansson, inih alone)

tests: $(TESTS) $(B)/test/bad-checks.so $(B)/test/handlers.so $(B)/test/contain ## build the test programs

$(B)/o/%.o: %.c | $(AFTER)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CSTD) $(CPPFLAGS) $(CFLAGS) -fPIC -MMD -MP -c -o $@ $<

$(B)/libspawnmark.a: $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/libspawnmark.so: $(LIB_OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) -shared -Wl,-soname,libspawnmark.so -Wl,-z,defs -o $@ $^

# Brings its own copy of the library and shows one symbol: it fits whatever program loads it.
$(CHECK_OBJ) $(FEATURE_OBJ): CSTD += -fvisibility=hidden
$(B)/checks.so: $(CHECK_OBJ) $(FEATURE_OBJ) $(B)/libspawnmark.a
	$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) -shared -Wl,-soname,checks.so -Wl,-z,defs -Wl,--exclude-libs,ALL -o $@ $^

# Goes into servers beside a payload of any kind: nothing but libc, no sanitiser either.
$(B)/sm-atfork.so: harness/atfork/atfork.c harness/atfork/preload.c harness/atfork/atfork.h | $(AFTER)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) -std=gnu11 $(WARN) $(CPPFLAGS) $(CFLAGS) -fPIC -fvisibility=hidden \
		-shared -Wl,-soname,sm-atfork.so -Wl,-z,defs -o $@ $(filter %.c,$^)

$(B)/spawnmark: $(call obj,bench/spawnmark.c) $(DRIVER_OBJ) $(CHECK_OBJ) $(B)/libspawnmark.a $(B)/without
	$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) -o $@ $(filter-out %/without,$^) $(LIBS)

# Another profile links anew.
$(B)/without: FORCE
	$(Q)mkdir -p $(@D); echo $(WITHOUT) | cmp -s - $@ || echo $(WITHOUT) >$@

$(B)/sm-host: $(call obj,harness/host/sm-host.c) $(B)/libspawnmark.a
	$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) -o $@ $^

$(B)/payloads/%: $(B)/o/harness/payloads/%.o $(B)/libspawnmark.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(SANFLAGS) -o $@ $^

ifdef SAN # cannot be linked statically: this one comes from a build without it
PLAIN    := $(B)/plain
$(B)/payloads/none-static: $(LIB_SRC) harness/payloads/none.c
	$(Q)$(MAKE) --no-print-directory B=$(PLAIN) SAN= $(PLAIN)/payloads/none-static
	$(Q)mkdir -p $(@D) && cp $(PLAIN)/payloads/none-static $@
else
$(B)/payloads/none-static: $(call obj,harness/payloads/none.c harness/check/linked.c harness/atfork/absent.c) $(B)/libspawnmark.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) -static -o $@ $^
endif

# ---- one program of one file: `make static` ----
S        := $(B)/static
STATIC   := $(if $(CROSS),build,$(B))/static/spawnmark-$(ARCH)
OBJCOPY  := $(if $(CROSS),$(TRIPLET)-)objcopy
# In place of what calls dlopen(3) and dlsym(3), which a static libc does not carry.
ALONE    := $(call obj,harness/check/linked.c harness/atfork/absent.c)
LINKED   := $(call obj,harness/check/linked.c harness/sys/linked/symbol.c harness/atfork/linked.c) $(S)/atfork.o
STATIC_DRIVER := $(filter-out $(call obj,harness/driver/python.c),$(DRIVER_OBJ)) \
	$(if $(filter kernel,$(PROFILE)),,$(call obj,harness/driver/without/python.c))
INSIDE   := $(wildcard scenarios/*.ini harness/driver/*.schema.json)
INSIDE_PROGRAMS := sm-host=$(S)/sm-host payloads/heap=$(S)/heap payloads/none=$(S)/none-static \
	payloads/none-static=$(S)/none-static payloads/none-nolibc=$(B)/payloads/none-nolibc \
	conform/sm-host=$(S)/conform conform/payloads/none-pie=$(S)/conform-pie

static: $(STATIC) ## build build/static/spawnmark-ARCH: one file to copy to a test machine (ARCH=arm64)

$(S)/sm-host: $(call obj,harness/host/sm-host.c) $(ALONE) $(B)/libspawnmark.a
$(S)/heap: $(call obj,harness/payloads/heap.c) $(ALONE) $(B)/libspawnmark.a
$(S)/none-static: $(call obj,harness/payloads/none.c) $(ALONE) $(B)/libspawnmark.a
$(S)/sm-host $(S)/heap $(S)/none-static:
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) -static -s -o $@ $^

# Host and payload of conformance. Not to be loaded anywhere: emulators that find translated code by
# its address, as QEMU 7.2 does, translate such a program anew for each process, which costs more
# than all that a short one executes. The check of a random layout has a payload that can be.
$(S)/conform: PIE := -static -no-pie
$(S)/conform-pie: PIE := -static-pie
$(S)/conform $(S)/conform-pie: $(call obj,bench/conformcall.c) $(S)/main-host.o $(S)/main-none.o $(LINKED) \
		$(CHECK_OBJ) $(FEATURE_OBJ) $(B)/libspawnmark.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(PIE) -s -Wl,--wrap=__register_atfork -o $@ $^ $(LIBS)

# Of which commit it is, told where sm_commit() looks.
$(S)/HEAD: FORCE
	$(Q)mkdir -p $(@D); { git rev-parse HEAD 2>/dev/null || :; } >$@.new; \
		cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(S)/inside.S: scripts/embed.sh Makefile $(S)/HEAD $(S)/sm-host $(S)/heap $(S)/none-static $(S)/conform $(S)/conform-pie $(B)/payloads/none-nolibc $(INSIDE)
	$(call say,GEN,$@)
	$(Q)scripts/embed.sh .git/HEAD=$(S)/HEAD $(foreach f,$(INSIDE),$(f)=$(f)) $(INSIDE_PROGRAMS) >$@

$(S)/inside.o: $(S)/inside.S
	$(Q)$(CC) -c -o $@ $<

$(S)/atfork.o: $(call obj,harness/atfork/atfork.c)
	$(Q)mkdir -p $(@D) && $(OBJCOPY) --redefine-sym __register_atfork=__wrap___register_atfork $< $@

# Three programs become functions of one.
$(S)/main-command.o: $(call obj,bench/spawnmark.c)
$(S)/main-host.o: $(call obj,harness/host/sm-host.c)
$(S)/main-none.o: $(call obj,harness/payloads/none.c)
$(S)/main-%.o:
	$(Q)mkdir -p $(@D) && $(OBJCOPY) --redefine-sym main=sm_main_$* $< $@

$(STATIC): $(call obj,bench/multicall.c) $(S)/main-command.o $(S)/main-host.o \
		$(S)/main-none.o $(S)/inside.o $(LINKED) $(STATIC_DRIVER) $(CHECK_OBJ) $(B)/libspawnmark.a \
		$(B)/without
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) -static-pie -s -Wl,--wrap=__register_atfork -o $@ \
		$(filter-out %/without,$^) $(LIBS)

$(B)/payloads/none-nolibc: harness/payloads/none-nolibc.c harness/record.h | $(AFTER)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) -std=gnu11 $(WARN) -Iharness -O2 -ffreestanding -nostdlib -static \
		-fno-stack-protector -fno-pie -no-pie -o $@ $<

# Of `kernels.py profile`: what runs in the guest, at addresses of its own, and what counts there.
$(B)/profile/spawns: $(call obj,scripts/kernels/guest/spawns.c harness/check/linked.c harness/atfork/absent.c) \
		$(B)/libspawnmark.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) -static -no-pie -Wl,-Ttext-segment=0x60000000 -o $@ $^

$(B)/profile/plugin.so: $(wildcard scripts/kernels/plugin*.[ch])
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) -std=gnu11 $(WARN) $(CPPFLAGS) $(CFLAGS) -fPIC -fvisibility=hidden \
		-shared -o $@ $(filter %.c,$^)

$(B)/micro: $(call obj,$(MICRO_SRC)) bench/micro/shim.cc $(B)/libspawnmark.a
	$(call say,CXX,$@)
	$(Q)$(CXX) -std=c++17 -Wall -Wextra -Werror $(CPPFLAGS) $(CFLAGS) $(SANFLAGS) -o $@ $^ -lbenchmark -lpthread

$(B)/o/harness/test/checks/bad.o: CSTD += -fvisibility=hidden
$(B)/test/bad-checks.so: $(B)/o/harness/test/checks/bad.o $(filter $(B)/o/harness/%,$(CHECK_OBJ)) $(B)/libspawnmark.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(SANFLAGS) -shared -Wl,-z,defs -Wl,--exclude-libs,ALL -o $@ $^

$(B)/test/handlers.so: harness/test/tools/handlers.c
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) -std=gnu11 $(WARN) $(CPPFLAGS) $(CFLAGS) -fPIC -shared -Wl,-z,defs -o $@ $<

$(B)/test/contain: $(B)/o/harness/test/tools/contain.o
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(SANFLAGS) -o $@ $^

# Archives, so that a test gets only what it calls.
$(B)/test/help.a: $(call obj,$(TEST_HELP))
$(B)/test/driver.a: $(DRIVER_OBJ) $(CHECK_OBJ) $(B)/without
$(B)/test/help.a $(B)/test/driver.a:
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D) && rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

$(B)/test/%: $(B)/o/harness/test/%.o $(B)/test/help.a $(B)/test/driver.a $(B)/libspawnmark.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(SANFLAGS) -o $@ $^ -lcmocka $(LIBS)

ifdef SAN
$(B)/spawnmark $(B)/sm-host $(B)/payloads/none $(B)/payloads/heap $(TESTS): \
	$(B)/o/harness/test/sanitizer.o
endif

setup: ## install what is missing (asks apt, builds .venv); PYTHON= chooses the interpreter
	$(Q)scripts/setup.sh

bench: all ## measure for five minutes, report, print the summary (BENCH= more options)
	$(Q)scripts/bench.sh $(BENCH)

bench-quick: all ## the same in 45 seconds
	$(Q)scripts/bench.sh --quick $(BENCH)

bench-readers: ## what reading results costs: report over ten folders, compare of two (RESULTS= of which)
	$(Q)$(VENV)/bin/python bench/e2e/readers.py $(RESULTS)

conformance: all ## ask every check of every strategy, draw the matrix (CONFORM= more options)
	$(Q)scripts/conformance.sh $(CONFORM)

soak: all ## 100 000 spawns of each strategy, a million of zygote3 and pool: nothing grows
	$(Q)$(B)/spawnmark run soak

capacity: all ## find the highest rate per CPU with `ready` p99 under 10 ms (eight minutes)
	$(Q)$(B)/spawnmark run capacity

selfcheck: all ## how often verdicts are wrong here: itself, planted slow-downs, load (35 minutes; MINUTES=)
	$(Q)$(VENV)/bin/python scripts/selfcheck.py $(if $(MINUTES),--minutes $(MINUTES))

# What is empty is not given. KERNEL, CMDLINE and the like are words of the user's, as they are.
KERNEL_OPTIONS = $(if $(KERNEL),--kernel '$(KERNEL)') $(if $(CMDLINE),--cmdline '$(CMDLINE)') \
	$(if $(INITRAMFS_ADD),--add '$(INITRAMFS_ADD)') $(if $(QEMU),--qemu '$(QEMU)')

kernels: ## instruction counts of kernels under QEMU (KERNELS="6.1 arm64:6.12", KERNEL=bzImage, CMDLINE=)
	$(Q)$(PYTHON3) scripts/kernels.py $(KERNELS) $(KERNEL_OPTIONS) $(OPTIONS)

kernels-profile: ## where the instructions of one spawn go (KERNELS="6.1 6.12", OPTIONS='--strategy pool --heap 0,64')
	$(Q)$(PYTHON3) scripts/kernels.py profile $(KERNELS) $(if $(KERNEL),--kernel '$(KERNEL)') \
		$(if $(CMDLINE),--cmdline '$(CMDLINE)') $(if $(QEMU),--qemu '$(QEMU)') $(OPTIONS)

kernels-proof: ## do counts repeat, does load change them, is 1 % found? (KERNELS=6.12)
	$(Q)$(PYTHON3) scripts/kernels.py prove $(KERNELS) $(KERNEL_OPTIONS) $(OPTIONS)

report: ## draw the newest results again (RESULTS= a folder; of several one page, in OUT=)
	$(Q)$(VENV)/bin/python scripts/report.py $(or $(RESULTS),results/latest) \
		$(if $(word 2,$(RESULTS)),-o $(or $(OUT),results/side-by-side))

compare: ## faster, slower or the same? BASE=… NEW=… (MORE= further runs, COMPARE= more options)
	$(Q)$(VENV)/bin/python scripts/compare.py $(COMPARE) $(or $(BASE),$(error BASE= names no results folder)) $(NEW) $(MORE)

fleet: ## measure many machines at once, compare them: INVENTORY=FILE (FLEET= more options of Ansible)
	$(Q)scripts/fleet/run.sh "$(INVENTORY)" $(FLEET)

test: | $(AFTER) ## build and run every test; ends in one line "N passed, N failed"
	$(Q)scripts/test.sh

lint: ## formatting, clang-tidy, cppcheck, shellcheck, each header alone
	$(Q)scripts/lint.sh

# What runs beside what is built on: a spawner of one's own is compiled against it (harness/hosts).
install: all ## copy it below PREFIX (default /usr/local), DESTDIR before it
	$(Q)install -d $(DEST)/bin $(DEST)/include/spawnmark $(DEST)/lib/spawnmark/payloads \
		$(DEST)/lib/pkgconfig $(addprefix $(SHARE)/,harness/payloads harness/driver harness/hosts)
	$(Q)install $(B)/spawnmark $(DEST)/bin
	$(Q)install $(B)/sm-host $(B)/checks.so $(B)/libspawnmark.so $(B)/sm-atfork.so $(DEST)/lib/spawnmark
	$(Q)install $(PAYLOADS:%=$(B)/payloads/%) $(DEST)/lib/spawnmark/payloads
	$(Q)install -m 644 $(B)/libspawnmark.a $(DEST)/lib
	$(Q)install -m 644 harness/spawnmark.h harness/record.h $(DEST)/include/spawnmark
	$(Q)sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' harness/hosts/spawnmark.pc.in \
		>$(DEST)/lib/pkgconfig/spawnmark.pc
	$(Q)install -m 644 harness/payloads/python.py $(SHARE)/harness/payloads
	$(Q)install -m 644 harness/hosts/*.py harness/hosts/minimal.c $(SHARE)/harness/hosts
	$(Q)install -m 644 harness/driver/*.schema.json $(SHARE)/harness/driver
	$(Q)install -d $(SHARE)/scenarios && install -m 644 scenarios/*.ini $(SHARE)/scenarios
	$(Q)install -d $(SHARE)/scripts/plots/several $(SHARE)/scripts/templates
	$(Q)install -m 644 scripts/*.py scripts/*.schema.json scripts/requirements.txt $(SHARE)/scripts
	$(Q)install -m 644 scripts/plots/*.py $(SHARE)/scripts/plots
	$(Q)install -m 644 scripts/plots/several/*.py $(SHARE)/scripts/plots/several
	$(Q)install -m 644 scripts/templates/* $(SHARE)/scripts/templates
	$(call say,DONE,$(DEST))

clean: ## remove what was built (not .venv, not results)
	$(Q)rm -rf $(B)

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.SECONDARY:
-include $(shell find $(B)/o -name '*.d' 2>/dev/null)
