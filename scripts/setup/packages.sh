# Packages of the system, installed only if what they bring is missing: a tool from elsewhere on PATH counts.

setup_packages() {
  local missing
  missing=$(missing_packages)
  if [ -z "$missing" ]; then
    outcome='ok, cached'
    return
  fi
  note "installing $(echo "$missing" | xargs)"
  export DEBIAN_FRONTEND=noninteractive
  # A broken third-party source must not stop what the others can give: the install is what counts.
  logged apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 update || true
  # shellcheck disable=SC2086
  logged apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 install --yes --no-install-recommends $missing || fail \
    "cannot install: $(echo "$missing" | xargs)" "apt-get ended with an error" \
    "repair the package sources of this machine, then run it again"
}

missing_packages() {
  need_tool ip iproute2
  need_tool nft nftables
  need_tool mmdebstrap mmdebstrap
  need_tool tar tar
  need_tool mkfs.ext4 e2fsprogs
  need_tool mount mount
  need_tool unshare util-linux
  need_tool sysctl procps
  need_tool conntrack conntrack
  need_tool curl curl
  need_file /etc/ssl/certs/ca-certificates.crt ca-certificates
  need_file /usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
  # Either will do. Where there is none both come: older versions of crun refuse hybrid cgroup hierarchies.
  if ! command -v crun >/dev/null && ! command -v runc >/dev/null; then echo crun runc; fi
}

need_tool() { command -v "$1" >/dev/null || echo "$2"; }
need_file() { [ -s "$1" ] || echo "$2"; }
