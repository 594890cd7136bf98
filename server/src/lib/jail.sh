#!/bin/sh
# Runs a program that sees one directory of the host, at /target, and nothing else:
#   jail.sh EMPTY_DIR TARGET ro|rw CAPABILITIES PROGRAM [ARGUMENT...]
# Runs as root in mount, network and pid namespaces of its own. The new root holds the host's programs
# and libraries read-only, and TARGET without device access or programs. The mounts end with the process.
set -eu
jail=$1
target=$2
access=$3
capabilities=$4
shift 4
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
umask 022

mount -t tmpfs -o mode=0755,size=64k jail "$jail"
for dir in usr bin sbin lib lib32 lib64 libx32; do
  if [ -L "/$dir" ]; then
    cp -P "/$dir" "$jail/$dir"
  elif [ -d "/$dir" ]; then
    mkdir "$jail/$dir"
    mount --bind "/$dir" "$jail/$dir"
    mount -o remount,bind,ro "$jail/$dir"
  fi
done
mkdir "$jail/target"
mount --bind "$target" "$jail/target"
mount -o "remount,bind,$access,nosuid,nodev,noexec" "$jail/target"
mkdir "$jail/host" "$jail/proc"
cd "$jail"
pivot_root . host
# umount(8) finds mounts by /proc, which is of no use to anything afterwards.
mount -t proc proc /proc
umount --lazy /host
mount -o remount,ro /
umount --lazy /proc

exec setpriv --no-new-privs --inh-caps=-all --bounding-set="-all$capabilities" "$@"
