import { debianMinimal } from '../../debian-minimal/recipe.ts';
import type { OnDemandRecipe } from '../recipe.ts';

/** Docker's daemon and client. runc wants control groups v1 in gVisor, where systemd does not boot: no systemd here. */
export const docker: OnDemandRecipe = {
  name: 'tensorlake/docker',
  base: debianMinimal.base,
  sources: [{ base: debianMinimal.base, source: debianMinimal.source }],
  packages: [...debianMinimal.packages, 'docker-buildx', 'docker-cli', 'docker.io', 'iproute2', 'iptables'],
  labels: {
    'dev.atoll.runtime.startup': '/usr/local/sbin/start-docker',
    'dev.atoll.runtime.capabilities': 'ALL',
    'dev.atoll.runtime.cgroup': 'v1',
    'dev.atoll.runtime.packet-sockets': 'true',
    'dev.atoll.runtime.tmpfs': '/run',
  },
};
