#!/bin/sh
# Turns a Debian or Ubuntu root file system into a base image: the sandbox user, its workspace, and settings
# that suit a container. Called with the root file system's folder once the packages are installed.
set -eu
root=$1

# Ubuntu's own images come with a user of id 1000.
old=$(chroot "$root" getent passwd 1000 | cut -d: -f1) || old=
if [ -n "$old" ] && [ "$old" != tl-user ]; then chroot "$root" userdel --remove "$old" 2>/dev/null; fi
if ! chroot "$root" getent group 1000 >/dev/null; then chroot "$root" groupadd --gid 1000 tl-user; fi
if ! chroot "$root" getent passwd tl-user >/dev/null; then
  chroot "$root" useradd --uid 1000 --gid 1000 --groups sudo --create-home --shell /bin/bash tl-user
fi
echo 'tl-user ALL=(ALL:ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/tl-user"
chmod 0440 "$root/etc/sudoers.d/tl-user"
mkdir -p "$root/workspace"
chown 1000:1000 "$root/workspace"

# Packages bring daemons that must not start while they are installed: there is no init to start them.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"
echo 'force-unsafe-io' >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
echo 'Acquire::Languages "none";' >"$root/etc/apt/apt.conf.d/no-languages"
echo 'LANG=C.UTF-8' >"$root/etc/default/locale"

# What belongs to one machine is filled in by each sandbox, and must exist to be mounted over.
: >"$root/etc/machine-id"
: >"$root/etc/hostname"
: >"$root/etc/resolv.conf"
chmod 0644 "$root/etc/machine-id" "$root/etc/hostname" "$root/etc/resolv.conf"
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
rm -f "$root/var/lib/dbus/machine-id"

# Logs, caches and backups of the build: they hold times and nothing that anyone needs.
find "$root/var/log" -type f -delete
find "$root/var/cache/ldconfig" "$root/var/cache/debconf" -name '*aux-cache' -delete -o -name '*-old' -delete
find "$root/var/lib/apt/lists" "$root/var/cache/apt" -type f -delete
rm -f "$root/etc/passwd-" "$root/etc/group-" "$root/etc/shadow-" "$root/etc/gshadow-" \
  "$root/etc/subuid-" "$root/etc/subgid-"
