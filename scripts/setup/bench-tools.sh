# What benchmarks compare with: Docker with BuildKit, as an image in the cache, never installed on this machine.

setup_bench-tools() {
  local docker="$cache/on-demand/docker"
  current_node || fail "no Node ≥ 22.18 for images/on-demand/build.ts" "the npm step has not run" "scripts/setup.sh npm bench-tools"
  mkdir -p "$cache/on-demand"
  note "building (about two minutes)"
  logged flock --no-fork "$docker.lock" "$node24" --disable-warning=ExperimentalWarning \
    "$repo/images/on-demand/build.ts" --cache "$docker" --recipe tensorlake/docker || fail \
    "the image with Docker cannot be built" "see the end of the log" \
    "check that the package archive can be reached (ATOLL_DEBIAN_MIRROR names another), then run it again"
  outcome=ok
}
