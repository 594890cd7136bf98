#!/bin/sh
# Fits Docker's daemon to a sandbox, which starts it by the image's startup label.
set -eu
root=$1
here=$(dirname "$0")

mkdir -p "$root/etc/docker"
install -m 0644 "$here/daemon.json" "$root/etc/docker/daemon.json"
install -m 0755 "$here/start-docker" "$root/usr/local/sbin/start-docker"
install -m 0755 "$here/docker" "$root/usr/local/bin/docker"
chroot "$root" usermod --append --groups docker tl-user
