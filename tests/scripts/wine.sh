#!/bin/sh
# wine.sh PROGRAM.EXE [ARGUMENT ...]: runs it under Wine, quietly, in the project's own prefix build/wine, so that the
# user's ~/.wine stays untouched. PREFIX names another, for another language. wine.sh --end stops what Wine keeps running in that prefix.
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

# By default wineserver ends with the last program (Debian) or 3 s later, and a program that starts at that moment fails:
# "recvmsg: Connection reset by peer". Tests start many programs seconds apart, so it is told to stay longer.
keep_wineserver() {
    wineserver -p30 >/dev/null 2>&1 </dev/null || true # it runs already
}

if [ ! -f "$WINEPREFIX/ready" ]; then
    echo "Preparing Wine in build/${WINE_NAME:-wine} (once, some seconds) ..." >&2
    mkdir -p "$WINEPREFIX"
    keep_wineserver
    if ! wineboot --init >"$WINEPREFIX/log" 2>&1 </dev/null; then
        cat "$WINEPREFIX/log" >&2
        exit 1
    fi
    : >"$WINEPREFIX/ready"
fi
keep_wineserver
exec wine "$@"
