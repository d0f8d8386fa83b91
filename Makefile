# orbfs: virtual machines as directories. `make help` lists the targets.
#
# Everything is built below $(BUILD), each variant in a folder of its own, so
# that they do not disturb one another:
#	plain	the program as it is shipped	build/orbfs
#	asan, tsan, cover			the tests, with that instrument
#	other	compiled by the other compiler, for `make lint`
#	fuzz	the parsers under libFuzzer
#
# One unit test:	make build/asan/test_buf && build/asan/test_buf
# While other sources are broken:
#			make SOURCES='ops/buf.c ops/log.c' build/asan/test_buf
# One real mount:	make build/orbfs && tests/mount/run 10-states

VERSION = 0.1.0
BUILD = build
PREFIX = /usr/local
DESTDIR =
MOUNT = $(HOME)/vms
FUZZ_SECONDS = 60

# ---- sources ---------------------------------------------------------------

# mount/main.c is the program; session_thread.c stands in for session.c. All
# else goes into one archive, from which a test takes what it needs.
SOURCES := $(wildcard ops/*.c cache/*.c fs/*.c mount/*.c)
SESSION = mount/session.c
LIBRARY = $(filter-out mount/main.c mount/session%.c,$(SOURCES)) \
	$(filter $(SESSION),$(SOURCES))
SUPPORT := $(filter-out tests/test_% tests/fuzz_%,$(wildcard tests/*.c))
UNITS := $(patsubst tests/%.c,%,$(wildcard tests/test_*.c))
# The contract of session.h is tested on both of its implementations.
UNITS += $(if $(filter test_session,$(UNITS)),test_session_thread)
UNITS := $(sort $(UNITS))
FUZZERS := $(patsubst tests/%.c,%,$(wildcard tests/fuzz_*.c))
C_FILES = $(wildcard $(foreach d,ops cache fs mount tests ops/agent,$d/*.[ch]))

# ---- flags -----------------------------------------------------------------

WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Werror
DEFINES = -D_GNU_SOURCE -DFUSE_USE_VERSION=312 \
	-DFUSE_DARWIN_ENABLE_EXTENSIONS=0 -DORBFS_VERSION='"$(VERSION)"'
# Asked for once and only when something is compiled: `make deps` may have to
# install pkg-config first.
PKGS = fuse3 libuv libcjson
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)
CFLAGS = -O2 -g
COMPILE = -std=c11 $(DEFINES) -I. $(WARN) $(PKG_CFLAGS) -pthread -MMD -MP
FAIL_ALLOC = -DFAIL_ALLOC -include tests/fail_alloc.h

OTHER_CC = clang
SAN = -fno-omit-frame-pointer -fno-sanitize-recover=all
FLAGS_asan = -O1 -fsanitize=address,undefined $(SAN) $(FAIL_ALLOC)
FLAGS_tsan = -O1 -fsanitize=thread $(SAN) $(FAIL_ALLOC)
FLAGS_cover = -O0 --coverage -fprofile-update=atomic $(FAIL_ALLOC)
FLAGS_fuzz = -O1 -fsanitize=fuzzer-no-link,address,undefined $(SAN)
LINK_fuzz = -fsanitize=fuzzer,address,undefined
CC_other = $(OTHER_CC)
CC_fuzz = clang

# `make V=1` shows the commands, `make -s` nothing, else one word says it.
Q = $(if $(V),,@)
QUIET = $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS))))
say = $(if $(V)$(QUIET),,@printf '  %-5s %s\n' $1 $2)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all run check bench install asan tsan fuzz cover lint format deps \
	clean help deps-run deps-check always

all: $(BUILD)/orbfs

# ---- rules, once for each variant -------------------------------------------

# The list of an archive's members is a file, so that a source that comes or
# goes makes the archive anew.
define variant
COMPILER_$1 = $$(or $$(CC_$1),$$(CC))
FAIL_$1 := $(if $(findstring $1,asan tsan cover),$(BUILD)/$1/tests/fail_alloc.o)

$(BUILD)/$1/%.o: %.c Makefile
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$Q$$(COMPILER_$1) $$(COMPILE) $$(CFLAGS) $$(FLAGS_$1) $$(EXTRA) -c -o $$@ $$<

# Tests and what supports them allocate undisturbed.
$(BUILD)/$1/tests/%.o: FAIL_ALLOC =

$(BUILD)/$1/%.list: always
	@mkdir -p $$(@D)
	@echo '$$(LIST)' | cmp -s - $$@ || echo '$$(LIST)' >$$@
$(BUILD)/$1/liborbfs.list: LIST = $$(LIBRARY)
$(BUILD)/$1/libtests.list: LIST = $$(SUPPORT)
$(BUILD)/$1/liborbfs.a: $$(LIBRARY:%.c=$(BUILD)/$1/%.o)
$(BUILD)/$1/libtests.a: $$(SUPPORT:%.c=$(BUILD)/$1/%.o)
$(BUILD)/$1/lib%.a: $(BUILD)/$1/lib%.list
	$$(call say,AR,$$@)
	@rm -f $$@
	$$Qar rcs $$@ $$(filter %.o,$$^)

$(BUILD)/$1/orbfs: $(BUILD)/$1/mount/main.o
$(BUILD)/$1/orbfs-thread: $(BUILD)/$1/mount/main.o $(BUILD)/$1/mount/session_thread.o
$(BUILD)/$1/orbfs $(BUILD)/$1/orbfs-thread: $$(FAIL_$1) $(BUILD)/$1/liborbfs.a
	$$(call say,LD,$$@)
	$$Q$$(COMPILER_$1) $$(CFLAGS) $$(FLAGS_$1) -pthread -o $$@ $$^ $$(PKG_LIBS) $$(LDFLAGS)

$(BUILD)/$1/test_session_thread: $(BUILD)/$1/mount/session_thread.o
$(BUILD)/$1/test_session_thread: $(BUILD)/$1/$(or $(patsubst \
	%.c,%.o,$(wildcard tests/test_session_thread.c)),tests/test_session.o)
$(filter-out %/test_session_thread,$(UNITS:%=$(BUILD)/$1/%)): \
	$(BUILD)/$1/%: $(BUILD)/$1/tests/%.o
$(UNITS:%=$(BUILD)/$1/%): $$(FAIL_$1) $(BUILD)/$1/libtests.a $(BUILD)/$1/liborbfs.a
	$$(call say,LD,$$@)
	$$Q$$(COMPILER_$1) $$(CFLAGS) $$(FLAGS_$1) -pthread -o $$@ $$^ \
		$$(PKG_LIBS) -lcmocka $$(LDFLAGS)
endef
VARIANTS = plain asan tsan cover other fuzz
$(foreach v,$(VARIANTS),$(eval $(call variant,$v)))

-include $(wildcard $(foreach d,ops cache fs mount tests,$(BUILD)/*/$d/*.d))

# The programs people use. They find the local engine in ../libexec/orbfs,
# seen from their own folder, here as after `make install`.
$(BUILD)/orbfs $(BUILD)/orbfs-thread: $(BUILD)/%: $(BUILD)/plain/%
	@mkdir -p $(BUILD)/libexec && ln -sfn $(CURDIR)/ops/local $(BUILD)/libexec/orbfs
	$Qln -sf plain/$* $@

# ---- running it -------------------------------------------------------------

run: deps-run
	@$(MAKE) --no-print-directory all
	@mount/try $(BUILD)/orbfs '$(MOUNT)'

# ---- tests ------------------------------------------------------------------

# Each part runs, whatever became of those before it; tests/check adds them up.
CHECKS = units build lint local fake mounts
check: deps-check
	+@BUILD=$(BUILD) tests/check '$(MAKE)' $(CHECKS:%=check-%)

.PHONY: $(CHECKS:%=check-%) check-asan-mounts check-tsan
check-units: $(UNITS:%=$(BUILD)/asan/%)
	@tests/units $(BUILD)/asan $(UNITS)
check-tsan: $(UNITS:%=$(BUILD)/tsan/%)
	@tests/units $(BUILD)/tsan $(UNITS)
check-build: $(BUILD)/orbfs $(BUILD)/orbfs-thread
check-lint: lint
check-local:
	@tests/local/run
check-fake:
	@tests/fake_orbctl.test
check-mounts: $(BUILD)/orbfs $(BUILD)/orbfs-thread
	@ORBFS=$(CURDIR)/$(BUILD)/orbfs tests/mount/run
check-asan-mounts: $(BUILD)/asan/orbfs $(BUILD)/asan/orbfs-thread
	@ORBFS=$(CURDIR)/$(BUILD)/asan/orbfs tests/mount/run

asan: deps-check
	+@BUILD=$(BUILD) tests/check '$(MAKE)' check-units check-asan-mounts
tsan: deps-check
	+@BUILD=$(BUILD) tests/check '$(MAKE)' check-tsan

clean:
	rm -rf $(BUILD)
deps: deps-check
deps-run deps-check: deps-%: $(BUILD)/deps-%
$(BUILD)/deps-%: mount/deps
	@mkdir -p $(@D)
	@mount/deps $*
	@touch $@
