#!/bin/sh
# demo.sh: a lesson in ten seconds. A server that tells every step of its Overlapped I/O and a client that says hello,
# then a chat room with two. Needs server.exe and client.exe, types nothing, and ends by itself.
set -u
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d) || exit 1
wine='sh tests/scripts/wine.sh'
[ "${OS:-}" = Windows_NT ] && wine=
pause=0
[ -t 1 ] && [ -f build/wine/ready ] && pause=0.6 # time to read, if somebody does, and Wine has not just cost it
[ -z "$wine" ] || $wine --version >/dev/null || exit 1 # prepares it, the first time
server='' clients=''
bold='' yellow='' green='' blue='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    escape=$(printf '\033')
    bold="$escape[1m" yellow="$escape[33m" green="$escape[32m" blue="$escape[34m" plain="$escape[0m"
fi

clean_up() {
    for process in $server $clients; do kill "$process" 2>/dev/null; done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

fail() {
    echo "demo: $*" >&2
    cat "$work"/* >&2
    exit 1
}

act() {
    printf '\n%s==== %s%s\n' "$bold" "$1" "$plain"
}

note() {
    sleep $pause
    printf '%s-- %s%s\n' "$bold" "$1" "$plain"
}

paint() {
    sed -e 's/\r$//' \
        -e "/WSA_IO_PENDING/{s/.*/$yellow&$plain/;b" -e '}' \
        -e "/-> TRUE\|finished at once/{s/.*/$green&$plain/;b" -e '}' \
        -e "/WSAWait\|WSA_WAIT/{s/.*/$blue&$plain/;b" -e '}' \
        -e "/ echo_[a-z]*(/{s/.*/$bold&$plain/;b" -e '}'
}

# show NAME [WHO]: what is new in the output of NAME, with WHO in front.
show() {
    seen=$(cat "$work/$1.seen" 2>/dev/null || echo 0)
    lines=$(wc -l <"$work/$1")
    [ "$lines" -gt "$seen" ] && sed -n "$((seen + 1)),${lines}s/^/${2:-}/p" "$work/$1" | paint
    echo "$lines" >"$work/$1.seen"
}

# await NAME PATTERN [COUNT]: until so many lines of the output of NAME have it.
await() {
    tries=0
    until [ "$(grep -c -e "$2" "$work/$1")" -ge "${3:-1}" ]; do
        tries=$((tries + 1))
        [ $tries -lt 80 ] || fail "no \"$2\" from $1"
        sleep 0.1
    done
}

server_start() {
    : >"$work/server"
    rm -f "$work/server.seen"
    $wine ./server.exe --port 0 --bind 127.0.0.1 "$@" >"$work/server" 2>&1 </dev/null &
    server=$!
    await server 'Ctrl+C stops it'
    port=$(sed -n 's/.*:\([0-9]*\) (Ctrl+C.*/\1/p' "$work/server")
}

server_stop() {
    kill -INT "$server"
    await server '^stopped: '
    wait "$server" || fail "the server ended with exit code $?"
    server=''
}

# its_turn FILE COUNT: until the file has so many lines, or the demo is over.
its_turn() {
    while [ -f "$1" ] && [ "$(wc -l <"$1")" -lt "$2" ]; do sleep 0.1; done
}

# client NAME LINE ...: sends a line each time that say NAME is called, and leaves when it is called once more.
client() {
    name=$1
    shift
    : >"$work/$name"
    : >"$work/$name.turn"
    {
        turn=0
        for line in "$@"; do
            turn=$((turn + 1))
            its_turn "$work/$name.turn" $turn
            printf '%s\n' "$line"
        done
        its_turn "$work/$name.turn" $((turn + 1))
    } 2>/dev/null | $wine ./client.exe 127.0.0.1 "$port" >"$work/$name" 2>&1 &
    clients="$clients $!"
}

say() {
    echo . >>"$work/$1.turn"
}

act 'Act 1: one message through the echo server; server.exe --trace tells every step'
server_start --trace
await server 'WSAWaitForMultipleEvents'
show server
note 'a client connects'
client client hello
await server 'WSARecv(.*WSA_IO_PENDING'
await server 'WSAWaitForMultipleEvents(2 events'
show server
note 'it sends "hello"'
say client
await server 'WSAWaitForMultipleEvents(2 events' 2
await client hello
show server
show client 'the client got: '
note 'it leaves'
say client
await server 'session is freed'
await server 'WSAWaitForMultipleEvents(1 event' 2
show server
note 'Ctrl+C'
server_stop
show server

act 'Act 2: server.exe --chat, one thread for all; two clients talk'
server_start --chat
show server
client alice '/nick alice' 'hello bob, who serves us?' '/quit see you'
await alice welcome
say alice
await alice 'you are now alice'
show server
show alice 'alice  | '
note 'bob comes'
client bob '/nick bob' 'one thread: it sleeps until one of our events is signalled' '/me waves'
await bob welcome
say bob
await alice 'is now bob'
await bob 'you are now bob'
show server
show alice 'alice  | '
show bob 'bob    | '
note 'alice asks, bob answers, and waves'
say alice
await bob 'who serves us'
say bob
await alice signalled
say bob
await alice waves
show server
show alice 'alice  | '
show bob 'bob    | '
note 'alice leaves, then the server stops'
say alice
await bob 'see you'
server_stop
sleep 0.2
say bob
show server
show bob 'bob    | '
