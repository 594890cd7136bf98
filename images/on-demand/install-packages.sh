#!/bin/sh
# As for every image that is made from a distribution's own, then as the recipe (ATOLL_RECIPE) wants it.
set -eu
root=$2
here=$(dirname "$0")

"$here/../install-packages.sh" "$@"
rm -f "$root/usr/sbin/policy-rc.d"
"$here/$ATOLL_RECIPE/setup.sh" "$root"
