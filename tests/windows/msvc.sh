#!/bin/sh
# msvc.sh FILE ...: finds what Visual Studio's compiler would reject or warn about in these sources, but clang in its
# mode (clang-cl.sh) would not. A new project compiles with /W3 /sdl, as C++14; the README's cl line with /W4, as C11.
set -u
cd "$(dirname "$0")/../.." || exit 1
bad=0

complain() {
    echo "check-msvc: $*" >&2
    bad=1
}

# Prints the file without comments and quoted text.
code_of() {
    x86_64-w64-mingw32-gcc -fpreprocessed -dD -E -P -x c "$1" | sed 's/"\([^"\\]\|\\.\)*"/""/g'
}

# 1. Extensions that GCC and clang accept in any mode, but Microsoft's compiler does not.
no_gnu() {
    found=$(code_of "$1" | grep -E '__attribute__|__extension__|__builtin_|__typeof|__sync_|__asm__|#pragma (GCC|clang)')
    [ -z "$found" ] || complain "$1: only GCC and clang know this: $found"
}

# 2. C4310: a constant cast to char that is too large for it; named constants are assumed to be large.
no_large_char() {
    found=$(code_of "$1" | grep -E '\((CHAR|char)\) *\(?(0x[89A-Fa-f][0-9A-Fa-f]|1[3-9][0-9]|12[89]|2[0-9][0-9]|[A-Z][A-Z_0-9]+\b[^(])')
    [ -z "$found" ] || complain "$1: C4310, a constant that char cannot hold: $found"
}

# 3. C4204 in C: an aggregate initialized with a value that is not constant, which C allows only from C99 on.
only_constants() {
    found=$(clang --target=x86_64-w64-mingw32 -x c -std=c89 -Wc99-extensions -fsyntax-only "$1" 2>&1 \
        | grep 'initializer for aggregate is not a compile-time constant')
    [ -z "$found" ] || complain "$1: C4204: $found"
}

# 4. /sdl turns C4996 into an error: functions that Microsoft calls unsafe or deprecated. A file that calls one must
#    define _CRT_SECURE_NO_WARNINGS, or _WINSOCK_DEPRECATED_NO_WARNINGS, after _MSC_VER and before any include, or
#    first include a header that does.
unsafe='strcpy|strcat|strncpy|strncat|v?sprintf|f?scanf|sscanf|fopen|freopen|tmpfile|tmpnam|getenv|strtok|strerror'
unsafe="$unsafe|localtime|gmtime|ctime|asctime|mbstowcs|wcstombs|wcscpy|wcscat|wcsncpy|_snprintf|_vsnprintf|_wfopen|_open"
unsafe="$unsafe|itoa|strdup|stricmp|strnicmp|strupr|strlwr|memicmp|getch|open|read|close|unlink"
old='inet_addr|inet_ntoa|gethostbyname|gethostbyaddr|WSASocketA|WSAStringToAddressA|WSAAddressToStringA|GetVersion(Ex[AW]?)?'

defines() { # FILE MACRO
    awk -v macro="$2" '
        /^ *#if(def)? .*_MSC_VER/ { inside = 1 }
        /^ *#endif/ { inside = 0 }
        /^ *#include/ { exit }
        inside && $1 == "#define" && $2 == macro { found = 1 }
        END { exit !found }' "$1"
}

# Succeeds if the file defines it, or if its first include, one of the project's, does.
defines_first() { # FILE MACRO
    at=$1
    until defines "$at" "$2"; do
        header=$(sed -n '/^#include/{s/^#include "\(.*\)".*/\1/p;q}' "$at")
        [ -n "$header" ] || return 1
        at=$(dirname "$at")/$header
    done
}

no_unsafe() { # FILE FUNCTIONS MACRO
    calls=$(code_of "$1" | grep -oE "\b($2)\(" | tr -d '(' | sort -u | tr '\n' ' ')
    [ -z "$calls" ] || defines_first "$1" "$3" \
        || complain "$1: C4996, an error with /sdl; $3 is not defined before the first include: $calls"
}

# 5. C4702: unreachable code, after a call that does not return.
no_unreachable() {
    found=$(awk '/ExitProcess\(/ && !/\/\*.*ExitProcess/ { at = FNR } at && FNR == at + 1 && /(return|break|;)/ { print FNR ":" $0 }' "$1")
    [ -z "$found" ] || complain "$1: C4702, never reached: $found"
}

for file in "$@"; do
    no_unreachable "$file"
    no_gnu "$file"
    no_large_char "$file"
    only_constants "$file"
    no_unsafe "$file" "$unsafe" _CRT_SECURE_NO_WARNINGS
    no_unsafe "$file" "$old" _WINSOCK_DEPRECATED_NO_WARNINGS
done
for file in Overlapped.h tests/harness/*.h; do
    no_gnu "$file"
done
[ $bad = 0 ] && echo "what Visual Studio would refuse: $# files"
exit $bad
