#!/bin/sh
# What every image of the Blaxel hub has: the folder that processes start in, and the program that serves the API in
# a sandbox, which is the sandbox's agent by another name (server/src/image/sandbox-api-image.ts).
set -eu
root=$1

mkdir -p "$root/blaxel"
printf '#!/.atoll/agent sandbox-api\n' >"$root/usr/local/bin/sandbox-api"
chmod 0755 "$root/usr/local/bin/sandbox-api"
