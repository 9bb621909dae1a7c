#!/bin/sh
# check.sh: builds, tests and plays as a student does at Windows' cmd: GNU make for Windows, a gcc.exe, and no sh in the
# PATH; and once more with a sh.exe, as MSYS2 and Git install one. Runs under Wine, with Wine's cmd. GNU make is built
# from Debian's source package; gcc.exe (host.c) calls the host's cross compiler. All of it is in build/windows.
set -eu
cd "$(dirname "$0")/../.."
top=$PWD
bin=build/windows/bin
copy=build/windows/copy # of the project: mingw32-make clean removes its build folder
sh tests/scripts/need.sh x86_64-w64-mingw32-gcc=gcc-mingw-w64-x86-64 wine=wine,wine64

# Gets Debian's sources of make, from the system's own list of packages, without changing it.
make_fetch() {
    apt=$PWD/build/windows/apt
    mkdir -p "$apt/list" "$apt/state/partial" "$apt/cache/archives/partial"
    for list in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
        [ ! -f "$list" ] || sed 's/^Types: .*/Types: deb-src/; s/^deb /deb-src /' "$list" >"$apt/list/${list##*/}"
    done
    set -- -o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$apt/list" -o "Dir::State::lists=$apt/state" \
        -o "Dir::Cache=$apt/cache"
    {
        apt-get "$@" update || true # a third party's list may have no sources
        (cd build/windows && apt-get "$@" source --download-only make-dfsg)
    } >build/windows/apt.log 2>&1 || { cat build/windows/apt.log >&2; return 1; }
}

make_build() {
    echo "Building GNU make for Windows (once) ..."
    mkdir -p "$bin" build/windows/make
    make_fetch
    tar -xf build/windows/make-dfsg_*.orig.tar.* -C build/windows/make --strip-components=1
    (
        cd build/windows/make
        cp src/config.h.W32 src/config.h
        cp lib/glob.in.h lib/glob.h
        cp lib/fnmatch.in.h lib/fnmatch.h
        # the files that its own build_w32.bat compiles
        x86_64-w64-mingw32-gcc -w -std=gnu99 -O1 -static -Isrc -Ilib -Isrc/w32/include -DWINDOWS32 -DHAVE_CONFIG_H \
            $(tr -d '\r' <build_w32.bat | sed -n 's/^call :Compile \([a-z0-9/_-]*\).*/\1.c/p') -o mingw32-make.exe
    ) >build/windows/make.log 2>&1 || { tail -n 20 build/windows/make.log >&2; return 1; }
    mv build/windows/make/mingw32-make.exe "$bin"
}

programs_build() {
    mkdir -p "$bin/unix"
    x86_64-w64-mingw32-gcc -O1 -static tests/windows/host.c -o "$bin/gcc.exe"
    for program in sh mkdir rm; do cp "$bin/gcc.exe" "$bin/unix/$program.exe"; done
    cat >"$bin/host.sh" <<'END'
# host.sh PROGRAM.EXE ID: runs the host's program, with the arguments in PROGRAM.EXE.ID.args, one per line.
program=$(basename "$1" .exe)
[ "$program" != gcc ] || program=x86_64-w64-mingw32-gcc
call=$1.$2
set --
while IFS= read -r argument; do set -- "$@" "$argument"; done <"$call.args"
"$program" "$@"
echo $? >"$call.new"
mv "$call.new" "$call.code"
END
    cp "$bin/host.sh" "$bin/unix"
}

# at_cmd COMMAND: runs it as typed at the prompt, in the project's folder.
at_cmd() {
    path=$(echo "$top/$bin" | tr / '\\')
    path="Z:$path;${sh_too:+Z:$path\\unix;}C:\\windows\\system32;C:\\windows"
    printf '@%s\r\n' "set PATH=$path" "$*" 'exit %errorlevel%' >build/windows/typed.cmd
    (cd "$copy" && env -i PATH="$PATH" HOME="$HOME" sh "$top/tests/scripts/wine.sh" cmd /d /c '..\typed.cmd')
}

# expect CODE COMMAND: the command must end with this exit code. Hides the compiler's lines, and a remark by Wine on the
# label of the drive.
expect() {
    want=$1
    shift
    echo
    echo "C:\\> $*"
    code=0
    at_cmd "$*" >build/windows/out 2>&1 </dev/null || code=$?
    grep -v -e '^gcc ' -e 'Read access denied for device' build/windows/out || true
    [ "$code" = "$want" ] || { echo "windows-check: it ended with $code, not with $want" >&2; exit 1; }
}

shows() {
    grep -q -- "$1" build/windows/out || { echo "windows-check: it does not show \"$1\"" >&2; exit 1; }
}

# Runs the lines of ci.yml's steps for MinGW as they are. Every step for cmd has one line, because a step's result is
# that of its last line, and an earlier failure would stay green.
ci_lines() {
    awk '/^  windows:/ { on = 1; next } /^  [a-z]/ { on = 0 } on && /^ *(- )?run: / { sub(/^ *(- )?run: /, ""); print }' \
        .github/workflows/ci.yml
}

ci_fails() {
    if ci_lines | grep '^[|>]'; then echo "windows-check: ci.yml: a step for cmd of more than one line" >&2; exit 1; fi
    cat >"$copy/tests/suites/planted_test.c" <<'END'
#include "../harness/test.h"
TEST(cli_planted)
{
    CHECK(1 == 2);
}
END
    failed=no
    ci_lines | grep '^mingw32-make' >build/windows/ci-lines
    while IFS= read -r line; do
        # Only the suite with the planted test, and nothing is compiled twice.
        case $line in *clean*) continue ;; *' test') line="$line ARGS=cli_p" ;; esac
        echo "C:\\> $line"
        at_cmd "$line" >build/windows/out 2>&1 </dev/null || { failed=yes && break; }
    done <build/windows/ci-lines
    rm "$copy/tests/suites/planted_test.c"
    [ $failed = yes ] || { echo "windows-check: ci.yml stays green when a test fails" >&2; exit 1; }
    shows 'FAILED cli_planted'
}

exists() {
    [ -e "$copy/$1" ] || { echo "windows-check: there is no $1" >&2; exit 1; }
}

is_gone() {
    [ ! -e "$copy/$1" ] || { echo "windows-check: $1 is still there" >&2; exit 1; }
}

[ -f "$bin/mingw32-make.exe" ] || make_build
programs_build
rm -rf "$copy"
mkdir -p "$copy"
tar -c --exclude=./build --exclude=./.git --exclude='./*.exe' . | tar -x -C "$copy"

expect 0 mingw32-make --version
shows 'Windows32'
expect 0 mingw32-make help
shows 'mingw32-make demo'
expect 2 mingw32-make bench
shows 'mingw32-make bench needs Debian or Ubuntu'
expect 0 mingw32-make
exists server.exe
expect 0 mingw32-make client
exists client.exe
expect 0 mingw32-make test ARGS="\"${*:-cli_ echo_ client_ demo_}\""
shows ' passed, 0 failed'
echo
echo "A planted test fails, and so do the steps of ci.yml:"
ci_fails
expect 0 mingw32-make demo ARGS=--fast
shows '==== Act 2'
expect 0 mingw32-make clean
is_gone server.exe
is_gone client.exe
expect 0 mingw32-make SHELL=cmd
exists server.exe
is_gone ./-p
expect 0 mingw32-make SHELL=cmd clean
is_gone server.exe
sh_too=yes # in the PATH
expect 0 mingw32-make
exists server.exe
expect 0 mingw32-make clean
is_gone server.exe
echo
echo "windows-check: all as it should be"
