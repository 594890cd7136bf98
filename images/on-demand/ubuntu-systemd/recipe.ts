import { debianMinimal } from '../../debian-minimal/recipe.ts';
import { ubuntuMinimal } from '../../ubuntu-minimal/recipe.ts';
import type { OnDemandRecipe } from '../recipe.ts';

/** A machine with services: systemd is PID 1, and the agent one of its units. */
export const ubuntuSystemd: OnDemandRecipe = {
  name: 'tensorlake/ubuntu-systemd',
  base: ubuntuMinimal.base,
  sources: [
    { base: ubuntuMinimal.base, source: ubuntuMinimal.source },
    {
      base: debianMinimal.base,
      source: debianMinimal.source,
      substitutes: { for: ubuntuMinimal.base, reason: 'the registry with it could not be reached' },
    },
  ],
  packages: [...debianMinimal.packages, 'dbus', 'iproute2', 'libpam-systemd', 'systemd', 'systemd-sysv'],
  labels: {
    'dev.atoll.runtime.init': '/sbin/init',
    'dev.atoll.runtime.capabilities': 'ALL',
    'dev.atoll.runtime.tmpfs': '/run',
  },
};
