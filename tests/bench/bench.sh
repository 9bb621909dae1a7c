#!/bin/sh
# bench.sh [--quick] [SERVER.EXE]: measures the server against other echo and chat servers and prints one table; writes
# build/bench.json. Everything runs on 127.0.0.1 and in bounded time. Peers: the textbook's server (docs/steps/
# 2-many-clients.c) and, where apt is available, the echo and chat servers among the examples of Asio, compiled from where the
# packages put them.
#
# The servers take turns, A B C C B A A B C ..., so that other load on the machine affects all alike; ratios are taken
# within a turn. On Windows run it from the sh of MSYS2 or Git, with gcc in the PATH: sh tests/bench/bench.sh
# There the textbook's server is the only peer, and the counts from Wine's log are left out.
#
# On Linux each process has its own processor: the server the first, Wine's kernel the second, the load generator the third
# if there is one. Otherwise the scheduler also decides whether server and kernel share a processor, and that makes
# more of a difference than the server does. The rows ping-1-near and ping-32-near have them share one.
#
# BEFORE=OLD.EXE adds an older build of the server to the turns. The script then fails if a figure is worse than the older
# build's, as report.awk defines it.
#
# Environment: BEFORE; WINE and WINESERVER, the commands; WINEPREFIX, the prefix to start from (build/wine); HOST_CC; PIN=no to let the
# scheduler decide; ONLY="ROW ..." for some of the rows.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
build=$top/build work=$top/build/bench
load=$work/load.exe figures=$work/figures.txt
quick='' server_exe=$top/server.exe
for argument in "$@"; do
    case $argument in
    --quick) quick=yes ;;
    *) server_exe=$(cd "$(dirname "$argument")" && pwd)/$(basename "$argument") ;;
    esac
done
before_exe=${BEFORE:+$(cd "$(dirname "$BEFORE")" && pwd)/$(basename "$BEFORE")}
before=${before_exe:+before}
case $(uname -s) in
MINGW* | MSYS* | CYGWIN*) windows=yes ;;
*) windows= ;;
esac

if [ "$quick" ]; then
    turns=3 slow_turns=2 short=0.3 long=0.6 cap=1.5 pairs=1 lines=30 calls=320
else
    turns=7 slow_turns=5 short=0.8 long=2.5 cap=3 pairs=3 lines=100 calls=3200
fi
more_turns=14
trace_file=build/bench/trace.json # seen from $top, as Windows does not know the name of $work
started=' ' # the processes to end with this script
failed=0

say() { echo "bench: $*" >&2; }

end() {
    kill $1 2>/dev/null
    wait $1 2>/dev/null
    started=$(echo "$started" | sed "s/ $1 / /")
}

end_all() {
    for process in $started; do end "$process"; done
}
trap end_all EXIT
trap 'exit 130' INT TERM

wanted() { # wanted ROW: succeeds if it is among those in ONLY, or ONLY is empty
    case " ${ONLY:-$1} " in *" $1 "*) ;; *) return 1 ;; esac
}

# ---- processors ----

on_server='' on_kernel='' on_load=''
processors_choose() {
    [ "$windows" ] || [ "${PIN:-yes}" = no ] || ! command -v taskset >/dev/null && return
    if taskset -c 2 true 2>/dev/null; then on_load="taskset -c 2"; else on_load="taskset -c 1"; fi
    if ! $on_load true 2>/dev/null; then
        on_load=''
        return
    fi
    on_server="taskset -c 0" on_kernel="taskset -c 1"
}

# kernel_to PROCESSOR: moves Wine's kernel.
kernel_to() {
    [ -z "$on_kernel" ] || taskset -a -p -c "$1" "$kernel" >/dev/null
}

# ---- building ----

