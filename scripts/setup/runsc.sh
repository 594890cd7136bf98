# gVisor's runsc, in this order: a new enough one on PATH, an official release, a build of the pinned module.
# Distributions ship versions that fail on current kernels, hence the minimum.

minimum_release=20260101
release_url=https://storage.googleapis.com/gvisor/releases/release/latest
runsc_dir="$cache/runsc"

setup_runsc() {
  mkdir -p "$runsc_dir"
  rm -rf "$runsc_dir"/.partial*
  pinned=$(sed -n 's/.*gvisor.dev\/gvisor \(v[^ ]*\).*/\1/p' "$repo/scripts/runsc/go.mod")
  if runsc_recorded || adopt_pinned; then
    outcome="ok, cached; $(recorded version) from $(recorded origin)"
    return
  fi
  local origin
  for origin in ${ATOLL_RUNSC_ORIGIN:-path release module}; do
    if "runsc_from_$origin"; then
      outcome="ok; $(recorded version) from $(recorded origin)"
      return
    fi
  done
  fail "no usable runsc" "tried: ${ATOLL_RUNSC_ORIGIN:-path release module}" \
    "install gVisor (https://gvisor.dev/docs/user_guide/install), or give access to the Go module proxy"
}

# The record is written after the binary. One from the pinned module is replaced when the pin moves.
runsc_recorded() {
  [ -x "$runsc_dir/runsc" ] && [ -s "$runsc_dir/version.json" ] || return 1
  case ${ATOLL_RUNSC_ORIGIN:-} in '' | "$(recorded origin)") ;; *) return 1 ;; esac
  [ "$(recorded origin)" != module ] || [ "$(recorded version)" = "$pinned" ]
}

recorded() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" "$runsc_dir/version.json"; }

# A binary without a record whose build information names the pinned module.
adopt_pinned() {
  [ -x "$runsc_dir/runsc" ] && go version -m "$runsc_dir/runsc" 2>/dev/null | grep -qF "$pinned" || return 1
  probe_runsc "$runsc_dir/runsc" && record_runsc "$pinned" module
}

runsc_from_path() {
  local found version
  found=$(command -v runsc) || return 1
  version=$(release_of "$found") || return 1
  probe_runsc "$found" || return 1
  # A copy: an upgrade of the system must not change what running and suspended sandboxes refer to.
  cp --reflink=auto -L "$found" "$runsc_dir/.partial" || return 1
  install_runsc "$version" path
}

runsc_from_release() {
  local base version
  base="$release_url/$(uname -m)"
  logged curl --fail --silent --show-error --location --connect-timeout 4 --max-time 20 \
    --output "$runsc_dir/.partial.sha512" "$base/runsc.sha512" || return 1
  note 'downloading the official release'
  logged curl --fail --silent --show-error --location --connect-timeout 4 --max-time 600 \
    --output "$runsc_dir/.partial" "$base/runsc" || return 1
  if [ "$(sha512sum <"$runsc_dir/.partial" | cut -d' ' -f1)" != "$(cut -d' ' -f1 "$runsc_dir/.partial.sha512")" ]; then
    fail "the runsc of $base does not match its checksum" "the download is damaged or was tampered with" \
      "run it again; if it stays so: ATOLL_RUNSC_ORIGIN=module make setup"
  fi
  chmod 0755 "$runsc_dir/.partial"
  version=$(release_of "$runsc_dir/.partial") || return 1
  probe_runsc "$runsc_dir/.partial" || return 1
  install_runsc "$version" release
}

runsc_from_module() {
  note "building $pinned (2 to 4 minutes)"
  (cd "$repo/scripts/runsc" && CGO_ENABLED=0 logged go build -trimpath -ldflags '-s -w' \
    -o "$runsc_dir/.partial" gvisor.dev/gvisor/runsc) || return 1
  probe_runsc "$runsc_dir/.partial" || fail "runsc $pinned does not run a sandbox on this machine" \
    "see the end of the log" "atoll doctor says what is missing"
  install_runsc "$pinned" module
}

# Prints the release of a binary; fails if it is too old or names none.
release_of() {
  local version
  version=$("$1" --version 2>/dev/null | sed -n 's/^runsc version \(release-[0-9]*[.0-9]*\).*/\1/p')
  [ -n "$version" ] && [ "${version:8:8}" -ge "$minimum_release" ] && echo "$version"
}

# A whole sandbox from start to end: a version number does not say that it works on this kernel.
probe_runsc() { logged timeout 30 "$1" --network=none --ignore-cgroups do true; }

install_runsc() {
  chmod 0755 "$runsc_dir/.partial" &&
    rm -f "$runsc_dir/version.json" &&
    mv "$runsc_dir/.partial" "$runsc_dir/runsc" &&
    record_runsc "$1" "$2"
}

record_runsc() {
  printf '{ "version": "%s", "origin": "%s", "sha256": "%s" }\n' "$1" "$2" \
    "$(sha256sum <"$runsc_dir/runsc" | cut -d' ' -f1)" >"$runsc_dir/.partial.json" &&
    mv "$runsc_dir/.partial.json" "$runsc_dir/version.json"
}
