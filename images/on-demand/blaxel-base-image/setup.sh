#!/bin/sh
# The folder that processes start in.
set -eu
mkdir -p "$1/blaxel"
