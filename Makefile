# SPDX-License-Identifier: BSD-2-Clause
# wsrp: `make help` prints the targets below; every "## " comment is its text.
#
# Objects of table/ and eval/ are shared by compiler and daemon, so that `wsrpc explain` and `wsrpd` run the same code.

VERSION   := 0.1.0
BUILD     ?= build$(if $(SAN),-san)
PREFIX    ?= /usr/local
DESTDIR   ?=
CC        ?= cc
PYTHON    ?= /usr/bin/python3
PKGS_TABLE    :=
PKGS_EVAL     := libpcre2-8
PKGS_COMPILER := libcrypto libcrypt jansson expat
PKGS_RUNTIME  := libevent_core libevent_extra libssl libcrypto libcrypt

V ?= 0
ifeq ($(V),0)
Q := @
say = @printf '  %-7s %s\n' $(1) $(2)
else
Q :=
say = @:
endif

WARN     := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla
HARDEN   := -fPIE -fstack-protector-strong
ifeq ($(SAN),)
HARDEN   += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
OPT      ?= -O2 -g
else
SANFLAGS := -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT      ?= -O1 -g
endif
ifneq ($(CI),)
WARN     += -Werror
endif
# GCC clears structures with `rep stos`, whose start costs more than the C library's vector stores.
ifeq ($(SAN),)
MEMSET   := $(shell echo 'int x;' | $(CC) -Werror -mmemset-strategy=libcall:-1:noalign -x c -c -o /dev/null - 2>/dev/null && \
              echo -mmemset-strategy=libcall:-1:noalign)
endif
CFLAGS   ?=
OUR_CFLAGS := -std=gnu11 $(OPT) $(WARN) $(HARDEN) $(MEMSET) $(SANFLAGS) -D_GNU_SOURCE -DWSR_VERSION='"$(VERSION)"' \
              -I. -I$(BUILD) -MMD -MP $(CFLAGS)
# A sanitizer's runtime has a crypt_r() of its own that calls the real one, so the library must be there although nothing seems to need it.
OUR_LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,$(if $(SAN),--no-as-needed,--as-needed) $(SANFLAGS) $(LDFLAGS)

pkg_libs = $(shell pkg-config --libs $(1))