build_all() {
    cc=${HOST_CC:-cc} cross=x86_64-w64-mingw32-gcc libraries=
    flags="-std=c11 -O2"
    [ "$windows" ] && cc=${HOST_CC:-gcc} cross=${HOST_CC:-gcc} libraries="-static -lws2_32"
    mkdir -p "$work"
    [ "$windows" ] || sh "$top/tests/scripts/need.sh" "$cc=gcc,libc6-dev" $cross=gcc-mingw-w64-x86-64 wine=wine,wine64 || exit 1
    "$cc" $flags -o "$load" "$here/load.c" "$here"/load_*.c $libraries || exit 1
    $cross $flags -o "$work/textbook.exe" "$top/docs/steps/2-many-clients.c" -static -lws2_32 || exit 1
    chat_servers="server $before"
    if build_asio; then chat_servers="$chat_servers asio"; fi
    large_servers=$chat_servers # those that take more than 63 clients
    crowd_servers=$large_servers
    [ "$quick" ] && crowd_servers="server $before" # gathering it takes a long time
    echo_servers="$large_servers textbook"
}

# The headers are reached through links: /usr/include itself would bring in Linux's headers.
build_asio() {
    [ -z "$windows" ] && command -v apt-get >/dev/null || return 1
    example_echo=$(find_example echo/async_tcp_echo_server.cpp)
    if [ ! -f /usr/include/asio.hpp ] || [ -z "$example_echo" ] || ! command -v x86_64-w64-mingw32-g++ >/dev/null; then
        sh "$top/tests/scripts/need.sh" asio-headers=libasio-dev,libasio-doc,g++-mingw-w64-x86-64
    fi
    example_echo=$(find_example echo/async_tcp_echo_server.cpp)
    example_chat=$(find_example chat/chat_server.cpp)
    if [ -z "$example_echo" ] || [ -z "$example_chat" ]; then
        say "Asio's examples are not to be had; going on without them"
        return 1
    fi
    mkdir -p "$work/include"
    ln -sfn /usr/include/asio "$work/include/asio"
    ln -sfn /usr/include/asio.hpp "$work/include/asio.hpp"
    asio_compile "$example_echo" "$work/asio-echo.exe" && asio_compile "$example_chat" "$work/asio-chat.exe"
}

find_example() {
    find /usr/share/doc/libasio-dev /usr/share/doc/libasio-doc -path "*/cpp11/$1" 2>/dev/null | head -n 1
}

asio_compile() {
    [ "$2" -nt "$1" ] && return
    say "compiling Asio's $(basename "$1")"
    x86_64-w64-mingw32-g++ -std=c++17 -O2 -DASIO_STANDALONE -D_WIN32_WINNT=0x0601 -I"$work/include" \
        -o "$2" "$1" -static -lws2_32 -lmswsock
}

# ---- Wine ----

wine=${WINE:-wine} wineserver=${WINESERVER:-wineserver} kernel=
template=${WINEPREFIX:-$build/wine}

