#!/bin/sh
# exercise.sh plant N     a copy of the server's sources in build/exercise-N, with the bug of exercise N in it, its
#                         server.exe, and the CMakeLists.txt with which Visual Studio opens the folder. A copy that
#                         is there is kept: it is the student's.
# exercise.sh check N     plays the copy on the simulator (on Windows: runs tests), or runs the given test: green when
#                         the exercise is solved
# exercise.sh plant-all   the bugs as programs, for those without a compiler, in build/exercises
set -eu
cd "$(dirname "$0")/../.."
cc=x86_64-w64-mingw32-gcc
[ "${OS:-}" != Windows_NT ] || cc=gcc
# Their names are those of the simulator's bugs; 9 and 10 are to be built, and have no bug.
bugs="one-too-many zeroed-too-late end-ignored event-misplaced receive-too-soon passing-thread owner-not-woken
    free-while-pending"

usage() {
    sed -n '2,7s/^# //p' "$0" >&2
    exit 2
}

# bug_of N: its name; nothing for the two that are to be built.
bug_of() {
    case $1 in
    [1-8]) echo $bugs | cut -d ' ' -f "$1" ;;
    9 | 10) ;;
    *) usage ;;
    esac
}

# plant N FOLDER: a copy, and the bug in it.
plant() {
    bug=$(bug_of "$1")
    mkdir -p "$2"
    cp -R ./*.cpp Overlapped.h CMakeLists.txt chat support "$2"
    [ -n "$bug" ] || return 0
    script=tests/sim/planted/$bug.sed
    file=$(sed -n '1s/^# \([^:]*\): .*/\1/p' "$script")
    sed -i -f "$script" "$2/$file"
    ! cmp -s "$file" "$2/$file" || { echo "exercise $1: cannot be planted" >&2; exit 1; }
}

build() {
    "$cc" -x c -std=c11 -D__USE_MINGW_ANSI_STDIO=1 -O2 -g -Wall -Wextra "$1"/*.cpp "$1"/*/*.cpp -o "$1/server.exe" -x none \
        -static -lws2_32
}

# simulate N FOLDER: plays thousands of runs of the copy on the simulated Winsock; the first that goes wrong is told.
simulate() {
    out=build/sim
    sh tests/scripts/need.sh make=make gcc=gcc,libc6-dev >&2
    echo "Building the simulator with $2 ..."
    make -s -C tests/sim asan tsan OUT=../../$out SERVER="../../$2" NAME="-exercise-$1" >"$2/make.txt" 2>&1 ||
        { grep error "$2/make.txt" >&2 && return 1; }
    for kind in asan tsan; do
        for mode in echo chat; do
            "$out/sim-$kind-exercise-$1" --mode $mode --seeds "${SEEDS:-400}" --jobs 2 --failures 1 >"$2/check.txt" 2>&1 &&
                echo "$mode, $kind: nothing found" && continue
            echo "$mode, $kind: still wrong"
            grep -aE '^sim: .*: |SUMMARY|Assertion' "$2/check.txt" | grep -v 'replay\|seeds ' | head -n 3 | cut -c 1-160
            echo "(all of it: $2/check.txt)"
            return 1
        done
    done
}

# start PROGRAM.EXE ARGUMENT ...
start() {
    if [ "${OS:-}" = Windows_NT ]; then "$@"; else sh tests/scripts/wine.sh "$@"; fi
}

# run_tests N FOLDER: those of the server that see the bug; for exercises 9 and 10 the test that was given.
run_tests() {
    build "$2"
    case $1 in
    1 | 6) start build/tests.exe "$2/server.exe" crowd_at ;;
    2 | 3) start build/tests.exe "$2/server.exe" echo_half ;;
    5) start build/tests.exe "$2/server.exe" echo_slow ;;
    4) start build/tests.exe "$2/server.exe" crowd_comes ;;
    7) start build/tests.exe "$2/server.exe" crowd_of_63 ;;
    8) echo "no test on Windows sees this one; the simulator on Debian does" && return 1 ;;
    *)
        "$cc" -x c -std=c11 -D__USE_MINGW_ANSI_STDIO=1 docs/exercises/"$1"-*_test.c tests/harness/*.c \
            -o "$2/tests.exe" -x none -static -lws2_32 -liphlpapi
        start "$2/tests.exe" "$2/server.exe"
        ;;
    esac
}

copy=build/exercise-${2:-}
case ${1:-} in
plant)
    if [ -d "$copy" ]; then
        echo "$copy is there already, and is kept; remove it to begin anew"
    else
        plant "$2" "$copy"
        echo "exercise $2 is in $copy"
    fi
    build "$copy"
    ;;
check)
    [ -d "$copy" ] || { echo "exercise.sh: there is no $copy yet: make exercise N=$2" >&2; exit 1; }
    if [ "$2" -gt 8 ] || [ "${OS:-}" = Windows_NT ]; then run_tests "$2" "$copy"; else simulate "$2" "$copy"; fi
    echo "exercise $2 is solved"
    ;;
plant-all)
    for number in 1 2 3 4 5 6 7 8; do
        rm -rf "build/exercises/$number"
        plant $number "build/exercises/$number"
        build "build/exercises/$number"
    done
    ;;
*) usage ;;
esac
