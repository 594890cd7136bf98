#!/bin/sh
# Adds a desktop that is there when the sandbox is: an X server that speaks VNC on port 5901, and a session in it.
set -eu
root=$1
here=$(dirname "$0")
units="$root/etc/systemd/system"

"$here/../ubuntu-systemd/setup.sh" "$root"
install -m 0644 "$here/vnc.service" "$here/desktop.service" "$units/"
for unit in vnc.service desktop.service; do ln -sf "../$unit" "$units/multi-user.target.wants/$unit"; done

# VNC takes eight characters of a password; this is the one that clients of the wire expect.
mkdir -p "$root/etc/vnc"
printf 'tensorlake\n' | chroot "$root" vncpasswd -f >"$root/etc/vnc/password"
chown 1000:1000 "$root/etc/vnc/password"
chmod 0400 "$root/etc/vnc/password"

# The panel asks at its first start whether to use its default, and nobody is there to answer.
settings="$root/etc/xdg/xfce4/xfconf/xfce-perchannel-xml"
mkdir -p "$settings"
if [ -f "$root/etc/xdg/xfce4/panel/default.xml" ]; then
  cp "$root/etc/xdg/xfce4/panel/default.xml" "$settings/xfce4-panel.xml"
fi
