#!/usr/bin/env bash
# Makes this machine and this checkout ready: whatever is there already is left alone, so it can run again at
# any time. Everything grows under a temporary name and is renamed when it is complete.
set -Eeuo pipefail

usage() {
  cat <<'TEXT'
usage: scripts/setup.sh [--refresh-images] [STEP…]

Without a STEP all of them run, in this order:
  machine    checks that this machine can run Atoll at all
  packages   installs missing packages of the system (crun, runc, iproute2, nftables, mmdebstrap …)
  npm        installs the npm dependencies of the lockfile
  agent      builds the agent that runs in every sandbox
  console    builds the web console
  runsc      finds, downloads or builds gVisor
  images     builds the base images

Only when named:
  test-tools  brings skopeo and crane, which tests push and pull with, and a browser
  bench-tools builds the image with Docker and BuildKit, which builds are compared with

--refresh-images  builds the base images again, with the current packages of the distribution

Without root, `scripts/setup.sh npm agent` prepares work on the SDK, the CLI and the fake runtime.

ATOLL_CACHE_DIR                runsc and base images (default: ~/.cache/atoll)
ATOLL_RUNSC_ORIGIN             path, release or module: take runsc from there only
ATOLL_DEBIAN_MIRROR, ATOLL_DEBIAN_SECURITY_MIRROR
                               where the Debian base image takes its packages from
TEXT
}

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${ATOLL_CACHE_DIR:-${HOME:-/root}/.cache/atoll}
build="$repo/.build"
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/go/bin"
refresh_images=
steps=()

for argument in "$@"; do
  case $argument in
    --help | -h) usage && exit 0 ;;
    --refresh-images) refresh_images=yes ;;
    machine | packages | npm | agent | console | runsc | images | test-tools | bench-tools) steps+=("$argument") ;;
    *)
      echo "unknown argument: $argument" >&2
      usage >&2
      exit 2
      ;;
  esac
done
if [ ${#steps[@]} -eq 0 ]; then steps=(machine packages npm agent console runsc images); fi

for part in progress lock machine packages npm agent console runsc images test-tools bench-tools; do
  # shellcheck source=/dev/null
  source "$repo/scripts/setup/$part.sh"
done

begin_setup
for step in "${steps[@]}"; do run_step "$step"; done
end_setup