# Two prefixes, each with a Wine kernel of its own: one for all comparisons, one for the crowd and for the log. They
# share the files of the prefix to start from and have their own registry.
wine_prepare() {
    [ "$windows" ] && return
    export WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml,winemenubuilder.exe="
    unset DISPLAY WAYLAND_DISPLAY
    if [ ! -f "$template/system.reg" ]; then
        say "preparing Wine in $template (once, some seconds)"
        mkdir -p "$template"
        WINEPREFIX=$template $wine wineboot --init >"$work/wineboot.log" 2>&1 </dev/null
        WINEPREFIX=$template $wineserver -w
        [ ! -f "$template/system.reg" ] || : >"$template/ready" # as tests/scripts/wine.sh leaves it
    fi
    for clone in "$work/wine-1" "$work/wine-2"; do
        rm -rf "$clone"
        mkdir -p "$clone/dosdevices"
        cp "$template"/*.reg "$template/.update-timestamp" "$clone/" || exit 1
        ln -s "$template/drive_c" "$clone/drive_c"
        ln -s ../drive_c "$clone/dosdevices/c:"
        ln -s / "$clone/dosdevices/z:"
    done
    ulimit -n "$(ulimit -H -n)"
}

# kernel_start PREFIX [OPTION...]: starts its Wine kernel, and sets $kernel to its number.
kernel_start() {
    [ "$windows" ] && return
    export WINEPREFIX=$work/$1
    shift
    $on_kernel $wineserver "$@" -f -p 2>>"$work/kernel.log" >/dev/null &
    kernel=$!
    started="$started$kernel "
    sleep 0.3
}

kernel_end() {
    [ "$windows" ] && return
    $wineserver -k
    end "$kernel"
}

# ---- servers ----

# start NAME MODE: starts server, before, traced (the server with a trace file), asio or textbook as an echo or chat
# server; sets $port, $process and $pids.
start() {
    name=$1 output=$work/$1-$2.txt port=
    options="--$2 --port 0 --quiet --max-clients 10000"
    case $1 in
    server) set -- "$server_exe" $options ;;
    before) set -- "$before_exe" $options ;;
    traced) set -- "$server_exe" $options --trace-file "$trace_file" ;;
    textbook) set -- "$work/textbook.exe" 0 ;;
    asio)
        port=$("$load" free-port)
        set -- "$work/asio-$2.exe" "$port"
        ;;
    esac
    [ "$windows" ] || set -- $on_server $wine "$@"
    "$@" >"$output" 2>"$work/$name.err" &
    process=$!
    started="$started$process "
    if [ "$windows" ]; then pids=$(cat "/proc/$process/winpid" 2>/dev/null); else pids=$process,$kernel; fi
    tries=0
    while [ -z "$port" ] && [ $tries -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
        port=$(sed -n -e 's/\r//' -e 's/.*listening on port //p' -e 's/.*listening on .*:\([0-9]*\) (.*/\1/p' "$output")
    done
    "$load" await --port "${port:-1}" --seconds 20 && return
    say "$name does not start: $(cat "$work/$name.err")"
    exit 1
}

# ---- measuring ----

# measure ROW NAME SCENARIO [OPTION...]: plays the scenario and notes its figures as lines "ROW NAME FIGURE VALUE".
measure() {
    row=$1 name=$2
    shift 2
    if $on_load "$load" "$@" >"$work/load.txt"; then
        sed "s/^/$row $name /" "$work/load.txt" >>"$figures"
    else
        say "$row: the run against $name failed"
        failed=1
    fi
}

# in_turn COUNT ROW "NAME..." RUN [OPTION...]: the servers take turns at RUN, with the options of the load generator. If the
# server seems worse than the older build, these two play more turns, so that chance does not decide.
in_turn() {
    count=$1 row=$2 names=$3 run=$4 more=$more_turns
    shift 4
    wanted "$row" || return
    say "$row"
    while [ "$count" -gt 0 ]; do
        reversed=
        for each in $names; do
            $run "$@"
            reversed="$each $reversed"
        done
        names=$reversed count=$((count - 1))
        if [ "$count" -eq 0 ] && seems_worse "$row"; then
            names="server before" count=$more more=0
        fi
    done
}

seems_worse() { # seems_worse ROW: succeeds if the row seems worse than the older build's
    [ "$before" ] && ! awk -v judge="$1" -f "$here/report.awk" "$figures"
}

echo_run() { # against a server that is running
    eval "port=\$port_$each pids=\$pids_$each"
    measure "$row" "$each" "$@" --port "$port" --pids "$pids"
}

chat_run() { # chat servers keep state, so each run has a new one
    framed=''
    [ "$each" = asio ] && framed=--framed
    start "$each" chat
    measure "$row" "$each" "$@" --port "$port" --pids "$pids" $framed
    end "$process"
}

# The same server twice, each under its own Wine kernel: one with the crowd, one without.
crowd_run() {
    start "$each" echo
    alone_port=$port alone_pids=$pids alone_process=$process alone_kernel=$kernel
    kernel_start wine-2
    start "$each" echo
    measure "$row" "$each" "$@" --port "$port" --pids "$pids" --alone-port "$alone_port" --alone-pids "$alone_pids"
    end "$process"
    kernel_end
    kernel=$alone_kernel WINEPREFIX=$work/wine-1
    end "$alone_process"
}

