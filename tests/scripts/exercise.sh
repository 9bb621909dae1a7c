#!/bin/sh
# exercise.sh plant N          copies the server's sources to build/exercise-N, plants the bug of exercise N there, and
#                              builds server.exe. The copy has the CMakeLists.txt with which Visual Studio opens the
#                              folder. A copy that exists is kept: it is the student's.
# exercise.sh check N          plays the copy on the simulator (on Windows: runs tests), and for 9 and 10 runs the test that
#                              is given; green when the exercise is solved
# exercise.sh answer N FOLDER  puts the answer into a copy: for 9 and 10 the handler of docs/answers
# exercise.sh plant-all        builds the eight bugs, for those without a compiler, in build/exercises
set -eu
cd "$(dirname "$0")/../.."
cc=x86_64-w64-mingw32-gcc
[ "${OS:-}" != Windows_NT ] || cc=gcc
# Their names are those of the simulator's bugs; 9 and 10 ask for something new, and have no bug.
bugs="one-too-many zeroed-too-late end-ignored event-misplaced receive-too-soon passing-thread owner-not-woken
    free-while-pending"

usage() {
    sed -n '2,9s/^# //p' "$0" >&2
    exit 2
}

# need_number N: checks the number, which students may mistype.
need_number() {
    case $1 in
    [1-9] | 10) ;;
    '') echo "Which exercise? N=1 to N=10: make exercise N=2 (docs/exercises.md has them in order)" >&2 && exit 2 ;;
    *) echo "There is no exercise $1: N=1 to N=8 have a bug, N=9 and N=10 ask for something new (docs/exercises.md)" >&2 && exit 2 ;;
    esac
}

# bug_of N: prints the bug's name; nothing for the two that have none.
bug_of() {
    [ "$1" -gt 8 ] || echo $bugs | cut -d ' ' -f "$1"
}

# plant N FOLDER: makes a copy with the bug in it.
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

# answer N FOLDER: copies the sources as they are. For 9 and 10 adds the handler as docs/answers says: declared, placed
# after echo_handler, chosen by main().
answer() {
    cp -R ./*.cpp Overlapped.h chat support "$2"
    [ "$1" -gt 8 ] || return 0
    file=$(echo docs/answers/"$1"-*.c)
    name=$(basename "$file" .c)
    name=${name#*-}
    sed -i "s/^extern const Handler echo_handler;/&\nextern const Handler ${name}_handler;/" "$2/Overlapped.h"
    sed -i -e "s/: &echo_handler;/: \&${name}_handler;/" -e "/^const Handler echo_handler = /r $file" "$2/Main.cpp"
}

build() {
    "$cc" -x c -std=c11 -O2 -g -Wall -Wextra "$1"/*.cpp "$1"/*/*.cpp -o "$1/server.exe" -x none \
        -static -lws2_32
}

# The rule that each finding of the simulator breaks; the first that fits is printed.
rules="is opened for client|A group holds 62 sessions, no more and no fewer: 64 events less the two of the group.
noc <= |sessions, of which|A group holds 62 sessions: an index goes from 0 to noc - 1, and noc counts them.
stack-use-after-return|Until sent() what swsa points to must stay as it is; a local array is gone when its function returns.
stand in different slots|s_arr[i] and e_arr[i] belong together: what moves in one moves in the other.
CRITICAL_SECTION is held|cs is held only to change arrays and counts, not across calls (rule 3).
OVERLAPPED is not zeroed|The WSAOVERLAPPED is zeroed before each use, and then its event is put in.
neither EOF nor an unsigned char|toupper(), islower() and the like take EOF or an unsigned char, and a char above 127 is negative here: cast it, or compare with 'a' and 'z'.
is no handle of that kind|The event is in the WSAOVERLAPPED before WSARecv or WSASend is called: that is the one which Windows signals.
OVERLAPPED of a pending|From the post to the completion the WSAOVERLAPPED is the system's: nothing in it may be changed.
its buffer is one of|Until the result is taken the buffer is not yours: no other operation may use it, for a short send goes on from there.
buffer was changed|From the post to the completion a buffer is the system's: with several clients, each needs its own.
byte .* of the echo is wrong|Every client gets back its own bytes: what is sent stays as it is until sent(), and is no other session's.
byte .* of what it hears|Every client hears its own answers: what is kept or sent is that session's alone, and stays until sent().
thread ends with|Windows cancels what a thread has posted when that thread ends.
another thread|the operation is that of|data race|Only the owner posts operations on a session and touches its buffers (rule 1).
handle 0x[0-9a-f]* is closed|A socket is closed once, by session_close(): a handler calls session_finish().
uses that memory|heap-use-after-free|names the event|A session is freed only when neither operation is pending (rule 2).
session->sending && count|A session has one send at a time, and it has bytes to send; 0 received bytes are the end, and no message.
with fWait TRUE|The thread of a group never waits for one operation: it returns to its wait, and the event reports the completion.
leak: |What opened() allocates, closed() frees: it is called once for each session, however it ends.
upper_sends_all_back|Only a to z change, every other byte goes back as it came; 0 received bytes are the end, and no message.
quiz_two_lines|quiz_all_at_once|One receive may bring several lines, and none may follow: answer all whole lines in rbuf before you post the next receive.
quiz_lines_come|TCP knows no lines: session_recv(session, kept) keeps an unfinished line, and what follows a line is the next one.
waits and waits|A client waits in vain: somebody must post the next operation, end the session, or wake the owner: proactor_wake() also says in wake_state that there is work, and the event alone does not.
goes to sleep|A thread sleeps although there is work: the event that reports it was reset too late, or is not waited for."
# ... or, when none fits, the rule that the exercise is about.
about="A group holds 62 sessions: an index goes from 0 to noc - 1, and noc counts them.
The WSAOVERLAPPED is zeroed before each use, and then its event is put in.
0 received bytes are the end of what the client sends: the handler ends the session.
s_arr[i] and e_arr[i] belong together: what moves in one moves in the other.
From the post until the result is taken a buffer is the system's.
Only the owner posts operations on a session (rule 1); Windows cancels what a thread has posted when it ends.
Whoever puts a session into a group wakes its owner, after the session is in the arrays.
A session is freed only when neither operation is pending (rule 2).
What swsa points to is that session's alone, and stays as it is until sent().
What swsa points to is that session's alone, and stays as it is until sent()."

