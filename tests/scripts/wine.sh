#!/bin/sh
# wine.sh PROGRAM.EXE [ARGUMENT ...]: runs it under Wine, quietly, in the project's own prefix build/wine, so that the
# user's ~/.wine stays untouched. WINE_NAME names another prefix, for another language. wine.sh --end stops what Wine
# keeps running in the prefix. wine.sh --settle waits, for up to 5 s, until Wine has ended there: a program that starts
# while wineserver is ending fails ("recvmsg: Connection reset by peer").
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
export WINEPREFIX="$top/build/${WINE_NAME:-wine}" WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml,winemenubuilder.exe,winedbg.exe="
unset DISPLAY WAYLAND_DISPLAY
# Wine names files in the locale's encoding; in the C locale (a bare Debian) that is ASCII only.
[ "$(locale charmap 2>/dev/null)" = UTF-8 ] || export LC_ALL=C.UTF-8

if [ "$1" = --end ]; then
    [ ! -d "$WINEPREFIX" ] || wineserver -k >/dev/null 2>&1
    exit 0
fi
if [ "$1" = --settle ]; then
    timeout 5 wineserver -w >/dev/null 2>&1
    exit 0
fi

if [ ! -f "$WINEPREFIX/ready" ]; then
    echo "Preparing Wine in build/${WINE_NAME:-wine} (once, some seconds) ..." >&2
    mkdir -p "$WINEPREFIX"
    if ! wineboot --init >"$WINEPREFIX/log" 2>&1 </dev/null; then
        cat "$WINEPREFIX/log" >&2
        exit 1
    fi
    : >"$WINEPREFIX/ready"
fi
exec wine "$@"
