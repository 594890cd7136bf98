# Programs that only tests need: the image tools that people use with a registry, sshd, and a browser. Nothing of Atoll
# calls them.

readonly CRANE_VERSION=v0.20.6

setup_test-tools() {
  local crane="$repo/.compat/crane-$CRANE_VERSION"
  if command -v skopeo >/dev/null && [ -x "$crane/crane" ] && has_browser && has_sshd; then
    outcome='ok, cached'
    return
  fi
  install_skopeo
  install_sshd
  has_browser || install_browser
  [ -x "$crane/crane" ] || build_crane "$crane"
}

install_skopeo() {
  if command -v skopeo >/dev/null; then return; fi
  note 'installing skopeo'
  export DEBIAN_FRONTEND=noninteractive
  logged apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 update || true
  logged apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends skopeo || fail \
    'cannot install skopeo' 'apt-get ended with an error' 'repair the package sources of this machine, then run it again'
}

# Where services are started its package starts one, which is the owner's to decide: without it the tests of repositories
# over SSH are left out.
has_sshd() {
  [ -x /usr/sbin/sshd ] || [ -d /run/systemd/system ]
}

install_sshd() {
  if has_sshd; then return; fi
  note 'installing sshd'
  export DEBIAN_FRONTEND=noninteractive
  logged apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 update || true
  logged apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends openssh-client openssh-server ||
    note 'there is no package of sshd here'
}

# The names that test/fixtures/browser.ts looks for.
has_browser() {
  command -v chromium-headless-shell chromium chromium-browser google-chrome >/dev/null
}

# Not every distribution has it as a package; without it the tests of pages in a browser say so and are left out.
install_browser() {
  note 'installing a browser without a window'
  export DEBIAN_FRONTEND=noninteractive
  logged apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 update || true
  logged apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends chromium-headless-shell ||
    note 'there is no package of Chromium here'
}

build_crane() {
  note 'building crane'
  mkdir -p "$repo/.compat"
  local temp
  temp=$(mktemp -d "$repo/.compat/crane.XXXXXX")
  GOBIN="$temp" logged go install -ldflags='-s -w' "github.com/google/go-containerregistry/cmd/crane@$CRANE_VERSION" || fail \
    'cannot build crane' 'go install ended with an error' 'see the end of the log; the Go module proxy has to be reachable'
  chmod 0755 "$temp"
  mv "$temp" "$1"
}
