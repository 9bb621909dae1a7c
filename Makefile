# Builds and runs the server with MinGW-w64: on Debian and Ubuntu cross-compiled and under Wine, with apt fetching what
# is missing; on Windows natively (mingw32-make, from cmd or sh). `make help` lists what works on this system.

# Base names are unique over all folders, so that all objects fit into one.
SOURCES := Main.cpp Proactor.cpp util.cpp $(wildcard chat/*.cpp support/*.cpp)
HEADERS := Overlapped.h $(wildcard chat/*.h support/*.h)
TESTS := $(wildcard tests/suites/*.c tests/harness/*.c)
CLIENT := $(wildcard tests/client/*.c)
DEMO := tests/demo/demo.c tests/harness/server.c tests/harness/clients.c
STEPS := $(patsubst docs/steps/%.c,build/%.exe,$(wildcard docs/steps/*.c))
OBJECTS := $(patsubst %.cpp,build/%.o,$(notdir $(SOURCES)))
TEST_OBJECTS := $(patsubst %.c,build/%.o,$(notdir $(TESTS)))

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion
# The C runtime's own printf suffices here; MinGW's, the default, makes server.exe a quarter larger.
CPPFLAGS := -D__USE_MINGW_ANSI_STDIO=0
CFLAGS := -O2 -g $(WARNINGS) -fstack-protector-strong
# Only 64-bit programs can use the upper half of the address space. Evaluated when linking: before that, the
# compiler may not be installed.
HIGH_ENTROPY = $(if $(findstring x86_64,$(shell $(CC) -dumpmachine)),-Wl$(comma)--high-entropy-va)
LDFLAGS = -static -fstack-protector-strong -Wl,--dynamicbase,--nxcompat $(HIGH_ENTROPY)
comma := ,
LDLIBS := -lws2_32
ARGS ?=
SECONDS ?= 60

# On Windows, make uses sh.exe if it is in the PATH, else cmd. Only cmd leaves the quotes in an echo.
ifneq ($(OS),Windows_NT)
    CC := x86_64-w64-mingw32-gcc
    RUN := sh tests/scripts/wine.sh ./
    MKDIR := mkdir -p build
    CLEAN := sh tests/scripts/wine.sh --end; sh tests/scripts/korean.sh --end; sh tests/scripts/small-disk.sh --end build/small-disk; rm -rf build server.exe client.exe
else ifneq (,$(findstring ",$(shell echo "cmd or sh?" && exit 0)))
    WINDOWS := yes
    NO_SH := yes
    CC := gcc
    RUN := .\\
    PATH_OF = $(subst /,\,$1)
    MKDIR := if not exist build mkdir build
    CLEAN := (if exist build rmdir /s /q build) & del /q server.exe client.exe 2>nul
else
    WINDOWS := yes
    CC := gcc
    RUN := ./
    MKDIR := mkdir -p build
    CLEAN := rm -rf build server.exe client.exe
endif
PATH_OF ?= $1
C11 = $(CC) -x c -std=c11 $(CPPFLAGS) $(CFLAGS)

.PHONY: all run client test steps step exercise exercise-check demo bench bench-quick sim sim-quick sim-coverage \
        sim-planted fuzz fuzz-pack soak page-check page-lessons docs-check check clean help tools check-tools check-warnings \
        check-32-bit check-analyzers check-style check-unicode check-hardening check-msvc windows-check cmake-check msvc dist
all: server.exe

server.exe: $(OBJECTS)
	$(CC) $(LDFLAGS) -o $@ $(OBJECTS) $(LDLIBS)

vpath %.cpp chat support
build/%.o: %.cpp $(HEADERS) Makefile | build
	$(C11) -c $< -o $@

client: client.exe
client.exe: $(CLIENT) tests/client/client.h Makefile | build
	$(C11) $(CLIENT) -o $@ -x none $(LDFLAGS) $(LDLIBS)

# The folder changes when a suite is added or removed.
build/tests.exe: $(TEST_OBJECTS) tests/suites
	$(CC) $(LDFLAGS) -o $@ $(TEST_OBJECTS) $(LDLIBS) -liphlpapi

vpath %.c tests/suites tests/harness
build/%.o: %.c $(wildcard tests/harness/*.h) Makefile | build
	$(C11) -c $< -o $@

build/demo.exe: $(DEMO) $(wildcard tests/harness/*.h) Makefile | build
	$(C11) $(DEMO) -o $@ -x none $(LDFLAGS) $(LDLIBS)

build: | tools
	@$(MKDIR)

# Tests that may depend on the code page run with another one too.
KOREAN_TESTS := trace_file_names trace_file_unwritable cli_help cli_bad console_restored_failed console_restored_bad

run: server.exe
	@$(RUN)server.exe $(ARGS)

test: server.exe client.exe build/tests.exe build/demo.exe $(STEPS)
ifndef WINDOWS
	@sh tests/scripts/need.sh telnet=telnet expect=expect plink=putty-tools busybox=busybox nc=netcat-openbsd
	@sh tests/scripts/telnet.sh ./server.exe
	@expect tests/scripts/step.exp ./server.exe
	@sh tests/scripts/small-disk.sh build/small-disk
endif
	@$(RUN)$(call PATH_OF,build/tests.exe) server.exe $(ARGS)
ifndef WINDOWS
	@sh tests/scripts/small-disk.sh --end build/small-disk
ifeq ($(ARGS),)
	@echo "The same on a Korean Windows:"
	@sh tests/scripts/korean.sh build/tests.exe server.exe $(KOREAN_TESTS)
endif
endif

# The two small servers on the way to this one: make step N=2 ARGS=9001 starts the second on port 9001.
steps: $(STEPS)
build/%.exe: docs/steps/%.c Makefile | build
	$(C11) $< -o $@ -x none $(LDFLAGS) $(LDLIBS)
step: steps
	@$(RUN)$(call PATH_OF,$(filter build/$(or $(N),1)-%,$(STEPS))) $(ARGS)

# docs/exercises.md: make exercise N=3 makes the copy with the bug, builds and starts it.
ifdef NO_SH
exercise exercise-check:
	@echo $(MAKE_NAME) $@ needs a sh.exe in the PATH, which MSYS2 and Git include. && exit 1
else
exercise: | build
	@sh tests/scripts/exercise.sh plant $(N)
	@$(RUN)build/exercise-$(N)/server.exe $(ARGS)
exercise-check: $(if $(WINDOWS),build/tests.exe)
	@sh tests/scripts/exercise.sh check $(N)
endif

demo: server.exe build/demo.exe
	@$(RUN)$(call PATH_OF,build/demo.exe) server.exe $(ARGS)

# ---- docs/replay.html ----

ifndef WINDOWS
page-check: server.exe
	@sh tests/scripts/need.sh node=nodejs npm=npm chromium=chromium
	@sh tests/page/check.sh $(ARGS)
# Runs every command of every document as it is written, and checks that both languages say the same thing.
# ARGS=--quick: without the exercises.
docs-check: server.exe client.exe $(STEPS)
	@sh tests/scripts/need.sh python3=python3 grep=grep
	@python3 tests/scripts/docs.py $(ARGS)
page-lessons: server.exe
	@node tests/page/lessons.js
endif

# ---- longer runs: speed, faults, hours ----

ifdef WINDOWS
DEBIAN_ONLY := nightly bench bench-quick sim sim-quick sim-coverage sim-planted fuzz fuzz-pack \
               check check-tools check-32-bit check-analyzers check-style check-unicode check-hardening check-msvc page-check page-lessons \
               docs-check windows-check cmake-check msvc dist
.PHONY: $(DEBIAN_ONLY)
$(DEBIAN_ONLY):
	@echo $(MAKE_NAME) $@ needs Debian or Ubuntu. $(MAKE_NAME) help lists what works here. && exit 1
else
# Everything that takes too long for the gate.
nightly:
	@$(MAKE) sim sim-planted msvc cmake-check
	@$(MAKE) fuzz SECONDS=900
	@$(MAKE) soak SECONDS=3600
	@$(MAKE) page-check && node tests/page/hour.js 3600 30
	@$(MAKE) docs-check

# BEFORE=old.exe: fails if a figure is worse than that build's.
bench: server.exe
	@sh tests/bench/bench.sh
bench-quick: server.exe
	@sh tests/bench/bench.sh --quick

sim:
	@sh tests/sim/run.sh $(if $(SEED),seed $(or $(MODE),echo) $(SEED),full)
sim-quick:
	@sh tests/sim/run.sh quick
sim-coverage:
	@sh tests/sim/run.sh coverage
sim-planted:
	@sh tests/sim/planted.sh
fuzz:
	@sh tests/sim/run.sh fuzz $(SECONDS)
fuzz-pack:
	@sh tests/sim/run.sh pack
endif

SOAK := $(wildcard tests/soak/*.c) tests/harness/server.c tests/harness/clients.c
soak: server.exe build/soak.exe
	@$(RUN)$(call PATH_OF,build/soak.exe) server.exe $(SECONDS) $(SEED)
build/soak.exe: $(SOAK) $(wildcard tests/harness/*.h tests/soak/*.h) Makefile | build
	$(C11) $(SOAK) -o $@ -x none $(LDFLAGS) $(LDLIBS) -lpsapi

clean:
	-@$(CLEAN)

MAKE_NAME := $(if $(WINDOWS),mingw32-make,make)
help:
	@cd . $(info $(MAKE_NAME)               builds server.exe)\
	$(info $(MAKE_NAME) run           builds and starts it; ARGS="--chat 9001" are its options)\
	$(info $(MAKE_NAME) client        builds client.exe: client.exe [HOST] [PORT]; --help lists the clients it can play)\
	$(info $(MAKE_NAME) test          builds all and runs every test; ARGS="name" only those with that name)\
	$(info $(MAKE_NAME) demo          a lesson in a quarter of a minute: what the server does while clients talk)\
	$(info $(MAKE_NAME) steps         builds the two small servers before this one; step N=2 ARGS=9001 starts one)\
	$(info $(MAKE_NAME) exercise      builds and starts a server with a bug, N=1 to 10 (docs/exercises.md); exercise-check N=1 checks it)\
	$(info $(MAKE_NAME) soak          clients come, talk, stall, reset and vanish for SECONDS=60 seconds)\
	$(if $(WINDOWS),,$(info make bench         compares it with other servers, and with an older build (BEFORE=old.exe); bench-quick is faster))\
	$(if $(WINDOWS),,$(info make sim           runs it on a simulated Winsock, with faults and sanitizers; SEED=n replays one))\
	$(if $(WINDOWS),,$(info make fuzz          fuzzes the chat for SECONDS=60 seconds; make fuzz-pack keeps what it found))\
	$(if $(WINDOWS),,$(info make check         all static checks: warnings, analyzers, format, sizes, what Visual Studio refuses))\
	$(if $(WINDOWS),,$(info make docs-check    runs every command of the documents as it is written; ARGS=--quick fewer))\
	$(if $(WINDOWS),,$(info make page-check    tests docs/replay.html in Chromium))\
	$(if $(WINDOWS),,$(info make windows-check make, test, demo, client and clean from cmd, with GNU make for Windows, under Wine))\
	$(if $(WINDOWS),,$(info make msvc          builds as Visual Studio does, C++14, C++20 and C11, and runs the suites))\
	$(if $(WINDOWS),,$(info make cmake-check   builds with CMake and Ninja and runs ctest; ARGS="-R chat" one suite))\
	$(if $(WINDOWS),,$(info make dist          the package for students without a compiler: build/overlapped-io-VERSION.zip))\
	$(info $(MAKE_NAME) clean         removes what was built)

# ---- required programs ----

tools:
ifndef WINDOWS
	@sh tests/scripts/need.sh $(CC)=gcc-mingw-w64-$(if $(findstring i686,$(CC)),i686,x86-64) wine=wine,wine64
endif

ifndef WINDOWS
check-tools:
	@sh tests/scripts/need.sh x86_64-w64-mingw32-g++=g++-mingw-w64-x86-64 i686-w64-mingw32-g++=g++-mingw-w64-i686 \
		clang=clang clang-format=clang-format cppcheck=cppcheck
endif

# ---- static checks ----

CHECKED := $(SOURCES) $(wildcard docs/steps/*.c) $(filter-out tests/sim/%,$(wildcard tests/*/*.c))
ENGLISH := $(filter-out %.ko.md,$(wildcard *.md docs/*.md docs/*/*.md tests/*.md)) docs/replay.html docs/handout.en.html
STYLED := $(CHECKED) $(HEADERS) $(wildcard tests/*/*.h tests/sim/*.c)

# Checks that two compilers give no warning, as C11 and as C++17, in 64-bit and 32-bit code.
ifndef WINDOWS
check: check-warnings check-32-bit check-analyzers check-style check-unicode check-hardening check-msvc

COMPILERS := x86_64-w64-mingw32-gcc i686-w64-mingw32-gcc \
             'clang --target=x86_64-w64-mingw32' 'clang --target=i686-w64-mingw32'
# Put before a command: runs it once for each file, on all processors; fails if one fails.
EACH = printf '%s\n' $(CHECKED) | xargs -P "$$(nproc)" -n 1
check-warnings: check-tools
	@for compiler in $(COMPILERS); do for language in 'c -std=c11' 'c++ -std=c++17'; do \
	    echo "$$compiler -x $$language: $(words $(CHECKED)) files"; \
	    $(EACH) $$compiler -x $$language $(CPPFLAGS) -O2 $(WARNINGS) -Werror -o /dev/null -c || exit 1; \
	done; done

# The 32-bit programs also link.
STEPS_32 := $(STEPS:build/%=build/i686/%)
PROGRAMS_32 := $(patsubst %,build/i686/%.exe,server client tests) $(STEPS_32)
build/i686/server.exe: $(SOURCES)
build/i686/client.exe: $(wildcard tests/client/*.c)
build/i686/tests.exe: $(TESTS) $(wildcard tests/harness/*.h)
$(STEPS_32): build/i686/%.exe: docs/steps/%.c
$(PROGRAMS_32): CC := i686-w64-mingw32-gcc
$(PROGRAMS_32): Overlapped.h Makefile | check-tools
	@mkdir -p $(@D)
	@$(C11) -O0 $(filter %.c %.cpp,$^) -o $@ -x none $(LDFLAGS) $(LDLIBS) -liphlpapi
check-32-bit: $(PROGRAMS_32)
	@echo "32 bit links: $(notdir $(PROGRAMS_32))"

# GCC 13 and later take a SOCKET for a file descriptor: they report that the listening socket leaks, and that
# INVALID_SOCKET, which is not negative here, is used.
NO_FD := -Wno-analyzer-fd-leak -Wno-analyzer-fd-use-without-check -Wno-analyzer-fd-use-after-close \
         -Wno-analyzer-fd-double-close -Wno-analyzer-fd-phase-mismatch -Wno-analyzer-fd-type-mismatch

check-analyzers: check-tools
	@echo "gcc -fanalyzer: $(words $(CHECKED)) files"
	@$(EACH) $(C11) -fanalyzer $(NO_FD) -Werror -o /dev/null -c
# Newer versions of cppcheck report their depth of analysis as a finding, normalCheckLevelMaxBranches.
	cppcheck --quiet --language=c --std=c11 --platform=win64 --enable=warning,performance,portability \
	    --inline-suppr --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches --error-exitcode=1 $(CHECKED)

check-style: check-tools
	@clang-format --dry-run -Werror $(STYLED)
	@awk -f tests/scripts/sizes.awk $(STYLED)
	@awk -f tests/scripts/includes.awk $(HEADERS) $(SOURCES)
	@awk -f tests/scripts/words.awk $(STYLED) $(ENGLISH)
	@echo "format and sizes: $(words $(STYLED)) files"

# Checks that the tables of characters are those that the script makes from Unicode's data.
check-unicode: check-tools
	@test -r /usr/share/unicode/EastAsianWidth.txt || sh tests/scripts/need.sh no-such-command=unicode-data
	@sh tests/scripts/need.sh python3=python3
	@python3 tests/scripts/unicode.py --check

# Checks for ASLR (in the upper half too), no execution of data, and a canary on the stack.
check-hardening: server.exe
	@for flag in DYNAMIC_BASE HIGH_ENTROPY_VA NX_COMPAT __stack_chk_fail '\.reloc'; do \
	    { x86_64-w64-mingw32-objdump -ph server.exe; x86_64-w64-mingw32-nm server.exe; } | grep -q "$$flag" \
	        || { echo "server.exe: no $$flag"; exit 1; }; \
	done; echo "server.exe: ASLR, high-entropy VA, DEP, stack protector"

# Finds what Visual Studio would reject or warn about, as far as is possible without it.
check-msvc: check-tools
	@sh tests/windows/clang-cl.sh check
	@sh tests/windows/msvc.sh $(SOURCES) $(DEMO) $(CLIENT) $(wildcard docs/steps/*.c)

# ---- the class's machines ----

# Builds from Wine's cmd, as a student would: GNU make for Windows, no sh, the PATH of Windows.
windows-check:
	@sh tests/windows/check.sh

# Compiles and links all programs as Visual Studio does, with the Universal C runtime; then runs the suites.
msvc: | tools
	@sh tests/windows/clang-cl.sh link
	@cd build/msvc/c++14 && sh ../../../tests/scripts/wine.sh tests.exe server.exe $(ARGS)
	@for language in c++20 c11; do echo "$$language:" && cd build/msvc/$$language && \
	    sh ../../../tests/scripts/wine.sh tests.exe server.exe $(or $(ARGS),echo_ chat_ client_) && cd ../../.. || exit 1; done

# Builds as an editor that opens the folder does: CMake, Ninja, and each suite as a test of ctest.
cmake-check: | build
	@sh tests/scripts/need.sh cmake=cmake ninja=ninja-build x86_64-w64-mingw32-g++=g++-mingw-w64-x86-64 wine=wine,wine64
	@cmake -B build/cmake -G Ninja -DCMAKE_TOOLCHAIN_FILE=tests/windows/mingw.cmake
	@cmake --build build/cmake
	@cd build/cmake && ctest --output-on-failure $(ARGS)

# Makes the package for students without a compiler, and checks that it runs on Korean Windows, in a folder with a
# Korean name.
dist: server.exe client.exe build/demo.exe build/tests.exe $(STEPS)
	@sh tests/scripts/exercise.sh plant-all
	@sh tests/windows/dist.sh $(HEADERS) $(SOURCES) $(wildcard tests/client/*) tests/demo/demo.c
else
check-warnings: build
	$(CC) -x c -std=c11 $(CPPFLAGS) -O2 $(WARNINGS) -Werror -fsyntax-only $(CHECKED)
	$(CC) -x c++ -std=c++17 $(CPPFLAGS) -O2 $(WARNINGS) -Werror -fsyntax-only $(CHECKED)
endif
