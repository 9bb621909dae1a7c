#!/bin/sh
# need.sh COMMAND=PACKAGE[,PACKAGE...] ...: installs with apt the packages of those commands that are missing.
set -u
missing=
for need in "$@"; do
    command -v "${need%%=*}" >/dev/null 2>&1 || missing="$missing $(echo "${need#*=}" | tr ',' ' ')"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Missing here: the programs of these Debian packages:$missing" >&2
    echo "Please install them with your system's package manager, then run make again." >&2
    exit 1
fi
sudo=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "Missing here. As root, please run: apt-get install$missing" >&2
        exit 1
    fi
    sudo=sudo
fi
echo "Installing with ${sudo:+$sudo }apt-get:$missing"
log=$(mktemp)
if ! { $sudo apt-get update && $sudo env DEBIAN_FRONTEND=noninteractive \
       apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    echo "apt-get could not install:$missing" >&2
    exit 1
fi
rm -f "$log"