TABLE_SRC    := $(sort $(wildcard table/*.c))
EVAL_SRC     := $(sort $(wildcard eval/*.c))
COMMON_SRC   := $(sort $(wildcard common/*.c))
COMPILER_SRC := $(sort $(wildcard compiler/*.c))
RUNTIME_SRC  := $(sort $(wildcard runtime/*.c))
ECHO_SRC     := $(sort $(wildcard examples/echo/*.c))
GRAMMAR_L    := $(sort $(wildcard grammar/*.l))
GRAMMAR_Y    := $(sort $(wildcard grammar/*.y))
UNIT_SRC     := $(sort $(wildcard tests/unit/test_*.c))
TESTLIB_SRC  := $(sort $(wildcard tests/lib_c/*.c))
FUZZ_SRC     := $(sort $(wildcard tests/fuzz/fuzz_*.c))
BENCH_SRC    := $(sort $(wildcard bench/*.c))

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))
TABLE_OBJ    := $(call obj,$(TABLE_SRC))
EVAL_OBJ     := $(call obj,$(EVAL_SRC))
GRAMMAR_OBJ  := $(patsubst grammar/%.l,$(BUILD)/grammar/%_scan.o,$(GRAMMAR_L)) $(patsubst grammar/%.y,$(BUILD)/grammar/%_parse.o,$(GRAMMAR_Y))
COMMON_OBJ   := $(call obj,$(COMMON_SRC))
COMPILER_OBJ := $(call obj,$(COMPILER_SRC)) $(GRAMMAR_OBJ)
RUNTIME_OBJ  := $(call obj,$(RUNTIME_SRC))
ECHO_OBJ     := $(call obj,$(ECHO_SRC))
COMPILER_LIB_OBJ := $(filter-out $(BUILD)/compiler/main.o,$(COMPILER_OBJ))
TESTLIB_OBJ  := $(call obj,$(TESTLIB_SRC))
RUNTIME_LIB_OBJ  := $(filter-out $(BUILD)/runtime/main.o,$(RUNTIME_OBJ))

PROGRAMS := $(if $(filter compiler/main.c,$(COMPILER_SRC)),$(BUILD)/wsrpc) $(if $(filter runtime/main.c,$(RUNTIME_SRC)),$(BUILD)/wsrpd) \
            $(if $(ECHO_SRC),$(BUILD)/wsr-echo)
UNIT_BIN  := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(UNIT_SRC))
FUZZ_BIN  := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(FUZZ_SRC))
BENCH_BIN := $(patsubst bench/%.c,$(BUILD)/bench/%,$(BENCH_SRC))

.PHONY: all help deps quickstart check check-built unit fuzz corpus bench bench-quick docs layers install clean tools
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAMS) ## build wsrpc, wsrpd and wsr-echo into build/ (CC=clang, SAN=address,undefined, V=1, BUILD=dir)

help: ## this text
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

$(BUILD)/wsrpc: $(COMPILER_OBJ) $(COMMON_OBJ) $(EVAL_OBJ) $(TABLE_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(OUR_LDFLAGS) -o $@ $^ $(call pkg_libs,$(PKGS_EVAL) $(PKGS_COMPILER))

$(BUILD)/wsrpd: $(RUNTIME_OBJ) $(COMMON_OBJ) $(EVAL_OBJ) $(TABLE_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(OUR_LDFLAGS) -o $@ $^ $(call pkg_libs,$(PKGS_EVAL) $(PKGS_RUNTIME))

$(BUILD)/wsr-echo: $(ECHO_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(OUR_LDFLAGS) -o $@ $^ $(call pkg_libs,$(PKGS_RUNTIME))

$(BUILD)/%.o: %.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(OUR_CFLAGS) -c -o $@ $<

# Scanners and parsers: generated into the build folder, never committed.
$(BUILD)/grammar/%_parse.c $(BUILD)/grammar/%_parse.h: grammar/%.y Makefile
	$(call say,BISON,$<)
	@mkdir -p $(@D)
	$(Q)bison -Wall -Wcounterexamples -Werror --defines=$(BUILD)/grammar/$*_parse.h -o $(BUILD)/grammar/$*_parse.c $<
$(BUILD)/grammar/%_scan.c: grammar/%.l $(BUILD)/grammar/%_parse.h Makefile
	$(call say,FLEX,$<)
	$(Q)flex --header-file=$(BUILD)/grammar/$*_scan.h -o $@ $<
$(BUILD)/grammar/%.o: $(BUILD)/grammar/%.c
	$(call say,CC,$<)
	$(Q)$(CC) $(OUR_CFLAGS) -Wno-unused-function -Wno-missing-prototypes -c -o $@ $<
# Every compiler file may include the generated headers.
$(call obj,$(COMPILER_SRC)): | $(patsubst grammar/%.y,$(BUILD)/grammar/%_parse.h,$(GRAMMAR_Y)) $(patsubst grammar/%.l,$(BUILD)/grammar/%_scan.c,$(GRAMMAR_L))

# Unit tests and fuzz targets link all code but the mains.
ALL_LIB_OBJ = $(COMPILER_LIB_OBJ) $(RUNTIME_LIB_OBJ) $(COMMON_OBJ) $(EVAL_OBJ) $(TABLE_OBJ)
$(BUILD)/libwsr.a: $(ALL_LIB_OBJ)
	$(call say,AR,$@)
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(TESTLIB_OBJ) $(BUILD)/libwsr.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(OUR_LDFLAGS) -o $@ $^ $(call pkg_libs,cmocka $(PKGS_EVAL) $(PKGS_COMPILER) $(PKGS_RUNTIME))

unit: $(UNIT_BIN) ## build and run the unit tests only
	@for t in $(UNIT_BIN); do $$t || exit 1; done

# Fuzz targets need clang; each runs over its corpus in tests/corpus/NAME, then for a bounded number of inputs.
FUZZ_CFLAGS := -std=gnu11 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -D_GNU_SOURCE -DWSR_FUZZING -DWSR_VERSION='"$(VERSION)"' -I. -I$(BUILD)
FUZZ_LIB_SRC = $(filter-out compiler/main.c,$(COMPILER_SRC)) $(filter-out runtime/main.c,$(RUNTIME_SRC)) $(COMMON_SRC) $(EVAL_SRC) $(TABLE_SRC) $(TESTLIB_SRC)
FUZZ_GEN     = $(patsubst grammar/%.l,$(BUILD)/grammar/%_scan.c,$(GRAMMAR_L)) $(patsubst grammar/%.y,$(BUILD)/grammar/%_parse.c,$(GRAMMAR_Y))
FUZZ_OBJ     = $(patsubst %.c,$(BUILD)/fuzzobj/%.o,$(FUZZ_LIB_SRC)) $(patsubst $(BUILD)/%.c,$(BUILD)/fuzzobj/%.o,$(FUZZ_GEN))
$(BUILD)/fuzzobj/%.o: %.c Makefile | $(FUZZ_GEN)
	@mkdir -p $(@D)
	$(Q)clang $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/fuzzobj/grammar/%.o: $(BUILD)/grammar/%.c
	@mkdir -p $(@D)
	$(Q)clang $(FUZZ_CFLAGS) -c -o $@ $<
$(BUILD)/fuzzobj/libwsr.a: $(FUZZ_OBJ)
	@rm -f $@
	$(Q)ar rcs $@ $^
$(BUILD)/tests/fuzz/%: tests/fuzz/%.c $(BUILD)/fuzzobj/libwsr.a
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)clang $(FUZZ_CFLAGS) -o $@ $^ $(call pkg_libs,$(PKGS_EVAL) $(PKGS_COMPILER) $(PKGS_RUNTIME))
FUZZ_RUNS ?= 20000
fuzz: $(FUZZ_BIN) ## run every fuzz target (FUZZ_RUNS=20000 inputs each)
	@for t in $(FUZZ_BIN); do n=$$(basename $$t); mkdir -p $(BUILD)/corpus/$$n; \
	  echo "  $$n"; $$t -seed=1 -runs=$(FUZZ_RUNS) -timeout=10 -rss_limit_mb=2048 -verbosity=0 $(BUILD)/corpus/$$n $$(test -d tests/corpus/$$n && echo tests/corpus/$$n) || exit 1; done

corpus: $(BUILD)/wsrpc ## make the seeds of fuzz_table anew, after a change of the table format
	$(Q)$(PYTHON) tests/corpus.py --build $(BUILD)

$(BUILD)/bench/match: $(EVAL_OBJ) $(TABLE_OBJ)
$(BUILD)/bench/%: $(BUILD)/bench/%.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(OUR_LDFLAGS) -o $@ $^ $(call pkg_libs,$(PKGS_EVAL) $(PKGS_RUNTIME))

tools: $(BENCH_BIN)

# Unit tests need cmocka, fuzz targets clang and its runtime; what cannot be built here is skipped by name.
HAVE_CMOCKA = $(shell pkg-config --exists cmocka && echo yes)
HAVE_FUZZER = $(shell echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n ? 0 : 0; }' | \
                clang -fsanitize=fuzzer,address -x c - -o /dev/null 2>/dev/null && echo yes)

deps: ## install the Debian packages that build and tests need (root; elsewhere: name them)
	$(Q)tools/deps.sh check

check: ## install what is missing, build, run every test (CI=1: a skip is a failure; SAN=address,undefined)
	$(Q)tools/deps.sh check
	$(Q)$(MAKE) --no-print-directory check-built
ifneq ($(filter check-built,$(MAKECMDGOALS)),)
check-built: all $(if $(HAVE_CMOCKA),$(UNIT_BIN)) $(if $(HAVE_FUZZER),$(FUZZ_BIN))
	$(Q)$(PYTHON) tests/run.py --build $(BUILD)
endif

bench: tools all ## CPU an operation and memory a tunnel beside nginx and HAProxy (BENCH="--rows get,ws64 --rounds 9" or BENCH=--publish)
	$(Q)tools/deps.sh bench
	$(Q)$(PYTHON) bench/run.py --build $(BUILD) $(BENCH)

bench-quick: tools all ## the same in two minutes; instructions and system calls a request against recorded figures
	$(Q)tools/deps.sh bench
	$(Q)$(PYTHON) bench/quick.py --build $(BUILD) $(BENCH)

quickstart: ## install what is missing, build, and serve https://localhost:8443/ with a WebSocket page
	$(Q)tools/quickstart.sh $(BUILD)

layers: ## refuse includes against the arrows compiler -> eval -> table <- eval <- runtime
	$(Q)$(PYTHON) tools/layers.py --build $(BUILD)

docs: ## write the lists of directives in docs/ and the manual pages of the three languages from their tables
	$(Q)$(PYTHON) tools/gen_docs.py

MANPAGES := $(sort $(wildcard docs/man/*.[158]))
install: all ## install programs, manual pages and the systemd unit (PREFIX=/usr/local DESTDIR=)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/share/doc/wsrp
	install -m 755 $(BUILD)/wsrpc $(DESTDIR)$(PREFIX)/bin/
	install -m 755 $(BUILD)/wsrpd $(DESTDIR)$(PREFIX)/sbin/
	install -m 644 README.md LICENSE CHANGES $(DESTDIR)$(PREFIX)/share/doc/wsrp/
	for page in $(MANPAGES); do section=$${page##*.}; install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man$$section $$page || exit 1; done
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@PREFIX@|$(PREFIX)|g' examples/wsrpd.service > $(DESTDIR)$(PREFIX)/lib/systemd/system/wsrpd.service

clean: ## remove build/
	rm -rf $(BUILD)

-include $(wildcard $(BUILD)/*/*.d $(BUILD)/*/*/*.d $(BUILD)/*/*/*/*.d)
