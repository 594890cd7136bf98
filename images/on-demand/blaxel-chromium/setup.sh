#!/bin/sh
# Adds the program that the sandbox starts.
set -eu
root=$1
here=$(dirname "$0")

"$here/../blaxel.sh" "$root"
install -m 0755 "$here/start-chromium" "$root/usr/local/bin/start-chromium"
