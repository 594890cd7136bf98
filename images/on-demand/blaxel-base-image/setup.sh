#!/bin/sh
# What every image of the Blaxel hub has.
exec "$(dirname "$0")/../blaxel.sh" "$@"
