# What no script can install: the right system, root, Node and Go.

minimum_go=1.26
minimum_node=20

setup_machine() {
  [ "$(uname -s)" = Linux ] || fail "this is $(uname -s), not Linux" \
    "sandboxes need Linux namespaces and cgroups" \
    "use a Linux machine, or \`scripts/setup.sh npm agent\` for work on the SDK and the CLI"
  [ "$(id -u)" = 0 ] || fail "set-up does not run as root" \
    "it installs packages, builds root file systems and probes gVisor" \
    "sudo make setup; or \`scripts/setup.sh npm agent\` for work on the SDK and the CLI"
  command -v apt-get >/dev/null || fail "no apt-get on this machine" \
    "set-up knows Debian and Ubuntu only" \
    "use one of them, or install the packages of scripts/setup/packages.sh by hand"
  case $(uname -m) in
    x86_64 | aarch64) ;;
    *) fail "the processor is $(uname -m)" "gVisor exists for x86_64 and aarch64" "use a machine with one of them" ;;
  esac
  need_node
  need_go
}

need_node() {
  local found
  found=$(node --version 2>/dev/null || true)
  found=${found#v}
  [ -n "$found" ] || fail "no node on PATH" "the npm dependencies need Node ≥ $minimum_node to install" \
    "install it from https://nodejs.org or with your package manager"
  at_least "$found" "$minimum_node" || fail "node on PATH is $found" "Node ≥ $minimum_node is needed" \
    "install a newer one from https://nodejs.org and put it first on PATH"
  command -v npm >/dev/null || fail "no npm on PATH" "Node $found was installed without it" \
    "apt-get install npm, or install Node from https://nodejs.org"
}

need_go() {
  local found
  found=$(go env GOVERSION 2>/dev/null || true)
  found=${found#go}
  [ -n "$found" ] || fail "no go on PATH" "the agent and gVisor are built with Go ≥ $minimum_go" \
    "install it from https://go.dev/dl (unpacked to /usr/local/go it is found without PATH)"
  at_least "$found" "$minimum_go" || fail "go on PATH is $found" "Go ≥ $minimum_go is needed" \
    "install a newer one from https://go.dev/dl and put it first on PATH"
}

# at_least FOUND WANTED: compares versions like 1.26.8.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }
