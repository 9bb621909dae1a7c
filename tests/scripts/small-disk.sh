#!/bin/sh
# small-disk.sh FOLDER: mounts a disk of 64 KiB there, for the test of a full disk; removes the folder if this user
# is not allowed to mount one. small-disk.sh --end FOLDER: unmounts it.
set -u
if [ "$1" = --end ]; then
    umount "$2" 2>/dev/null
    rmdir "$2" 2>/dev/null
    exit 0
fi
umount "$1" 2>/dev/null
mkdir -p "$1"
mount -t tmpfs -o size=64k none "$1" 2>/dev/null || rmdir "$1"
exit 0
