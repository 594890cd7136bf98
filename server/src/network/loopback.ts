import type { SandboxNetwork } from './network.ts';

/** No network of its own: sandboxes share the host's, as driver `fake` runs them. The driver picks the port. */
export function createLoopbackNetwork(): SandboxNetwork {
  return {
    attach: () => Promise.resolve({ host: '127.0.0.1', port: 0 }),
    allowInternet: () => Promise.resolve(),
    release: () => Promise.resolve(),
    adopt: () => Promise.resolve(),
    list: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
}
