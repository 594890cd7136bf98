#!/bin/sh
# Customises the root file system of an image that is built on demand: as every base image, then as its recipe
# (ATOLL_RECIPE) wants it. These images start services, so installing one later may start it.
set -eu
root=$1
here=$(dirname "$0")

"$here/../customize.sh" "$root"
rm -f "$root/usr/sbin/policy-rc.d"
"$here/$ATOLL_RECIPE/setup.sh" "$root"
