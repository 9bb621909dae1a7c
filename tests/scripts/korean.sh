#!/bin/sh
# korean.sh PROGRAM.EXE [ARGUMENT ...]: like wine.sh, but as on Korean Windows, with code page 949. Its prefix is
# build/wine-ko, and its locale is made in build/locale. korean.sh --end stops what Wine keeps running there.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
export WINE_NAME=wine-ko LOCPATH="$top/build/locale" LC_ALL=ko_KR.UTF-8

if [ "$1" != --end ] && [ ! -d "$LOCPATH/$LC_ALL" ]; then
    [ -f /usr/share/i18n/locales/ko_KR ] || sh "$top/tests/scripts/need.sh" no-such-command=locales
    mkdir -p "$LOCPATH"
    localedef -i ko_KR -f UTF-8 "$LOCPATH/$LC_ALL"
fi
exec sh "$top/tests/scripts/wine.sh" "$@"
