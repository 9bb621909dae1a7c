#!/bin/sh
# clang-cl.sh check  compiles all programs as Visual Studio does, as C++14 (its default), C++20 and C11, with /W4 /WX: clang
#                    in cl's mode defines _MSC_VER and takes cl's options. Headers, import libraries and the Universal C
#                    runtime are those of Debian's libwine-dev. This cannot replace Microsoft's own headers and compiler.
# clang-cl.sh link   also links them, into build/msvc/LANGUAGE
set -eu
cd "$(dirname "$0")/../.."
top=$PWD out=build/msvc
sh tests/scripts/need.sh clang=clang lld-link=lld
headers=/usr/include/wine/wine libraries=/usr/lib/x86_64-linux-gnu/wine/x86_64-windows
[ -d $headers ] && [ -d $libraries ] || sh tests/scripts/need.sh no-such-command=libwine-dev

server=$(ls ./*.cpp chat/*.cpp support/*.cpp 2>/dev/null) || true
tests=$(ls tests/suites/*.c tests/harness/*.c)
steps=$(ls docs/steps/*.c)
all="$server $tests $steps $(ls tests/client/*.c) tests/demo/demo.c"

mkdir -p $out/lib
for library in ws2_32 kernel32 ntdll ucrtbase iphlpapi psapi user32 advapi32; do
    ln -sf $libraries/lib$library.a $out/lib/$library.lib
done

# Supplies what Wine's headers lack: a macro, a function, a const, and the type that another macro has in Microsoft's.
cat >$out/gaps.h <<'H'
#include <winsock2.h>
#include <ws2tcpip.h>
#ifndef IN6_IS_ADDR_V4MAPPED
static __inline int gap_v4mapped(const IN6_ADDR *address)
{
    static const unsigned char prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    int i = 0;
    while (i < 12 && ((const unsigned char *)address)[i] == prefix[i]) i++;
    return i == 12;
}
#define IN6_IS_ADDR_V4MAPPED gap_v4mapped
#endif
#define inet_ntop(family, address, text, size) inet_ntop(family, (void *)(address), text, size)
#ifdef __cplusplus
extern "C"
#endif
WINBASEAPI BOOL WINAPI GetProcessHandleCount(HANDLE, DWORD *);
#undef SO_EXCLUSIVEADDRUSE
#define SO_EXCLUSIVEADDRUSE ((int)~SO_REUSEADDR)
H
printf 'int _fltused = 1;\n' >$out/start.c

cl="clang --driver-mode=cl --target=x86_64-pc-windows-msvc /nologo $([ "${1:-check}" = link ] && echo /c /O2 || echo /Zs) /W4 /WX /GS- /Zl -D_UCRT -DWINE_UNICODE_NATIVE
    -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wvla
    -Wno-unused-command-line-argument
    -imsvc $headers/msvcrt -imsvc $headers/windows -D_InterlockedCompareExchange128=wine_names_a_builtin
    /FI$top/$out/gaps.h"
cl=$(echo $cl) # in one line

compile() { # LANGUAGE OPTION ...
    folder=$out/$1
    shift
    mkdir -p "$folder"
    printf '%s\n' $all | xargs -P "$(nproc)" -I '{}' sh -c \
        "$cl $* '{}' /Fo$folder/\$(basename '{}' | sed 's/\.[a-z]*\$//').obj"
}

link() { # FOLDER PROGRAM SOURCE ...
    folder=$1 program=$2
    shift 2
    objects=
    for source in "$@"; do objects="$objects $folder/$(basename "${source%.*}").obj"; done
    lld-link /nologo "/out:$folder/$program.exe" /subsystem:console /entry:mainCRTStartup "/libpath:$out/lib" $objects \
        $out/start.obj ws2_32.lib ucrtbase.lib kernel32.lib ntdll.lib iphlpapi.lib psapi.lib
}

clang --driver-mode=cl --target=x86_64-pc-windows-msvc /nologo /c /Zl $out/start.c /Fo$out/start.obj
for language in c++14 c++20 c11; do
    mode=/TP
    [ $language != c11 ] || mode=/TC
    compile $language $mode /std:$language
    if [ "${1:-check}" = link ]; then
        folder=$out/$language
        link $folder server $server
        link $folder tests $tests
        link $folder client tests/client/*.c
        link $folder demo tests/demo/demo.c tests/harness/server.c tests/harness/clients.c
        for step in $steps; do link $folder "$(basename "$step" .c)" "$step"; done
    fi
    echo "cl's mode, $language: $(echo $all | wc -w) files"
done
