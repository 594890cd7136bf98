#!/bin/sh
# Adds what Docker needs in a sandbox.
set -eu
root=$1
here=$(dirname "$0")

"$here/../blaxel.sh" "$root"
ATOLL_RECIPE=docker "$here/../docker/setup.sh" "$root"
