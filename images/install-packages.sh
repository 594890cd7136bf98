#!/bin/sh
# Unpacks a distribution's image layer, installs packages in it with its own package manager and customises
# it. Runs in mount and process namespaces of its own.
set -eu
layer=$1
root=$2
shift 2

mkdir -p "$root"
tar --extract --file="$layer" --directory="$root" --numeric-owner --xattrs --xattrs-include='*'
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"

rm -f "$root/etc/resolv.conf"
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"

export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
chroot "$root" apt-get -o Acquire::Retries=3 update
chroot "$root" apt-get -o Acquire::Retries=3 install --yes --no-install-recommends "$@"
chroot "$root" apt-get clean
umount --recursive "$root/dev"
umount "$root/proc"
"$(dirname "$0")/customize.sh" "$root"
