#!/bin/sh
# dist.sh FILE ...: packs build/overlapped-io-VERSION.zip for students without a compiler: the programs, the exercises as
# programs, README, lessons and these sources. Then tries it as they would use it: unpacked into C:\수업\ on Korean
# Windows (a Wine prefix of that language, code page 949), from cmd.
set -eu
cd "$(dirname "$0")/../.."
sh tests/scripts/need.sh zip=zip unzip=unzip localedef=locales iconv=libc-bin
version=$(sed -n 's/^#define VERSION "\(.*\)"/\1/p' support/options.cpp)
name=overlapped-io-$version
out=build/windows/dist
mkdir -p "$out"

pack() {
    rm -rf "$out/$name" "build/$name.zip"
    mkdir -p "$out/$name"
    cp --parents -R README.md README.ko.md LICENSE CMakeLists.txt docs "$@" "$out/$name"
    for program in server.exe client.exe build/demo.exe build/tests.exe build/[12]-*.exe; do
        x86_64-w64-mingw32-strip "$program" -o "$out/$name/${program##*/}"
    done
    cp tests/windows/windows-report.cmd "$out/$name"
    cp -R build/exercises "$out/$name/exercises"
    x86_64-w64-mingw32-strip "$out/$name"/exercises/*/server.exe
    (cd "$out" && zip -q -r -X "../../$name.zip" "$name")
}

# ---- trying it ----

class=$PWD/build/windows/wine-ko/drive_c/수업
export LOCPATH="$PWD/build/windows/locale" LC_ALL=ko_KR.UTF-8 WINEPREFIX="$PWD/build/windows/wine-ko" WINEDEBUG=-all \
    WINEDLLOVERRIDES="mscoree,mshtml,winemenubuilder.exe,winedbg.exe="
unset DISPLAY WAYLAND_DISPLAY

prepare() {
    if [ ! -d "$LOCPATH/ko_KR.UTF-8" ]; then
        mkdir -p "$LOCPATH"
        localedef -i ko_KR -f UTF-8 "$LOCPATH/ko_KR.UTF-8"
    fi
    if [ ! -f "$WINEPREFIX/ready" ]; then
        echo "Preparing a Korean Windows in build/windows/wine-ko (once, some seconds) ..."
        mkdir -p "$WINEPREFIX"
        wineboot --init >/dev/null 2>&1 </dev/null
        : >"$WINEPREFIX/ready"
    fi
    rm -rf "$class"
    mkdir -p "$class"
    unzip -q "build/$name.zip" -d "$class"
}

# at_cmd NAME COMMAND ...: runs each as typed at the prompt, in the unpacked folder; writes the output as UTF-8 to NAME.
at_cmd() {
    to=$out/$1
    shift
    printf '@%s\r\n' "cd /d C:\\수업\\$name" "$@" 'exit %errorlevel%' | iconv -f UTF-8 -t CP949 >"$out/typed-${to##*/}.cmd"
    code=0
    wine cmd /d /c "Z:$(echo "$PWD/$out/typed-${to##*/}.cmd" | tr / '\\')" >"$to.949" 2>&1 </dev/null || code=$?
    iconv -f CP949 -t UTF-8 -c "$to.949" >"$to"
    return $code
}

fail() {
    echo "dist: $*" >&2
    cat "$out/${last:-chcp}" >&2
    wineserver -k || true
    exit 1
}

# try NAME TEXT COMMAND ...: the commands must end with 0, and their output must contain the text.
try() {
    last=$1
    text=$2
    shift 2
    for command in "$@"; do echo "C:\\수업\\$name> $command"; done
    at_cmd "$last" "$@" || fail "exit code $code"
    grep -q -e "$text" "$out/$last" || fail "no \"$text\""
}

try_all() {
    try chcp '활성 코드 페이지' chcp # in Korean
    try folder '수업' cd
    try demo '==== Act 2' 'demo.exe --fast'
    try tests ' passed, 0 failed' 'tests.exe cli_port client_converses client_crowd client_keys demo_'
    try report 'send this file to the authors' 'windows-report.cmd cli_port client_converses demo_'
    last=report # what it wrote, to be shown if something is missing
    iconv -f CP949 -t UTF-8 -c "$class/$name/windows-report.txt" >"$out/report"
    for text in 'Microsoft Windows' 'crowd of 64' '64 ' ' passed, 0 failed' '==== Act 2'; do
        grep -q -e "$text" "$out/report" || fail "windows-report.txt: no \"$text\""
    done
    [ "$(grep -c '활성 코드 페이지' "$out/report")" = 2 ] || fail "windows-report.txt: the code page is not there twice"
    last=server
    : >"$out/server.949"
    at_cmd server 'server.exe --port 0 --chat' &
    tries=0
    until grep -q 'Ctrl+C stops it' "$out/server.949"; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || fail "the server does not start"
        sleep 0.1
    done
    port=$(sed -n 's/.*:\([0-9]*\) (Ctrl+C.*/\1/p' "$out/server.949")
    try client 'you are now alice' \
        'echo /nick alice> said.txt' 'echo hello>> said.txt' "client.exe localhost $port < said.txt"
    try reset 'welcome' "echo hello| client.exe localhost $port --reset"
    grep -q 'alice: hello' "$out/server.949" || fail "the server does not show what alice said"
    wineserver -k || true
    wait
}

pack "$@"
prepare
try_all
echo "build/$name.zip: $(du -k "build/$name.zip" | cut -f1) KiB, runs in C:\\수업 of a Korean Windows under Wine"
