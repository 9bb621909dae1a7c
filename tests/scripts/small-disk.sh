#!/bin/sh
# small-disk.sh FOLDER: a disk of 64 KiB there, for the test of a full disk, if this user may mount one; not more than a
# remark if not. small-disk.sh --end FOLDER: takes it away.
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
