import { ApiError } from '@atoll/protocol/errors';
import { hasRules } from './egress-policy.ts';
import { emptyReport } from './egress-report.ts';
import type { SandboxNetwork } from './network.ts';

/** No network of its own: sandboxes share the host's, as driver `fake` runs them. The driver picks the port. */
export function createLoopbackNetwork(): SandboxNetwork {
  return {
    attach: () => Promise.resolve({ host: '127.0.0.1', port: 0 }),
    async requirePolicy(policy) {
      if (hasRules(policy))
        throw new ApiError(
          'unsupported',
          'runtime fake keeps no rules for destinations: use gvisor or native',
        );
    },
    setPolicy: () => Promise.resolve(true),
    traffic: () => Promise.resolve(undefined),
    report: () => Promise.resolve(emptyReport),
    release: () => Promise.resolve(),
    adopt: () => Promise.resolve(),
    list: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
}
