#!/bin/sh
# Gives the image the public archive as its package source, whatever mirror it was built from, and keeps
# documentation out of packages that are installed later, as it was kept out of the image.
set -eu
root=$1
here=$(dirname "$0")

rm -f "$root/etc/apt/sources.list" "$root"/etc/apt/sources.list.d/* "$root/etc/apt/apt.conf.d/99mmdebstrap"
cp "$here/debian.sources" "$root/etc/apt/sources.list.d/debian.sources"
chmod 0644 "$root/etc/apt/sources.list.d/debian.sources"
mv "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap" "$root/etc/dpkg/dpkg.cfg.d/no-documentation"
