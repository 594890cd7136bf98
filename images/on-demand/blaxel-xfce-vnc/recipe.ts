import { hubImage } from '../blaxel.ts';
import type { OnDemandRecipe } from '../recipe.ts';

/** A desktop in the browser, on port 6080. */
export const blaxelXfceVnc: OnDemandRecipe = hubImage({
  name: 'xfce-vnc',
  standsInFor: 'XFCE with a VNC server',
  differs: 'the desktop of Debian, with Firefox',
  packages: [
    'adwaita-icon-theme',
    'dbus-x11',
    'firefox-esr',
    'fonts-dejavu-core',
    'novnc',
    'thunar',
    'tigervnc-standalone-server',
    'websockify',
    'xfce4-panel',
    'xfce4-session',
    'xfce4-settings',
    'xfce4-terminal',
    'xfconf',
    'xfdesktop4',
    'xfwm4',
  ],
  entrypoint: ['/usr/local/bin/start-desktop'],
});