# Wine's kernel logs every call twice: "NNNN: name( arguments )" and "NNNN: name() = result". An idle server
# makes some as well, so only one is running.
calls_run() {
    start "$each" echo
    : >"$work/kernel.log"
    $on_load "$load" "$@" --port "$port" --log "$work/kernel.log" >"$work/load.txt" || failed=1
    awk -v row="$row $each" -v messages="$(sed -n 's/messages //p' "$work/load.txt")" -f "$here/calls.awk" \
        "$work/kernel.log" >>"$figures" || failed=1
    end "$process"
}

echo_rows() {
    processes=
    for each in $echo_servers; do
        start "$each" echo
        eval "port_$each=$port pids_$each=$pids"
        processes="$processes $process"
    done
    in_turn $turns ping-1 "$echo_servers" echo_run pingpong --clients 1 --seconds $short
    in_turn $turns ping-32 "$echo_servers" echo_run pingpong --clients 32 --seconds $short
    if [ "$on_kernel" ]; then
        kernel_to 0
        in_turn $turns ping-1-near "$echo_servers" echo_run pingpong --clients 1 --seconds $short
        in_turn $turns ping-32-near "$echo_servers" echo_run pingpong --clients 32 --seconds $short
        kernel_to 1
    fi
    # 63, 126 and 559: just over one group, two groups and nine, at which fairness among groups is hardest.
    for clients in 500 63 126 559; do
        in_turn $turns ping-$clients "$large_servers" echo_run pingpong --clients $clients --seconds $long
    done
    in_turn $turns bulk "$echo_servers" echo_run bulk --seconds $short
    in_turn $turns connect "$echo_servers" echo_run connect --seconds $short
    for each in $processes; do end "$each"; done
}

chat_rows() {
    in_turn $slow_turns burst-50 "$chat_servers" chat_run burst --clients 50 --lines 1000 --seconds $cap
    in_turn $slow_turns burst-1000 "$chat_servers" chat_run burst --clients 1000 --lines 1000 --seconds $cap
    in_turn $slow_turns paced "$chat_servers" chat_run paced --clients 50 --lines $lines --pace 0.02
    in_turn $((3 * slow_turns)) trace-file "server traced" chat_run burst --clients 50 --lines 1000 --seconds $cap
    rm -f "$trace_file"
}

crowd_row() {
    more_turns=4
    in_turn 2 crowd "$crowd_servers" crowd_run crowd --clients 10000 --busy 32 --pairs $pairs --seconds $short
}

calls_rows() {
    [ "$windows" ] && return
    kernel_start wine-2 -d
    more_turns=4
    in_turn 1 calls-1 "$echo_servers" calls_run lockstep --clients 1 --lines $calls
    in_turn 1 calls-quiet "$echo_servers" calls_run lockstep --clients 1 --lines $((calls / 10)) --pace 0.003
    in_turn 1 calls-32 "$echo_servers" calls_run lockstep --clients 32 --lines $((calls / 32))
    in_turn 1 calls-connect "$echo_servers" calls_run connect --lines $((calls / 10))
    kernel_end
}

machine() {
    if [ "$windows" ]; then
        echo "$(uname -s), $(nproc) processors"
    else
        echo "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1), $(nproc) processors," \
            "$(uname -s) $(uname -r | sed 's/-.*//'), $($wine --version 2>/dev/null)"
    fi
}

cd "$top" || exit 1
for exe in "$server_exe" ${before:+"$before_exe"}; do
    [ -f "$exe" ] || { say "no $exe; run make first"; exit 1; }
done
begun=$(date +%s)
processors_choose
build_all
wine_prepare
: >"$figures"
: >"$work/kernel.log"
kernel_start wine-1
echo_rows
chat_rows
crowd_row
kernel_end
calls_rows
awk -v json="$build/bench.json" -v machine="$(machine)" -v date="$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
    -v command="make bench${quick:+-quick}" -v turns="$slow_turns" -v more_turns="$turns" -v seconds=$(($(date +%s) - begun)) \
    -v pinned="$on_kernel" -v before="$before" -f "$here/report.awk" "$figures" || failed=1
exit $failed
