# Builds and runs the server with MinGW-w64: on Debian and Ubuntu cross-compiled and under Wine, with apt fetching what
# is missing; on Windows as it is (mingw32-make, from cmd or sh). `make help` lists the targets.

SOURCES := Main.cpp Proactor.cpp util.cpp
TESTS := $(wildcard tests/suites/*.c tests/harness/*.c)
OBJECTS := $(SOURCES:%.cpp=build/%.o)
TEST_OBJECTS := $(patsubst %.c,build/%.o,$(notdir $(TESTS)))

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion
CPPFLAGS := -D__USE_MINGW_ANSI_STDIO=1
CFLAGS := -O2 -g $(WARNINGS) -fstack-protector-strong
LDFLAGS := -static -fstack-protector-strong -Wl,--dynamicbase,--nxcompat,--high-entropy-va
LDLIBS := -lws2_32
ARGS ?=
SECONDS ?= 60

ifneq ($(OS),Windows_NT)
    CC := x86_64-w64-mingw32-gcc
    HOST_CC := cc
    RUN := sh tests/scripts/wine.sh ./
    MKDIR := mkdir -p build
    CLEAN := sh tests/scripts/wine.sh --end; sh tests/scripts/korean.sh --end; rm -rf build server.exe client.exe
else ifeq ($(SHELL),sh.exe) # how GNU make says that there is no sh, only cmd
    CC := gcc
    HOST_CC := gcc
    HOST_LIBS := -lws2_32
    RUN := .\\
    MKDIR := if not exist build mkdir build
    CLEAN := rmdir /s /q build & del /q server.exe client.exe
else
    CC := gcc
    HOST_CC := gcc
    HOST_LIBS := -lws2_32
    RUN := ./
    MKDIR := mkdir -p build
    CLEAN := rm -rf build server.exe client.exe
endif
C11 = $(CC) -x c -std=c11 $(CPPFLAGS) $(CFLAGS)

.PHONY: all run client test textbook demo bench bench-quick sim sim-quick sim-coverage sim-planted fuzz fuzz-pack soak check clean \
        help tools check-tools check-warnings check-analyzers check-style check-hardening
all: server.exe

server.exe: $(OBJECTS)
	$(CC) $(LDFLAGS) -o $@ $(OBJECTS) $(LDLIBS)

build/%.o: %.cpp Overlapped.h Makefile | build
	$(C11) -c $< -o $@

client: client.exe
client.exe: tests/client/client.c Makefile | build
	$(C11) $< -o $@ -x none $(LDFLAGS) $(LDLIBS)

# The folder changes when a suite comes or goes.
build/tests.exe: $(TEST_OBJECTS) tests/suites
	$(CC) $(LDFLAGS) -o $@ $(TEST_OBJECTS) $(LDLIBS) -liphlpapi

vpath %.c tests/suites tests/harness
build/%.o: %.c $(wildcard tests/harness/*.h) Makefile | build
	$(C11) -c $< -o $@

build: | tools
	@$(MKDIR)

# What may depend on the code page is tested with another one too.
KOREAN_TESTS := trace_file_names trace_file_unwritable cli_help cli_bad console_restored_failed

run: server.exe
	@$(RUN)server.exe $(ARGS)

test: server.exe client.exe build/tests.exe
ifneq ($(OS),Windows_NT)
	@sh tests/scripts/need.sh telnet=telnet expect=expect
	@sh tests/scripts/telnet.sh ./server.exe
endif
	@$(RUN)build/tests.exe server.exe $(ARGS)
ifneq ($(OS),Windows_NT)
ifeq ($(ARGS),)
	@echo "The same on a Korean Windows:"
	@sh tests/scripts/korean.sh build/tests.exe server.exe $(KOREAN_TESTS)
endif
endif

# For the lessons: the textbook's server, on the port that ARGS names, and the load generator.
textbook: build/textbook.exe build/load
	@$(RUN)build/textbook.exe $(ARGS)
LOAD := $(wildcard tests/bench/load*.c)
build/load: $(LOAD) $(wildcard tests/bench/*.h) | build
	$(HOST_CC) -std=c11 -O2 -o $@ $(LOAD) $(HOST_LIBS)
build/textbook.exe: tests/bench/textbook.c Makefile | build
	$(C11) $< -o $@ -x none $(LDFLAGS) $(LDLIBS)

demo: server.exe client.exe
	@sh tests/scripts/demo.sh

# ---- longer runs: speed, faults, hours ----

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

SOAK := $(wildcard tests/soak/*.c) tests/harness/server.c tests/harness/clients.c
soak: server.exe build/soak.exe
	@$(RUN)build/soak.exe server.exe $(SECONDS) $(SEED)
build/soak.exe: $(SOAK) $(wildcard tests/harness/*.h tests/soak/*.h) Makefile | build
	$(C11) $(SOAK) -o $@ -x none $(LDFLAGS) $(LDLIBS) -lpsapi

clean:
	-@$(CLEAN)

help:
	@cd . $(info make          builds server.exe)\
	$(info make run      builds and starts it; ARGS="--chat 9001" are its options)\
	$(info make client   builds client.exe, a test client: client.exe HOST PORT)\
	$(info make test     builds all and runs every test; ARGS="name" only those with that name)\
	$(info make demo     a lesson in ten seconds: the server tells what it does while clients talk)\
	$(info make bench    measures it beside other servers; make bench-quick does so in two minutes)\
	$(info make sim      runs it on a simulated Winsock, with faults and sanitizers; SEED=n replays one)\
	$(info make fuzz     fuzzes the chat for SECONDS=60 seconds; make fuzz-pack keeps what it found)\
	$(info make soak     clients come, talk, stall, reset and vanish for SECONDS=60 seconds)\
	$(info make check    all static checks: warnings, analyzers, format, sizes)\
	$(info make clean    removes what was built)

# ---- what must be there ----

tools:
ifneq ($(OS),Windows_NT)
	@sh tests/scripts/need.sh $(CC)=gcc-mingw-w64-x86-64 wine=wine,wine64
endif

check-tools:
	@sh tests/scripts/need.sh x86_64-w64-mingw32-g++=g++-mingw-w64-x86-64 i686-w64-mingw32-g++=g++-mingw-w64-i686 \
		clang=clang clang-format=clang-format cppcheck=cppcheck

# ---- static checks ----

CHECKED := $(SOURCES) $(filter-out tests/sim/%,$(wildcard tests/*/*.c))
STYLED := $(CHECKED) Overlapped.h $(wildcard tests/*/*.h tests/sim/*.c)

check: check-warnings check-analyzers check-style check-hardening

# No warning from two compilers, as C11 and as C++17, 64 and 32 bit.
ifneq ($(OS),Windows_NT)
COMPILERS := x86_64-w64-mingw32-gcc i686-w64-mingw32-gcc \
             'clang --target=x86_64-w64-mingw32' 'clang --target=i686-w64-mingw32'
check-warnings: check-tools
	@for compiler in $(COMPILERS); do for language in 'c -std=c11' 'c++ -std=c++17'; do \
	    echo "$$compiler -x $$language: $(words $(CHECKED)) files"; \
	    for file in $(CHECKED); do \
	        $$compiler -x $$language $(CPPFLAGS) -O2 $(WARNINGS) -Werror -c $$file -o /dev/null || exit 1; \
	    done; \
	done; done
else
check-warnings: build
	$(CC) -x c -std=c11 $(CPPFLAGS) -O2 $(WARNINGS) -Werror -fsyntax-only $(CHECKED)
	$(CC) -x c++ -std=c++17 $(CPPFLAGS) -O2 $(WARNINGS) -Werror -fsyntax-only $(CHECKED)
endif

check-analyzers: check-tools
	@for file in $(CHECKED); do echo "gcc -fanalyzer: $$file"; \
	    $(C11) -fanalyzer -Werror -c $$file -o /dev/null || exit 1; done
	cppcheck --quiet --language=c --std=c11 --platform=win64 --enable=warning,performance,portability \
	    --inline-suppr --suppress=missingIncludeSystem --error-exitcode=1 $(CHECKED)

check-style: check-tools
	@clang-format --dry-run -Werror $(STYLED)
	@awk -f tests/scripts/sizes.awk $(STYLED)
	@echo "format and sizes: $(words $(STYLED)) files"

# ASLR, also of the upper half, no execution of data, and a canary on the stack.
check-hardening: server.exe
	@for flag in DYNAMIC_BASE HIGH_ENTROPY_VA NX_COMPAT __stack_chk_fail '\.reloc'; do \
	    { x86_64-w64-mingw32-objdump -ph server.exe; x86_64-w64-mingw32-nm server.exe; } | grep -q "$$flag" \
	        || { echo "server.exe: no $$flag"; exit 1; }; \
	done; echo "server.exe: ASLR, high-entropy VA, DEP, stack protector"
