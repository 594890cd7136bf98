#!/bin/sh
# Fits systemd to a sandbox: what it would do to a machine of its own is left out.
set -eu
root=$1
units="$root/etc/systemd/system"

# Kernel settings and mounts that the sandbox has or lacks for good: /tmp stays on the disk, under its limit.
# Terminals come from the agent, not from a console. Package lists are fetched by who wants them.
for unit in systemd-modules-load.service systemd-sysctl.service tmp.mount run-lock.mount sys-kernel-config.mount sys-kernel-debug.mount \
  sys-kernel-tracing.mount dev-hugepages.mount dev-mqueue.mount systemd-udevd.service \
  console-getty.service getty.target apt-daily.timer apt-daily-upgrade.timer; do
  ln -sf /dev/null "$units/$unit"
done
ln -sf /lib/systemd/system/multi-user.target "$units/default.target"
