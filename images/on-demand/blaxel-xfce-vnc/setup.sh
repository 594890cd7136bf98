#!/bin/sh
# Adds the program that the sandbox starts, and answers what the panel would ask at its first start.
set -eu
root=$1
here=$(dirname "$0")

"$here/../blaxel.sh" "$root"
install -m 0755 "$here/start-desktop" "$root/usr/local/bin/start-desktop"
settings="$root/etc/xdg/xfce4/xfconf/xfce-perchannel-xml"
mkdir -p "$settings"
if [ -f "$root/etc/xdg/xfce4/panel/default.xml" ]; then
  cp "$root/etc/xdg/xfce4/panel/default.xml" "$settings/xfce4-panel.xml"
fi
