# orbfs: virtual machines as directories. `make help` lists the targets.
#
# Everything is built below $(BUILD), each variant in a folder of its own, so
# that they do not disturb one another:
#	plain	the program as it is shipped	build/orbfs
#	asan, tsan, cover			the tests, with that instrument
#	other	compiled by the other compiler, for `make lint`
#	fuzz	what takes what others say, under libFuzzer
#	darwin-*	for macOS, with a compiler that runs here
#	agent	the program that orbfs runs inside machines, which it carries
# BUILD=/tmp/mine keeps a second build apart from the first.
#
# One unit test:	make build/asan/test_buf && build/asan/test_buf
# While other sources are broken:
#			make SOURCES='ops/buf.c ops/log.c' build/asan/test_buf
# One real mount:	make build/orbfs && tests/mount/run 10-states

VERSION = 0.1.0
SYSTEM := $(shell uname -s)
BUILD = build
PREFIX = /usr/local
DESTDIR =
MOUNT = $(if $(filter Darwin,$(SYSTEM)),/Volumes,$(HOME))/vms
FUZZ_SECONDS = 60

# ---- sources ---------------------------------------------------------------

# mount/main.c is the program; session_thread.c stands in for session.c where
# FUSE cannot be polled. All else goes into one archive, from which a test takes
# what it needs.
SOURCES := $(wildcard ops/*.c cache/*.c fs/*.c mount/*.c)
SESSION = mount/session$(if $(filter Darwin,$(SYSTEM)),_thread).c
LIBRARY = $(filter-out mount/main.c mount/session%.c,$(SOURCES)) \
	$(filter $(SESSION),$(SOURCES))
SUPPORT := $(filter-out tests/test_% tests/fuzz_%,$(wildcard tests/*.c))
UNITS := $(patsubst tests/%.c,%,$(wildcard tests/test_*.c))
# The contract of session.h is tested on both of its implementations.
UNITS += $(if $(filter test_session,$(UNITS)),test_session_thread)
UNITS := $(sort $(UNITS))
FUZZERS := $(patsubst tests/%.c,%,$(wildcard tests/fuzz_*.c))
# The guest agent; a test links all of it but its main.
AGENT_SOURCES := $(wildcard ops/agent/*.c) ops/wire.c
AGENT_LIBRARY = $(filter-out %/main.c,$(AGENT_SOURCES))
C_FILES = $(wildcard $(foreach d,ops cache fs mount tests tests/bench \
	tests/files ops/agent,$d/*.[ch]))

# ---- flags -----------------------------------------------------------------

WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith $(ERROR)
# A Mac's compiler and headers are newer than any that we have seen.
ERROR = $(if $(filter Darwin,$(SYSTEM)),,-Werror)
DEFINES = -D_GNU_SOURCE -DFUSE_USE_VERSION=312 \
	-DFUSE_DARWIN_ENABLE_EXTENSIONS=0 -DORBFS_VERSION='"$(VERSION)"'
# Asked for once and only when something is compiled: `make deps` may have to
# install pkg-config first.
PKGS = fuse3 libuv libcjson
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PKGS)) -lm)$(PKG_LIBS)
CFLAGS = -O2 -g
COMPILE = -std=c11 $(DEFINES) -I. $(WARN) $(PKG_CFLAGS) -pthread -MMD -MP
FAIL_ALLOC = -DFAIL_ALLOC -include tests/fail_alloc.h

OTHER_CC = clang
SAN = -fno-omit-frame-pointer -fno-sanitize-recover=all
FLAGS_asan = -O1 -fsanitize=address,undefined $(SAN) $(FAIL_ALLOC)
FLAGS_tsan = -O1 -fsanitize=thread $(SAN) $(FAIL_ALLOC)
FLAGS_cover = -O0 --coverage -fprofile-update=atomic $(FAIL_ALLOC)
# Its warnings are wanted, and clang's need no optimizer.
FLAGS_other = -O0 -g0
FLAGS_fuzz = -O1 -fsanitize=fuzzer-no-link,address,undefined $(SAN)
LINK_fuzz = -fsanitize=fuzzer,address,undefined
CC_other = $(OTHER_CC)
CC_fuzz = clang
# Without -O, what is undefined would be checked at run time.
DARWIN = darwin-arm64 darwin-x86_64
CC_darwin-arm64 = tests/darwin/zig cc -target aarch64-macos
CC_darwin-x86_64 = tests/darwin/zig cc -target x86_64-macos
FLAGS_darwin-arm64 = -O1 -g0
FLAGS_darwin-x86_64 = -O1 -g0

# `make V=1` shows the commands, `make -s` nothing, else one word says it.
Q = $(if $(V),,@)
QUIET = $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS))))
say = $(if $(V)$(QUIET),,@printf '  %-5s %s\n' $1 $2)

# What is linked: objects first, then the archives they draw from.
parts = $(filter %.o,$^) $(filter %.a,$^)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all run check bench install asan tsan fuzz cover lint format deps \
	clean help deps-run deps-check darwin-check always

all: $(BUILD)/orbfs

# ---- rules, once for each variant -------------------------------------------

# The list of an archive's members is a file, so that a source that comes or
# goes makes the archive anew.
define variant
COMPILER_$1 = $$(or $$(CC_$1),$$(CC))
FAIL_$1 := $(if $(findstring $1,asan tsan cover),$(BUILD)/$1/tests/fail_alloc.o)

$(BUILD)/$1/%.o: %.c Makefile $(if $(filter $1,$(DARWIN)),| $(BUILD)/darwin)
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
$(BUILD)/$1/libagent.list: LIST = $$(AGENT_LIBRARY)
$(BUILD)/$1/liborbfs.a: $$(LIBRARY:%.c=$(BUILD)/$1/%.o) $(if \
	$(filter $1,$(DARWIN)),$(BUILD)/$1/images.o,$(AGENT)/images.o)
$(BUILD)/$1/libagent.a: $$(AGENT_LIBRARY:%.c=$(BUILD)/$1/%.o)
$(BUILD)/$1/libtests.a: $$(SUPPORT:%.c=$(BUILD)/$1/%.o)
$(BUILD)/$1/lib%.a: $(BUILD)/$1/lib%.list
	$$(call say,AR,$$@)
	@rm -f $$@
	$$Q$(if $(filter $1,$(DARWIN)),tests/darwin/zig )ar rcs $$@ $$(filter %.o,$$^)

$(BUILD)/$1/orbfs: $(BUILD)/$1/mount/main.o
$(BUILD)/$1/orbfs-thread: $(BUILD)/$1/mount/main.o $(BUILD)/$1/mount/session_thread.o
$(BUILD)/$1/orbfs $(BUILD)/$1/orbfs-thread: $$(FAIL_$1) $(BUILD)/$1/liborbfs.a
	$$(call say,LD,$$@)
	$$Q$$(COMPILER_$1) $$(CFLAGS) $$(FLAGS_$1) -pthread -o $$@ $$(parts) $$(PKG_LIBS) $$(LDFLAGS)

$(BUILD)/$1/agent: $(BUILD)/$1/ops/agent/main.o $$(FAIL_$1) $(BUILD)/$1/libagent.a
	$$(call say,LD,$$@)
	$$Q$$(COMPILER_$1) $$(CFLAGS) $$(FLAGS_$1) -pthread -o $$@ $$(parts) $$(LDFLAGS)
$(BUILD)/$1/test_agent: | $(BUILD)/$1/agent

$(BUILD)/$1/test_session_thread: $(BUILD)/$1/mount/session_thread.o
$(BUILD)/$1/test_session_thread: $(BUILD)/$1/$(or $(patsubst \
	%.c,%.o,$(wildcard tests/test_session_thread.c)),tests/test_session.o)
$(filter-out %/test_session_thread,$(UNITS:%=$(BUILD)/$1/%)): \
	$(BUILD)/$1/%: $(BUILD)/$1/tests/%.o
$(UNITS:%=$(BUILD)/$1/%): $$(FAIL_$1) $(BUILD)/$1/libtests.a $(BUILD)/$1/liborbfs.a
	$$(call say,LD,$$@)
	$$Q$$(COMPILER_$1) $$(CFLAGS) $$(FLAGS_$1) -pthread -o $$@ $$(parts) \
		$$(PKG_LIBS) -lcmocka $$(LDFLAGS)
endef
AGENT = $(BUILD)/agent
VARIANTS = plain asan tsan cover other fuzz $(DARWIN)
$(foreach v,$(VARIANTS),$(eval $(call variant,$v)))

-include $(wildcard $(foreach d,ops ops/agent cache fs mount tests tests/files,\
	$(BUILD)/*/$d/*.d))

# The programs people use. They find the local engine in ../libexec/orbfs,
# seen from the folder they really are in, here as after `make install`.
$(BUILD)/orbfs $(BUILD)/orbfs-thread: $(BUILD)/%: $(BUILD)/plain/% $(BUILD)/libexec
	@ln -sf plain/$* $@
$(BUILD)/libexec:
	@mkdir -p $@ && ln -sfn $(CURDIR)/ops/local $@/orbfs

# ---- the guest agent ---------------------------------------------------------

# Static, small, and as bytes in a C source, so that orbfs carries it on every
# system. Its own architecture has to have a compiler, the other one may.
AGENT_OWN := $(patsubst arm64,aarch64,$(patsubst amd64,x86_64,$(shell uname -m)))
AGENT_ARCHS = $(eval AGENT_ARCHS := $$(AGENT_OWN) $$(foreach a,$$(filter-out \
	$$(AGENT_OWN),x86_64 aarch64),$$(shell ops/agent/cc $$a >/dev/null && \
	echo $$a)))$(AGENT_ARCHS)
AGENT_FLAGS = -std=c11 -D_GNU_SOURCE -I. $(WARN) -Os -s -static -pthread \
	-ffunction-sections -fdata-sections -Wl,--gc-sections

.PHONY: agent
agent: $(AGENT)/images.o
$(AGENT)/agent-%: $(AGENT_SOURCES) $(wildcard ops/agent/*.h) ops/wire.h \
		ops/agent/cc Makefile
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$Qcc=$$(ops/agent/cc $*) || { echo \
		'no compiler makes static Linux programs for $*: make deps' >&2; \
		exit 1; }; $$cc $(AGENT_FLAGS) -o $@ $(AGENT_SOURCES)
.SECONDEXPANSION:
$(AGENT)/images.c: $$(addprefix $(AGENT)/agent-,$$(AGENT_ARCHS)) ops/agent/images
	$(call say,GEN,$@)
	$Qops/agent/images $(filter $(AGENT)/agent-%,$^) >$@
$(AGENT)/images.o: $(AGENT)/images.c ops/agent.h
	$(call say,CC,$@)
	$Q$(CC) -std=c11 -I. $(WARN) -c -o $@ $<

# ---- macOS, seen from Linux --------------------------------------------------

# The daemon for macOS is compiled and linked, with a compiler that runs here,
# this computer's headers of the three libraries, and stubs of them that say
# what is in there. That it runs takes a Mac.
PROGRAMS_darwin = $(DARWIN:%=$(BUILD)/%/orbfs-thread)
$(BUILD)/darwin-%: PKG_CFLAGS = -I$(BUILD)/darwin -I$(BUILD)/darwin/fuse3 \
	-I$(BUILD)/darwin/cjson
$(BUILD)/darwin-%: PKG_LIBS = -L$(BUILD)/darwin -lfuse3 -luv -lcjson
$(DARWIN:%=$(BUILD)/%/images.o): $(BUILD)/%/images.o: $(AGENT)/images.c \
		ops/agent.h | $(BUILD)/darwin
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$Q$(CC_$*) $(FLAGS_$*) -std=c11 -I. $(WARN) -c -o $@ $<

# Nothing else of this computer's headers, which are for Linux.
$(BUILD)/darwin: tests/darwin/stub
	@rm -rf $@ $@.new && mkdir -p $@.new
	@include=$$(pkg-config --variable=includedir fuse3) && \
		for h in fuse3 uv.h uv cjson; do \
			ln -s "$$include/$$h" $@.new/ || exit 1; \
		done
	@tests/darwin/stub libfuse3 libfuse3.so \
		fuse_session_new_versioned >$@.new/libfuse3.tbd
	@tests/darwin/stub libuv libuv.so >$@.new/libuv.tbd
	@tests/darwin/stub libcjson libcjson.so >$@.new/libcjson.tbd
	@mv $@.new $@

ifeq ($(SYSTEM)-$(shell uname -m),Linux-x86_64)
darwin-check: deps-check
	@$(MAKE) --no-print-directory check-darwin
check-darwin: $(PROGRAMS_darwin)
	@tests/darwin/refuses '$(CC_darwin-arm64)' '-std=c11 $(WARN) -O1'
# The agents as a Mac makes them, for whose machines they are.
check-mac-agent: $(BUILD)/asan/test_agent
	+@tests/darwin/mac $(MAKE) --no-print-directory \
		AGENT=$(BUILD)/agent-zig $(BUILD)/agent-zig/images.o
	@$(call try_agents,$(BUILD)/agent-zig)
else
darwin-check check-darwin check-mac-agent:
	@echo '$@: its compiler is for Linux on x86_64; nothing was checked'
endif

# ---- running it -------------------------------------------------------------

# As a user types it: short, or in quotes where the shell needs them.
quoted = '$(subst ','\'',$1)'
odd = $(shell printf %s $(call quoted,$(MOUNT)) | grep '[^[:alnum:]/._~-]')
M = $(if $(odd),$(call quoted,$(MOUNT)),$(MOUNT:$(HOME)/%=~/%))
define TRY
Try this:

  mkdir $M/web
  cat $M/web/state $M/web/ip
  echo 'uname -a; id; hostname' > $M/web/exec && cat $M/web/exec
  echo 'exit 3' > $M/web/exec || cat $M/web/error $M/web/run/last/status
  echo stop > $M/web/state
  mv $M/web $M/shop && rmdir $M/shop

and when you have seen enough:

  $(if $(filter 0,$(shell id -u))$(filter Darwin,$(SYSTEM)),umount,fusermount3 -u) $M
endef

# What a crash left mounted there does not answer, and orbfs clears it.
run: export AT = $(MOUNT)
run: export TEXT = $(TRY)
run: deps-run
	@$(MAKE) --no-print-directory all
	@mkdir -p "$$AT" 2>/dev/null || :
	@at=$$(cd "$$AT" 2>/dev/null && pwd -P); \
	if [ "$$at" ] && mount | grep -F " $$at " | grep -q fuse; then \
		echo "Something is mounted at $$AT already; it is left as it is."; \
	else \
		$(BUILD)/orbfs "$$AT" && echo "orbfs is mounted at $$AT."; \
	fi
	@echo "$$TEXT"

# ---- tests ------------------------------------------------------------------

# Each part runs, whatever became of those before it; tests/check adds them up.
CHECKS = units agent build darwin mac-agent local fake mounts
check: deps-check
	+@BUILD=$(BUILD) tests/check '$(MAKE)' $(CHECKS:%=check-%) -- check-lint
asan: deps-check
	+@BUILD=$(BUILD) tests/check '$(MAKE)' check-units check-asan-mounts
tsan: deps-check
	+@BUILD=$(BUILD) tests/check '$(MAKE)' check-tsan

.PHONY: $(CHECKS:%=check-%) check-asan-mounts check-tsan
DAEMONS = orbfs orbfs-thread
# They do the same below files/ and in a local directory.
FILES = $(BUILD)/plain/tests/files
check-units: $(UNITS:%=$(BUILD)/asan/%)
	@tests/units $(BUILD)/asan $(UNITS)
# The agents as they are shipped, the other architecture's in an emulator.
check-agent: $(BUILD)/asan/test_agent $(AGENT)/images.o
	@$(call try_agents,$(AGENT))
try_agents = for a in $1/agent-*; do \
		arch=$${a\#\#*-}; run=$$a; \
		[ $$arch = $(AGENT_OWN) ] || run="qemu-$$arch-static $$a"; \
		command -v $${run%% *} >/dev/null || continue; \
		ORBFS_AGENT=$$run tests/units $(BUILD)/asan test_agent || exit 1; \
	done
check-tsan: $(UNITS:%=$(BUILD)/tsan/%)
	@tests/units $(BUILD)/tsan $(UNITS)
check-build: $(DAEMONS:%=$(BUILD)/%)
check-lint: lint
check-local:
	@tests/local/run
check-fake:
	@tests/fake_orbctl.test
check-mounts: $(DAEMONS:%=$(BUILD)/%) $(FILES)/compare $(FILES)/shuffle
	@ORBFS=$(abspath $(BUILD))/orbfs FILES=$(abspath $(FILES)) \
		tests/mount/run
check-asan-mounts: $(DAEMONS:%=$(BUILD)/asan/%) $(BUILD)/libexec \
		$(FILES)/compare $(FILES)/shuffle
	@ORBFS=$(abspath $(BUILD))/asan/orbfs FILES=$(abspath $(FILES)) \
		tests/mount/run

$(FILES)/shuffle: $(FILES)/shuffle.o
$(FILES)/compare: $(patsubst %.c,$(BUILD)/plain/%.o,$(filter-out \
	%/shuffle.c,$(wildcard tests/files/*.c)))
$(FILES)/compare $(FILES)/shuffle:
	$(call say,LD,$@)
	$Q$(CC) $(CFLAGS) -o $@ $^ $(LDFLAGS)

# What measures is built as what is measured.
BENCH = $(BUILD)/plain/tests/bench
bench: deps-check
	@$(MAKE) --no-print-directory $(BUILD)/orbfs $(BENCH)/sides \
		$(BENCH)/passthrough $(BENCH)/random
	@status=0; for part in run finder files machines; do \
		ORBFS=$(abspath $(BUILD))/orbfs BENCH=$(abspath $(BENCH)) \
			tests/bench/$$part || status=1; \
	done; exit $$status
$(BENCH)/sides $(BENCH)/passthrough $(BENCH)/random: %: %.o
	$(call say,LD,$@)
	$Q$(CC) $(CFLAGS) -pthread -o $@ $< $(PKG_LIBS) $(LDFLAGS)

# A corpus grows in build/fuzz/NAME and starts from tests/corpus/NAME.
fuzz: deps-check
	@$(MAKE) --no-print-directory $(FUZZERS:%=fuzz-%)
$(FUZZERS:%=$(BUILD)/fuzz/%): $(BUILD)/fuzz/%: $(BUILD)/fuzz/tests/%.o \
		$(BUILD)/fuzz/libtests.a $(BUILD)/fuzz/liborbfs.a
	$(call say,LD,$@)
	$Q$(CC_fuzz) $(CFLAGS) $(SAN) $(LINK_fuzz) -pthread -o $@ $(parts) $(PKG_LIBS) \
		-lcmocka $(LDFLAGS)
# The agent is a program of its own and shares nothing with the daemon.
AGENT_FUZZERS = fuzz_agent fuzz_path
$(AGENT_FUZZERS:%=$(BUILD)/fuzz/%): $(BUILD)/fuzz/libagent.a
$(AGENT_FUZZERS:%=$(BUILD)/fuzz/%): parts = $(filter %.o %/libagent.a,$^)
.PHONY: $(FUZZERS:%=fuzz-%)
$(FUZZERS:%=fuzz-%): fuzz-%: $(BUILD)/fuzz/%
	@mkdir -p $(BUILD)/fuzz/corpus/$*
	cd $(BUILD)/fuzz && ./$* -max_total_time=$(FUZZ_SECONDS) -timeout=10 \
		-rss_limit_mb=1024 -print_final_stats=1 corpus/$* \
		$(wildcard $(CURDIR)/tests/corpus/$(*:fuzz_%=%))

# The lines of ops/, cache/ and fs/ that no unit test reaches.
cover: deps-check
	@find $(BUILD)/cover -name '*.gcda' -delete 2>/dev/null || :
	@$(MAKE) --no-print-directory check-cover
.PHONY: check-cover
check-cover: $(UNITS:%=$(BUILD)/cover/%)
	@tests/units $(BUILD)/cover $(UNITS)
	@tests/cover $(BUILD)/cover $(filter ops/% cache/% fs/%,$(LIBRARY))

# ---- the sources ------------------------------------------------------------

SCRIPTS = $(sort $(shell grep -lsE '^\#!.*[/ ](ba|da)?sh( |$$)' .ci/* mount/* \
	ops/local/* ops/agent/* tests/* tests/*/*) $(wildcard tests/*/*.sh))
TIDIED = $(filter-out $(if $(filter-out Linux,$(SYSTEM)),ops/agent/% \
	$(AGENT_FUZZERS:%=tests/%.c)),$(filter %.c,$(C_FILES)))

# `make -k lint` shows all there is, not only the first finding.
lint: lint-greps lint-format lint-shell lint-tidy
.PHONY: lint-greps lint-format lint-shell lint-tidy
lint-greps:
	@tests/lint
lint-format:
	@clang-format --dry-run -Werror $(C_FILES) || { \
		echo 'make format lays them out; version 14 decides, this is:'; \
		clang-format --version; exit 1; }
lint-shell:
	@printf '%s\n' $(SCRIPTS) | xargs -n 8 -P "$$(getconf \
		_NPROCESSORS_ONLN)" shellcheck -S info
# Each source also passes through the other compiler, warnings being errors.
lint-tidy: $(TIDIED:%.c=$(BUILD)/other/%.tidy)

# clang-tidy looks again at what has been compiled again.
$(BUILD)/other/%.tidy: $(BUILD)/other/%.o .clang-tidy
	$(call say,TIDY,$*.c)
	$Qclang-tidy --quiet $*.c -- $(COMPILE) 2>$@.log || { cat $@.log; exit 1; }
	@touch $@

format:
	clang-format -i $(C_FILES)

# ---- the rest ---------------------------------------------------------------

deps: deps-check
deps-run deps-check: deps-%: $(BUILD)/deps-%
$(BUILD)/deps-%: mount/deps
	@mkdir -p $(@D)
	@mount/deps $*
	@touch $@

put = install -d '$(DESTDIR)$(PREFIX)/$2' && \
	install -m $1 $3 '$(DESTDIR)$(PREFIX)/$2/$4'
# put-if: the same for a file that may not be there.
put-if = $(if $(wildcard $3),$(call put,$1,$2,$3,$4))
install: $(BUILD)/orbfs
	$(call put,755,bin,$(BUILD)/plain/orbfs,orbfs)
	$(call put,755,libexec/orbfs,$(wildcard ops/local/*))
	$(call put,644,share/man/man1,mount/orbfs.1)
	$(call put-if,644,share/bash-completion/completions,mount/completion.bash,orbfs)
	$(call put-if,644,share/zsh/site-functions,mount/completion.zsh,_orbfs)
	$(call put-if,644,share/fish/vendor_completions.d,mount/completion.fish,orbfs.fish)
ifeq ($(SYSTEM),Darwin)
	sed 's|@PREFIX@|$(PREFIX)|' mount/orbfs.plist >$(BUILD)/orbfs.plist
	$(call put,644,share/orbfs,$(BUILD)/orbfs.plist)
else
	$(call put-if,644,lib/systemd/user,mount/orbfs.service)
endif

clean:
	rm -rf $(BUILD)

help:
	@echo 'make [all]   build $(BUILD)/orbfs'
	@echo 'make run     install what is missing, build, mount at MOUNT=$(MOUNT)'
	@echo 'make check   every test and lint; installs what is missing'
	@echo 'make asan    unit tests and real mounts under AddressSanitizer'
	@echo 'make tsan    unit tests under ThreadSanitizer'
	@echo 'make fuzz    each of tests/fuzz_* for FUZZ_SECONDS=$(FUZZ_SECONDS)'
	@echo 'make cover   lines that no unit test reaches'
	@echo 'make bench   figures, as ratios'
	@echo 'make darwin-check  compile and link the daemon for macOS'
	@echo 'make lint    greps, clang-format, clang-tidy, shellcheck, $(OTHER_CC)'
	@echo 'make format  lay the sources out anew'
	@echo 'make deps    install what building and testing need'
	@echo 'make install PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)'
	@echo 'make clean   remove $(BUILD)/'
