#!/bin/sh
# telnet.sh [SERVER_EXE]: drives the real telnet, through expect, against the server under Wine.
# WINE is the command that runs it; by default tests/scripts/wine.sh. Ends with 0 if all was well; every wait has a
# limit.
set -u
here=$(cd "$(dirname "$0")" && pwd)
server=${1:-$here/../../server.exe}
dir=$(mktemp -d)
pid=
guard=

finish() {
    [ -z "$guard" ] || kill "$guard" 2>/dev/null
    [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM

fail() {
    echo "FAILED telnet $*"
    sed 's/^/    its stdout: /' "$dir/out"
    sed 's/^/    its stderr: /' "$dir/err"
    exit 1
}

# must_print PATTERN WHAT: waits up to 10 s for a line on the server's console.
must_print() {
    tries=0
    until grep -Eq "$1" "$dir/out"; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || fail "$2: not on the console"
        sleep 0.1
    done
    echo "ok telnet $2"
}

if [ -n "${WINE:-}" ]; then
    $WINE "$server" --echo --port 0 >"$dir/out" 2>"$dir/err" </dev/null &
else
    sh "$here/wine.sh" "$server" --echo --port 0 >"$dir/out" 2>"$dir/err" </dev/null &
fi
pid=$!

# The first start under Wine may take a while.
tries=0
listening='s/^echo server listening on .*:\([0-9][0-9]*\) (Ctrl+C stops it).*/\1/p'
until port=$(sed -n "$listening" "$dir/out") && [ -n "$port" ]; do
    tries=$((tries + 1))
    [ $tries -lt 600 ] && kill -0 "$pid" 2>/dev/null || fail "server: it does not listen"
    sleep 0.1
done
echo "ok telnet finds the server at port $port"

timeout -k 5 60 expect "$here/telnet.exp" "$port" || fail "conversation"
must_print ' #1 .* connected \(1 client\)' "is announced on the console"
# 17 and 24 characters, and CR LF after each
must_print ' #1 .* left \(0 clients\): in 45 bytes, out 45 bytes, closed by the client' "is seen off"

kill -INT "$pid"
(
    tries=0
    while [ $tries -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -KILL "$pid"
) 2>/dev/null &
guard=$!
wait "$pid"
code=$?
pid=
[ $code -eq 0 ] || fail "Ctrl+C: exit code $code"
must_print '^stopped: 1 client served, at most 1 at once, 45 bytes in, 45 bytes out' "totals after Ctrl+C"

expect "$here/chat.exp" "$server" || exit 1
