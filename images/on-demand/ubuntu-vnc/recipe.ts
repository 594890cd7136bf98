import { debianMinimal } from '../../debian-minimal/recipe.ts';
import { ubuntuMinimal } from '../../ubuntu-minimal/recipe.ts';
import type { OnDemandRecipe } from '../recipe.ts';
import { ubuntuSystemd } from '../ubuntu-systemd/recipe.ts';

/** A desktop for computer use: XFCE on an X server that speaks VNC, with a browser. */
export const ubuntuVnc: OnDemandRecipe = {
  name: 'tensorlake/ubuntu-vnc',
  base: ubuntuMinimal.base,
  sources: [
    {
      base: debianMinimal.base,
      source: debianMinimal.source,
      substitutes: {
        for: ubuntuMinimal.base,
        reason: 'Ubuntu has its browsers as snaps, which do not run in a sandbox',
      },
    },
  ],
  packages: [
    ...ubuntuSystemd.packages,
    'adwaita-icon-theme',
    'dbus-x11',
    'firefox-esr',
    'fonts-dejavu-core',
    'thunar',
    'tigervnc-standalone-server',
    'tigervnc-tools',
    'x11-xserver-utils',
    'xfce4-panel',
    'xfce4-session',
    'xfce4-settings',
    'xfce4-terminal',
    'xfconf',
    'xfdesktop4',
    'xfwm4',
  ],
  labels: ubuntuSystemd.labels,
};
