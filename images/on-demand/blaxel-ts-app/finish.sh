#!/bin/sh
# What every image made from Debian's archive needs.
exec "$(dirname "$0")/../../debian-minimal/finish.sh" "$@"