# rule_of FILE N: prints the rule that the findings in the file break.
rule_of() {
    rule=$(echo "$rules" | while IFS= read -r line; do
        ! grep -aqE "${line%|*}" "$1" || { echo "${line##*|}" && break; }
    done)
    echo "The rule: ${rule:-$(echo "$about" | sed -n "$2p")}"
}

# play N FOLDER MODE SEEDS: runs that many seeds on the simulated Winsock under both sanitizers; prints the first finding.
play() {
    for kind in asan tsan; do
        "build/sim/sim-$kind-exercise-$1" --mode "$3" --seeds "$4" --jobs 2 --failures 1 >"$2/check.txt" 2>&1 &&
            echo "$3, $kind: nothing found in $4 runs" && continue
        echo "$3, $kind: still wrong"
        grep -aE '^sim: .*: |SUMMARY|Assertion' "$2/check.txt" | grep -v 'replay\|seeds ' | head -n 3 | cut -c 1-160 >"$2/found.txt"
        cat "$2/found.txt"
        rule_of "$2/found.txt" "$1"
        echo "(all of it: $2/check.txt)"
        return 1
    done
}

# simulate N FOLDER
simulate() {
    sh tests/scripts/need.sh make=make gcc=gcc,libc6-dev >&2
    echo "Building the simulator with $2 ..."
    make -s -j2 -C tests/sim asan tsan OUT=../../build/sim SERVER="../../$2" NAME="-exercise-$1" >"$2/make.txt" 2>&1 ||
        { grep error "$2/make.txt" >&2 && return 1; }
    case $1 in
    9) play 9 "$2" upper "${SEEDS:-250}" ;;
    10) play 10 "$2" quiz "${SEEDS:-250}" ;;
    *) play "$1" "$2" echo "${SEEDS:-250}" && play "$1" "$2" chat "$((${SEEDS:-250} / 5))" ;;
    esac
}

# start PROGRAM.EXE ARGUMENT ...
start() {
    if [ "${OS:-}" = Windows_NT ]; then "$@"; else sh tests/scripts/wine.sh "$@"; fi
}

# given_test N FOLDER: runs the test that exercises 9 and 10 come with.
given_test() {
    build "$2"
    "$cc" -x c -std=c11 docs/exercises/"$1"-*_test.c tests/harness/*.c -o "$2/tests.exe" -x none \
        -static -lws2_32 -liphlpapi
    simplest=upper_says
    [ "$1" -eq 9 ] || simplest=quiz_all_right
    # A test waits up to 10 s for an answer, so the others run only when the simplest one has passed.
    start "$2/tests.exe" "$2/server.exe" $simplest >"$2/check.txt" && start "$2/tests.exe" "$2/server.exe" >"$2/check.txt" &&
        cat "$2/check.txt" && return
    cat "$2/check.txt"
    return 1
}

# run_tests N FOLDER: runs the server's tests that detect the bug, where there is no simulator.
run_tests() {
    build "$2"
    case $1 in
    1) tests="crowd_at crowd_opens" ;;
    2 | 3) tests=echo_half ;;
    4) tests=crowd_comes ;;
    5) tests=echo_slow ;;
    6) tests=crowd_at ;;
    7) tests=crowd_of_63 ;;
    esac
    for test in $tests; do
        start build/tests.exe "$2/server.exe" "$test" && continue
        rule_of /dev/null "$1"
        return 1
    done
}

check() {
    if [ "$1" -gt 8 ]; then
        given_test "$1" "$2" || { grep -a FAILED "$2/check.txt" >"$2/found.txt" && rule_of "$2/found.txt" "$1"; return 1; }
    fi
    if [ "${OS:-}" != Windows_NT ]; then
        simulate "$1" "$2"
    elif [ "$1" -eq 8 ]; then
        echo "Exercise 8 has no check on Windows: no test sees this bug, only the simulator on Debian does."
        echo "Look in the trace for the line that was missing (docs/exercises.md, Watch), and read docs/answers."
        exit 0
    elif [ "$1" -le 8 ]; then
        run_tests "$1" "$2"
    fi
}

case ${1:-} in
plant)
    need_number "${2:-}"
    copy=build/exercise-$2
    if [ -d "$copy" ]; then
        echo "$copy is there already, and is kept; remove it to start over"
    else
        plant "$2" "$copy"
        echo "exercise $2 is in $copy"
    fi
    echo "Building it ..."
    build "$copy"
    ;;
check)
    need_number "${2:-}"
    copy=build/exercise-$2
    [ -d "$copy" ] || { echo "there is no $copy yet: make exercise N=$2" >&2; exit 1; }
    check "$2" "$copy"
    echo "exercise $2 is solved"
    ;;
answer)
    need_number "${2:-}"
    answer "$2" "$3"
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
