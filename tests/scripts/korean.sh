#!/bin/sh
# korean.sh TESTS.EXE SERVER.EXE: the tests of Korean Windows, where the machine's own code pages are 949. Wine takes
# them from the locale when it makes a prefix, so this has a prefix of its own.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$here/../../build
[ -f /usr/share/i18n/locales/ko_KR ] || sh "$here/need.sh" no-such-command=locales || exit 1
export LOCPATH="$build/locale" PREFIX="$build/wine-korean"
if [ ! -d "$LOCPATH/ko_KR.UTF-8" ]; then
    mkdir -p "$LOCPATH"
    localedef -i ko_KR -f UTF-8 "$LOCPATH/ko_KR.UTF-8" || exit 1
fi
LC_ALL=ko_KR.UTF-8 sh "$here/wine.sh" "$1" "$2" korea
code=$?
sh "$here/wine.sh" --end
exit $code
